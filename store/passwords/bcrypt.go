package passwords

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"strings"

	"golang.org/x/crypto/bcrypt"
)

const (
	maxBcryptCost = 15

	// bcryptPassword is how many bytes of a password bcrypt uses.
	bcryptPassword = 72
)

// bcryptHash is a hash of bcrypt.
type bcryptHash struct {
	otherScheme

	encoded []byte // in the form that x/crypto reads

	// prepare returns the text that is hashed, for systems that digest a password
	// first so that all of it counts.
	prepare func(password string) string

	pepper string // appended to a password
}

// parseBcrypt reads a hash without another prefix.
func parseBcrypt(rest string) (stored, error) {
	return readBcrypt(rest)
}

// parseOtherBcrypt reads a hash of a system that has no pepper.
func parseOtherBcrypt(rest string) (stored, error) {
	h, err := readBcrypt(rest)
	h.prepare = symfonyText
	return h, err
}

// parseDjangoBcrypt reads a hash of the hexadecimal SHA-256 of a password.
func parseDjangoBcrypt(rest string) (stored, error) {
	h, err := readBcrypt(rest)
	h.prepare = func(password string) string {
		sum := sha256.Sum256([]byte(password))
		return hex.EncodeToString(sum[:])
	}
	return h, err
}

// parsePasslibBcrypt reads 2b,12$salt$key, which is a hash of the base64 of a
// password's SHA-256, and v=2,t=2b,r=12$salt$key, in which the SHA-256 is keyed
// with the salt.
func parsePasslibBcrypt(rest string) (stored, error) {
	fs, ok := fields(rest, "$", 3)
	if !ok {
		return nil, unreadable("bcrypt-sha256: must have parameters, salt and key")
	}
	kind, salt, key := fs[0], fs[1], fs[2]
	prepare := func(password string) string {
		sum := sha256.Sum256([]byte(password))
		return padded.EncodeToString(sum[:])
	}
	if second, ok := strings.CutPrefix(kind, "v=2,t="); ok {
		kind = strings.Replace(second, ",r=", ",", 1)
		prepare = func(password string) string {
			mac := hmac.New(sha256.New, []byte(salt))
			mac.Write([]byte(password))
			return padded.EncodeToString(mac.Sum(nil))
		}
	}
	letters, cost, ok := strings.Cut(kind, ",")
	if !ok || len(letters) != 2 || letters[0] != '2' || len(cost) > 2 || len(salt) != 22 {
		return nil, unreadable("bcrypt-sha256: malformed")
	}
	if len(cost) == 1 {
		cost = "0" + cost
	}
	h, err := readBcrypt(letters[1:] + "$" + cost + "$" + salt + key)
	h.prepare = prepare
	return h, err
}

// readBcrypt reads b$12$ and what follows: 22 characters of salt and 31 of key.
// The letters a, b and y mean the same algorithm; x was a bug of another.
func readBcrypt(rest string) (bcryptHash, error) {
	const head, tail = len("b$12$"), 22 + 31
	if len(rest) != head+tail || !strings.ContainsRune("aby", rune(rest[0])) || rest[1] != '$' || rest[4] != '$' {
		return bcryptHash{}, unreadable("bcrypt: malformed")
	}
	for _, c := range []byte(rest[head:]) {
		if !isBcryptChar(c) {
			return bcryptHash{}, unreadable("bcrypt: salt or key malformed")
		}
	}
	cost, ok := decimals([]string{strings.TrimPrefix(rest[2:4], "0")})
	if !ok || cost[0] < uint64(bcrypt.MinCost) || cost[0] > maxBcryptCost {
		return bcryptHash{}, unreadable("bcrypt: cost out of bounds")
	}
	return bcryptHash{encoded: []byte("$2" + rest)}, nil
}

func isBcryptChar(c byte) bool {
	return '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || c == '.' || c == '/'
}

func (bcryptHash) kib() uint64 { return 4 }

func (h bcryptHash) match(password string) (bool, error) {
	// x/crypto refuses to hash more than 72 bytes but compares the first 72 of a
	// longer password, and ends a password with a NUL and repeats that, so that
	// "a\x00a" is "a". Here no password is taken for another.
	text, whole := h.text(password)
	if len(text) > bcryptPassword {
		text = text[:bcryptPassword]
	}

	// A mismatch is the only error left for a hash that was parsed.
	err := bcrypt.CompareHashAndPassword(h.encoded, []byte(text))
	return err == nil && whole, nil
}

// text returns the text that is hashed, and whether it represents the whole
// password. If it does not, the work is done all the same.
func (h bcryptHash) text(password string) (text string, whole bool) {
	switch {
	case h.prepare != nil:
		return h.prepare(password), true
	case h.pepper != "":
		return password + h.pepper, len(password) <= bcryptPassword && !hasNUL(password)
	}
	return symfonyText(password), true
}

// symfonyText returns a password unchanged, unless it has more bytes than bcrypt
// uses, or a NUL. Of such a password Symfony hashes the base64 of its SHA-512. No
// other system has bcrypt hashes of such passwords as a whole.
func symfonyText(password string) string {
	if len(password) <= bcryptPassword && !hasNUL(password) {
		return password
	}
	sum := sha512.Sum512([]byte(password))
	return padded.EncodeToString(sum[:])
}

// hasNUL reports whether a password has a byte that bcrypt, and the HMAC in
// scrypt and PBKDF2, may confuse with their own padding.
func hasNUL(password string) bool {
	return strings.Contains(password, "\x00")
}
