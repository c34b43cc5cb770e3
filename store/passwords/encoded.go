package passwords

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

const (
	maxEncoded = 512

	minSalt, maxSalt = 1, 64
	minKey, maxKey   = 16, 64
)

// b64 is the base64 of the PHC string format. ab64 is passlib's own, in which
// "." stands for "+". They are strict: a key has one spelling.
var (
	b64  = base64.RawStdEncoding.Strict()
	ab64 = base64.NewEncoding("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789./").
		WithPadding(base64.NoPadding).Strict()
)

// stored is a hash that was read from a row, with parameters within bounds.
type stored interface {
	// match does the expensive work, and reports whether the hash was made from
	// password. An error means that it failed before it knew.
	match(password string) (bool, error)

	// kib returns how much memory that takes, in KiB.
	kib() uint64

	// covers reports whether that is at least the work of a hash by p, as far as the
	// two can be compared.
	covers(p argon2Params) bool
}

// otherScheme is a part of every hash whose work cannot be compared with
// argon2's.
type otherScheme struct{}

func (otherScheme) covers(argon2Params) bool { return false }

// schemes are the prefixes of stored strings; parse reads the rest. A hash of
// Spring Security has the name of its encoder in braces.
var schemes = [...]struct {
	prefix string
	parse  func(rest string) (stored, error)
}{
	{"$argon2id$", parseArgon2id},
	{"argon2$argon2id$", parseArgon2id},
	{"{argon2}$argon2id$", parseArgon2id},
	{"{argon2@SpringSecurity_v5_8}$argon2id$", parseArgon2id},
	{"$argon2i$", parseArgon2i},
	{"argon2$argon2i$", parseArgon2i},
	{"{argon2}$argon2i$", parseArgon2i},
	{"$2", parseBcrypt},
	{"bcrypt$$2", parseOtherBcrypt},
	{"{bcrypt}$2", parseOtherBcrypt},
	{"bcrypt_sha256$$2", parseDjangoBcrypt},
	{"$bcrypt-sha256$", parsePasslibBcrypt},
	{"$scrypt$", parseScrypt},
	{"scrypt:", parseWerkzeugScrypt},
	{"scrypt$", parseDjangoScrypt},
	{"{scrypt}$", parseSpringScrypt},
	{"{scrypt@SpringSecurity_v5_8}$", parseSpringScrypt},
	{"$pbkdf2$", sha1PBKDF2.parsePasslib},
	{"$pbkdf2-sha256$", sha256PBKDF2.parsePasslib},
	{"$pbkdf2-sha512$", sha512PBKDF2.parsePasslib},
	{"pbkdf2_sha1$", sha1PBKDF2.parseDjango},
	{"pbkdf2_sha256$", sha256PBKDF2.parseDjango},
	{"pbkdf2:sha1:", sha1PBKDF2.parseWerkzeug},
	{"pbkdf2:sha256:", sha256PBKDF2.parseWerkzeug},
	{"pbkdf2:sha512:", sha512PBKDF2.parseWerkzeug},
	{"{pbkdf2}", parseSpringPBKDF2},
	{"{pbkdf2@SpringSecurity_v5_8}", parseSpringPBKDF2v58},
	{"$5$", sha256Crypt.parse},
	{"$6$", sha512Crypt.parse},
	{"sha1$", sha1Digest.parse},
	{"md5$", md5Digest.parse},
	{"sha256$", sha256Digest.parse},
	{"sha512$", sha512Digest.parse},
	{"{sha256}", parseSpringStandard},
	{"{MD5}", md5Digest.parseSpring},
	{"{SHA-1}", sha1Digest.parseSpring},
	{"{SHA-256}", sha256Digest.parseSpring},
}

// bare are the forms without a prefix. Each reports whether a string has its
// form.
var bare = [...]func(encoded string) (row stored, is bool, err error){
	parseBareMD5,
	parseASPNET,
}

// Check returns nil if a Hasher can read encoded, and otherwise an error that wraps
// ErrFormat and contains no part of it. It hashes nothing and waits for no turn, so that
// a whole table can be checked before it is taken over. That Check returns nil does not
// mean that a password matches.
func Check(encoded string) error {
	_, err := parse(encoded)
	return err
}

// parse reads a stored hash, or returns an error that wraps ErrFormat. It costs
// little, whatever the string.
func parse(encoded string) (stored, error) {
	if len(encoded) > maxEncoded {
		return nil, unreadable("too long")
	}
	// required, because the decoders of base64 skip line ends
	if strings.ContainsFunc(encoded, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, unreadable("not printable ASCII")
	}
	for _, s := range &schemes {
		if rest, ok := strings.CutPrefix(encoded, s.prefix); ok {
			return s.parse(rest)
		}
	}
	for _, read := range bare {
		if row, is, err := read(encoded); is {
			return row, err
		}
	}
	return nil, unreadable("unknown scheme")
}

// unreadable returns an ErrFormat with a reason that contains no part of the
// hash.
func unreadable(why string) error {
	return fmt.Errorf("%w: %s", ErrFormat, why)
}

// fields splits s at sep into exactly n fields, none of them empty.
func fields(s, sep string, n int) ([]string, bool) {
	fs := strings.SplitN(s, sep, n+1)
	return fs, len(fs) == n && !slices.Contains(fs, "")
}

// numbers reads parameters as the PHC string format has them, "m=8,t=1,p=1",
// which must have these names in this order.
func numbers(s string, names ...string) ([]uint64, bool) {
	fs, ok := fields(s, ",", len(names))
	if !ok {
		return nil, false
	}
	for i, name := range names {
		if fs[i], ok = strings.CutPrefix(fs[i], name+"="); !ok {
			return nil, false
		}
	}
	return decimals(fs)
}

// decimals reads numbers of at most ten digits, without sign or leading zeros.
func decimals(fs []string) ([]uint64, bool) {
	ns := make([]uint64, len(fs))
	for i, f := range fs {
		if f == "" || len(f) > 10 || f[0] == '0' && f != "0" {
			return nil, false
		}
		for _, c := range []byte(f) {
			if c < '0' || c > '9' {
				return nil, false
			}
			ns[i] = 10*ns[i] + uint64(c-'0')
		}
	}
	return ns, true
}

// secret is the salt and the key of a stored hash, for all schemes but bcrypt.
type secret struct{ salt, key []byte }

// decodeSecret decodes a salt and a key that are both written in e.
func decodeSecret(salt, key string, e *base64.Encoding) (secret, bool) {
	s, serr := e.DecodeString(salt)
	k, kerr := e.DecodeString(key)
	return secret{s, k}, serr == nil && kerr == nil && inBounds(s, k)
}

// textSecret returns a salt that is used as it is written, and a key that decode
// reads.
func textSecret(salt, key string, decode func(string) ([]byte, error)) (secret, bool) {
	k, err := decode(key)
	return secret{[]byte(salt), k}, err == nil && inBounds([]byte(salt), k)
}

func inBounds(salt, key []byte) bool {
	return minSalt <= len(salt) && len(salt) <= maxSalt && minKey <= len(key) && len(key) <= maxKey
}

// padded is base64 with padding, as Django, Spring and ASP.NET write it.
var padded = base64.StdEncoding.Strict()

// werkzeugSecret reads the end of a hash of Werkzeug: the salt as text, and the
// key in hexadecimal.
func werkzeugSecret(salt, key string) (secret, bool) {
	return textSecret(salt, key, hex.DecodeString)
}
