package passwords

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"golang.org/x/crypto/bcrypt"
)

const (
	maxBcryptCost = 15

	// bcryptPassword is how many bytes of a password bcrypt looks at.
	bcryptPassword = 72
)

type bcryptHash struct {
	encoded []byte // in the form that x/crypto reads
	digest  bool   // the password is hashed before, as Django's bcrypt_sha256 does
}

func parseBcryptSHA256(rest string) (stored, error) {
	h, err := readBcrypt(rest)
	h.digest = true
	return h, err
}

func parseBcrypt(rest string) (stored, error) {
	return readBcrypt(rest)
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
	// longer password. It ends the password with a NUL and repeats that, so that
	// "a\x00a" is "a". Neither is the password that was stored; the work is done
	// all the same.
	whole := !hasNUL(password)
	if h.digest {
		sum := sha256.Sum256([]byte(password))
		password = hex.EncodeToString(sum[:])
	}
	if len(password) > bcryptPassword {
		whole, password = false, password[:bcryptPassword]
	}

	// A mismatch is the only error left for a hash that was parsed.
	err := bcrypt.CompareHashAndPassword(h.encoded, []byte(password))
	return err == nil && whole, nil
}

// hasNUL reports whether a password has a byte that bcrypt, and the HMAC in
// scrypt and PBKDF2, may confuse with their own padding.
func hasNUL(password string) bool {
	return strings.Contains(password, "\x00")
}
