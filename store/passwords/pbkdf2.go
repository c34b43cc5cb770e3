package passwords

import (
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"hash"
)

const maxPBKDF2Rounds = 4_000_000

// pbkdf2Digest is the digest that a kind of PBKDF2 is made of.
type pbkdf2Digest struct {
	new  func() hash.Hash
	size int
}

var (
	sha256PBKDF2 = pbkdf2Digest{sha256.New, sha256.Size}
	sha512PBKDF2 = pbkdf2Digest{sha512.New, sha512.Size}
)

type pbkdf2Hash struct {
	secret
	digest pbkdf2Digest
	rounds int
}

// parsePasslib reads 29000$salt$key, both in passlib's own base64.
func (d pbkdf2Digest) parsePasslib(rest string) (stored, error) {
	return d.parse(rest, func(salt, key string) (secret, bool) {
		return decodeSecret(salt, key, ab64)
	})
}

// parseDjango reads 600000$salt$key: the salt is text, the key is padded base64.
func (d pbkdf2Digest) parseDjango(rest string) (stored, error) {
	return d.parse(rest, func(salt, key string) (secret, bool) {
		return textSecret(salt, key, base64.StdEncoding.Strict().DecodeString)
	})
}

// parseWerkzeug reads 600000$salt$hex.
func (d pbkdf2Digest) parseWerkzeug(rest string) (stored, error) {
	return d.parse(rest, werkzeugSecret)
}

func (d pbkdf2Digest) parse(rest string, decode func(salt, key string) (secret, bool)) (stored, error) {
	fs, ok := fields(rest, "$", 3)
	if !ok {
		return nil, unreadable("pbkdf2: wants rounds, salt and key")
	}
	ns, ok := decimals(fs[:1])
	if !ok {
		return nil, unreadable("pbkdf2: wants a number of rounds")
	}
	rounds := ns[0]
	if rounds < 1 || rounds > maxPBKDF2Rounds {
		return nil, unreadable("pbkdf2: rounds out of bounds")
	}
	s, ok := decode(fs[1], fs[2])
	if !ok || len(s.key) != d.size { // a longer key would cost its rounds again
		return nil, unreadable("pbkdf2: salt or key malformed or out of bounds")
	}
	return pbkdf2Hash{secret: s, digest: d, rounds: int(rounds)}, nil
}

func (pbkdf2Hash) kib() uint64 { return 0 }

func (h pbkdf2Hash) match(password string) (bool, error) {
	key, err := pbkdf2.Key(h.digest.new, password, h.salt, h.rounds, len(h.key))
	if err != nil { // a FIPS 140-3 mode that allows nothing else
		return false, err
	}
	return subtle.ConstantTimeCompare(key, h.key) == 1 && !hasNUL(password), nil
}
