package passwords

import (
	"crypto/subtle"
	"strconv"

	"golang.org/x/crypto/scrypt"
)

const (
	maxScryptWork        = 1 << 21 // N*r*p; N*r blocks of 128 bytes are in memory, 256 MiB
	maxScryptBlockSize   = 32      // r
	maxScryptParallelism = 32      // p
)

type scryptHash struct {
	otherScheme
	secret

	n, r, p int
}

// parseScrypt reads ln=16,r=8,p=1$salt$key, as passlib writes it.
func parseScrypt(rest string) (stored, error) {
	fs, ok := fields(rest, "$", 3)
	if !ok {
		return nil, unreadable("scrypt: must have parameters, salt and key")
	}
	ns, ok := numbers(fs[0], "ln", "r", "p")
	if !ok {
		return nil, unreadable("scrypt: must have the parameters ln, r and p")
	}
	s, ok := decodeSecret(fs[1], fs[2], b64)
	if !ok {
		return nil, unreadable("scrypt: salt or key malformed or out of bounds")
	}
	return newScrypt(1<<ns[0], ns[1], ns[2], s) // 1<<64 is 0, which is out of bounds
}

// parseWerkzeugScrypt reads 32768:8:1$salt$hex.
func parseWerkzeugScrypt(rest string) (stored, error) {
	fs, ok := fields(rest, "$", 3)
	if !ok {
		return nil, unreadable("scrypt: must have parameters, salt and key")
	}
	params, ok := fields(fs[0], ":", 3)
	if !ok {
		return nil, unreadable("scrypt: must have the parameters N, r and p")
	}
	ns, ok := decimals(params)
	if !ok {
		return nil, unreadable("scrypt: must have numbers for N, r and p")
	}
	s, ok := werkzeugSecret(fs[1], fs[2])
	if !ok {
		return nil, unreadable("scrypt: salt or key malformed or out of bounds")
	}
	return newScrypt(ns[0], ns[1], ns[2], s)
}

// parseDjangoScrypt reads 16384$salt$8$5$key: the salt is text, the key is padded
// base64.
func parseDjangoScrypt(rest string) (stored, error) {
	fs, ok := fields(rest, "$", 5)
	if !ok {
		return nil, unreadable("scrypt: must have N, salt, r, p and key")
	}
	ns, ok := decimals([]string{fs[0], fs[2], fs[3]})
	if !ok {
		return nil, unreadable("scrypt: must have numbers for N, r and p")
	}
	s, ok := textSecret(fs[1], fs[4], padded.DecodeString)
	if !ok {
		return nil, unreadable("scrypt: salt or key malformed or out of bounds")
	}
	return newScrypt(ns[0], ns[1], ns[2], s)
}

// parseSpringScrypt reads e0801$salt$key: a hexadecimal number of a byte or two for
// the logarithm of N, a byte for r and one for p.
func parseSpringScrypt(rest string) (stored, error) {
	fs, ok := fields(rest, "$", 3)
	if !ok {
		return nil, unreadable("scrypt: must have parameters, salt and key")
	}
	params, err := strconv.ParseUint(fs[0], 16, 24)
	if err != nil {
		return nil, unreadable("scrypt: must have parameters in hexadecimal")
	}
	s, ok := decodeSecret(fs[1], fs[2], padded)
	if !ok {
		return nil, unreadable("scrypt: salt or key malformed or out of bounds")
	}
	return newScrypt(1<<(params>>16), params>>8&0xff, params&0xff, s)
}

func newScrypt(n, r, p uint64, s secret) (stored, error) {
	if n < 2 || n&(n-1) != 0 || n > maxScryptWork || r < 1 || r > maxScryptBlockSize ||
		p < 1 || p > maxScryptParallelism || n*r*p > maxScryptWork {
		return nil, unreadable("scrypt: parameters out of bounds")
	}
	return scryptHash{secret: s, n: int(n), r: int(r), p: int(p)}, nil
}

func (h scryptHash) kib() uint64 { return uint64(h.n*h.r) / 8 } //nolint:gosec // newScrypt has bounded both

func (h scryptHash) match(password string) (bool, error) {
	key, err := scrypt.Key([]byte(password), h.salt, h.n, h.r, h.p, len(h.key))
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(key, h.key) == 1 && !hasNUL(password), nil
}
