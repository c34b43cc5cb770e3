package passwords

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"hash"
	"strings"
)

const (
	maxSHACryptRounds = 1_000_000
	minSHACryptRounds = 1000
	defaultSHARounds  = 5000
	maxSHACryptSalt   = 16

	// shaCryptPassword is how many bytes of a password crypt(3) takes.
	shaCryptPassword = 512
)

// shaCrypt is one of the two schemes of "Unix crypt using SHA-256 and SHA-512", by
// U. Drepper.
type shaCrypt struct {
	new  func() hash.Hash
	size int

	// Of a key, three bytes at a time are written as four characters; next says
	// which three come after those at a, b, c.
	next func(a, b, c int) (int, int, int)
	last []int // the bytes of the last characters
}

var (
	sha256Crypt = shaCrypt{
		sha256.New, sha256.Size,
		func(a, b, c int) (int, int, int) { return c + 1, a + 1, b + 1 },
		[]int{31, 30},
	}
	sha512Crypt = shaCrypt{
		sha512.New, sha512.Size,
		func(a, b, c int) (int, int, int) { return b + 1, c + 1, a + 1 },
		[]int{63},
	}
)

type shaCryptHash struct {
	otherScheme

	scheme shaCrypt
	salt   []byte
	key    string // as it is written
	rounds int
}

// parse reads salt$key, or rounds=5000$salt$key.
func (s shaCrypt) parse(rest string) (stored, error) {
	h := shaCryptHash{scheme: s, rounds: defaultSHARounds}
	if params, ok := strings.CutPrefix(rest, "rounds="); ok {
		number, after, _ := strings.Cut(params, "$")
		ns, ok := decimals([]string{number})
		if !ok || ns[0] < minSHACryptRounds || ns[0] > maxSHACryptRounds {
			return nil, unreadable("sha-crypt: rounds out of bounds")
		}
		h.rounds, rest = int(ns[0]), after //nolint:gosec // bounded
	}
	fs, ok := fields(rest, "$", 2)
	if !ok || len(fs[0]) > maxSHACryptSalt || len(fs[1]) != (s.size*8+5)/6 {
		return nil, unreadable("sha-crypt: salt or key malformed or out of bounds")
	}
	h.salt, h.key = []byte(fs[0]), fs[1]
	return h, nil
}

func (shaCryptHash) kib() uint64 { return 0 }

func (h shaCryptHash) match(password string) (bool, error) {
	whole := len(password) <= shaCryptPassword && !hasNUL(password)
	password = password[:min(len(password), shaCryptPassword)]
	key := h.scheme.encode(h.scheme.derive([]byte(password), h.salt, h.rounds))
	return subtle.ConstantTimeCompare([]byte(key), []byte(h.key)) == 1 && whole, nil
}

// derive follows the steps of the specification, which are numbered.
func (s shaCrypt) derive(password, salt []byte, rounds int) []byte {
	sum := func(parts ...[]byte) []byte {
		d := s.new()
		for _, p := range parts {
			d.Write(p)
		}
		return d.Sum(nil)
	}
	alternate := sum(password, salt, password) // 4 to 8

	d := s.new() // 1 to 3, 9 to 12
	d.Write(password)
	d.Write(salt)
	d.Write(stretched(alternate, len(password)))
	for n := len(password); n > 0; n >>= 1 {
		if n&1 == 1 {
			d.Write(alternate)
		} else {
			d.Write(password)
		}
	}
	key := d.Sum(nil)

	p := stretched(sum(bytes.Repeat(password, len(password))), len(password)) // 13 to 16
	t := stretched(sum(bytes.Repeat(salt, 16+int(key[0]))), len(salt))        // 17 to 20

	for i := range rounds { // 21
		d.Reset()
		first, second := key, p
		if i&1 == 1 {
			first, second = p, key
		}
		d.Write(first)
		if i%3 != 0 {
			d.Write(t)
		}
		if i%7 != 0 {
			d.Write(p)
		}
		d.Write(second)
		key = d.Sum(key[:0])
	}
	return key
}

// stretched repeats b up to a length.
func stretched(b []byte, length int) []byte {
	return bytes.Repeat(b, length/len(b)+1)[:length]
}

// encode writes a key in the base64 of crypt(3), the lowest bits first.
func (s shaCrypt) encode(key []byte) string {
	const alphabet = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	var text []byte
	write := func(bytes ...byte) {
		var bits uint32
		for _, b := range bytes {
			bits = bits<<8 | uint32(b)
		}
		for range len(bytes) + 1 {
			text = append(text, alphabet[bits&0x3f])
			bits >>= 6
		}
	}
	for a, b, c, i := 0, s.size/3, s.size/3*2, 0; i < s.size/3; i++ {
		write(key[a], key[b], key[c])
		a, b, c = s.next(a, b, c)
	}
	rest := make([]byte, len(s.last))
	for i, at := range s.last {
		rest[i] = key[at]
	}
	write(rest...)
	return string(text)
}
