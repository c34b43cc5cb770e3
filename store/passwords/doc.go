// Package passwords hashes passwords for hosts that store the hashes, and
// verifies the hashes that older systems have left in their tables.
//
// A new hash is argon2id. A wrong password and an unknown login cost the same
// work, provided that the host calls [Hasher.VerifyUnknown] for the latter. Only
// so many hashes run at once, so that a storm of logins costs neither the memory
// of the process nor the time of its other requests.
//
// # What Verify reads
//
//	argon2id, argon2i   $argon2id$v=19$m=19456,t=2,p=1$salt$key, and Django's argon2$argon2id$...
//	bcrypt              $2a$, $2b$, $2y$, and Django's bcrypt$$2b$... and bcrypt_sha256$$2b$...
//	scrypt              $scrypt$ln=16,r=8,p=1$salt$key (passlib), scrypt:32768:8:1$salt$hex (Werkzeug)
//	PBKDF2              $pbkdf2-sha256$29000$salt$key and -sha512 (passlib), pbkdf2_sha256$600000$salt$key (Django),
//	                    pbkdf2:sha256:600000$salt$hex and :sha512: (Werkzeug)
//
// Everything else is [ErrFormat]: crypt(3)'s own hashes, argon2d, the first
// version of argon2 (v=16), $2x$, SHA-1.
//
// # Bounds
//
// A row may be damaged, or written by somebody who should not have. What lies
// out of these bounds is ErrFormat, before any memory is taken:
//
//	the whole string    512 bytes of printable ASCII without spaces
//	salt, key           1 to 64 bytes, 16 to 64 bytes; for PBKDF2 the key is as long as its digest
//	argon2              t >= 1, 1 <= p <= 64, 8p <= m <= 262144 KiB (256 MiB), m*t <= 1048576 KiB
//	bcrypt              cost 4 to 15
//	scrypt              N > 1, 1 <= r <= 32, 1 <= p <= 32, N*r*p <= 2097152 (256 MiB)
//	PBKDF2              1 to 4000000 rounds
//
// So the worst row costs 256 MiB and about two seconds of one core; the worst
// table costs no more memory than that, or Config.TotalMemory.
//
// # What is a password
//
// The bytes that the caller gives, up to 4096 of them: nothing is trimmed, cut,
// folded or normalised, and no password is too weak or too short. A rule about
// that is the host's.
//
// Older schemes do not look at all of a password. bcrypt forgets what comes
// after the 72nd byte; bcrypt, scrypt and PBKDF2 take some passwords with a NUL
// byte for others without. Where a scheme cannot tell, Verify does the work and
// says no: a password of more than 72 bytes matches no bcrypt hash (Django's
// bcrypt_sha256 excepted, which looks at all of it), and one with a NUL byte
// matches argon2 only. A user who had such a password under an older scheme
// needs a new one. What was cut off when it was stored nobody can know: the 72
// bytes that were kept of it do match.
//
// # What it does not do
//
// It neither stores anything nor counts failures, and it has no pepper. As long
// as a row has a hash of an older kind its login takes longer, or less long,
// than an unknown one: that ends when the row is renewed. A hash that has begun
// runs to its end, whatever becomes of its context.
package passwords
