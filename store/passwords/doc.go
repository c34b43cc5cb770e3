// Package passwords hashes passwords with argon2id, and verifies the hashes that
// older systems have left in a host's table.
//
// A [Hasher] limits how many hashes run at once, and how much memory they use.
// Their turns are shared out by address and by login, so that no login waits for
// all the logins of another caller (see [WithCaller]). A wrong password, an
// unknown login and a hash that cannot be read cost the same work, provided that
// the host calls [Hasher.VerifyUnknown] for an unknown login.
//
// # What Verify reads
//
//	argon2id, argon2i   $argon2id$v=19$m=19456,t=2,p=1$salt$key, and Django's argon2$argon2id$...
//	bcrypt              $2a$, $2b$, $2y$, with Symfony's rule for long passwords and Devise's pepper; and Django's
//	                    bcrypt$$2b$... and bcrypt_sha256$$2b$...; passlib's $bcrypt-sha256$ of both versions
//	scrypt              $scrypt$ln=16,r=8,p=1$salt$key (passlib), scrypt:32768:8:1$salt$hex (Werkzeug),
//	                    scrypt$16384$salt$8$5$key (Django)
//	PBKDF2              $pbkdf2-sha256$29000$salt$key, -sha512 and without (passlib), pbkdf2_sha256$600000$salt$key
//	                    and pbkdf2_sha1 (Django), pbkdf2:sha256:600000$salt$hex, :sha512: and :sha1: (Werkzeug),
//	                    both versions of ASP.NET Identity
//	SHA-2 of crypt(3)   $5$ and $6$, with and without rounds=
//	digests             sha1$salt$hex, md5$salt$hex and both without a salt (Django, Werkzeug), sha256$ and sha512$ (Werkzeug)
//	Spring Security     {bcrypt}, {argon2}, {scrypt}, {pbkdf2}, the last three with @SpringSecurity_v5_8 too,
//	                    {sha256}, and {MD5}, {SHA-1}, {SHA-256}{salt}hex
//
// docs/migrating-passwords.md says which system wrote which. Each other string is
// [ErrFormat]: a password in the clear ({noop}), the older hashes of crypt(3),
// argon2d, the first version of argon2 (v=16), $2x$.
//
// # Bounds
//
// A row may be damaged, or written by an attacker. A hash outside these bounds is
// ErrFormat, before any memory is allocated:
//
//	the whole string    512 bytes of printable ASCII without spaces
//	salt, key           1 to 64 bytes, 16 to 64 bytes; some schemes fix one or both
//	argon2              t >= 1, 1 <= p <= 64, 8p <= m <= 262144 KiB (256 MiB), m*t <= 1048576 KiB
//	bcrypt              cost 4 to 15
//	scrypt              N > 1, 1 <= r <= 32, 1 <= p <= 32, N*r*p <= 2097152 (256 MiB)
//	PBKDF2              1 to 4000000 rounds, times the digests that the key is long
//	SHA-2 of crypt(3)   1000 to 1000000 rounds, and 512 bytes of a password
//
// So verifying one row takes at most 256 MiB and about two seconds of one core.
// All running hashes together take at most Config.TotalMemory, or the memory of
// the one that runs alone.
//
// # What is a password
//
// A password has at most 4096 bytes. No password is too weak or too short,
// nothing is trimmed or cut, and upper and lower case differ: such a rule is the
// host's. Two texts that Unicode defines as equivalent are the same password,
// unless Config.AsTyped is set.
//
// Older schemes do not use all of a password. bcrypt ignores the bytes after the
// 72nd; bcrypt, scrypt and PBKDF2 treat some passwords with a NUL byte as others
// without. If a scheme cannot distinguish them, Verify does the work and returns
// ErrMismatch:
//
//   - A password of more than 72 bytes or with a NUL byte matches a bcrypt hash
//     only if that was made from all of it (by Django's bcrypt_sha256, passlib's
//     bcrypt-sha256 or Symfony).
//   - A password with a NUL byte matches no hash of scrypt, PBKDF2 or crypt(3).
//   - A password of more than 512 bytes matches no hash of crypt(3).
//
// A user who had such a password under an older scheme needs a new one. If the
// older system cut passwords at 72 bytes, its hash matches those 72 bytes.
//
// # What it does not do
//
// It neither stores hashes nor counts failed attempts, and new hashes have no
// pepper. A wrong password for a row with an expensive hash of an older scheme
// takes longer than an unknown login, until the row is renewed. A hash that has
// started runs to its end, even if its context is done.
package passwords
