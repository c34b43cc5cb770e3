package passwords

import (
	"crypto/pbkdf2"
	"crypto/sha1" //nolint:gosec // HMAC-SHA-1 is what the rows have, and PBKDF2 with it is not broken
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"hash"
)

const maxPBKDF2Rounds = 4_000_000

// pbkdf2Digest is the digest of a variant of PBKDF2.
type pbkdf2Digest struct {
	new  func() hash.Hash
	size int
}

var (
	sha1PBKDF2   = pbkdf2Digest{sha1.New, sha1.Size}
	sha256PBKDF2 = pbkdf2Digest{sha256.New, sha256.Size}
	sha512PBKDF2 = pbkdf2Digest{sha512.New, sha512.Size}
)

type pbkdf2Hash struct {
	otherScheme
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
		return textSecret(salt, key, padded.DecodeString)
	})
}

// parseWerkzeug reads 600000$salt$hex.
func (d pbkdf2Digest) parseWerkzeug(rest string) (stored, error) {
	return d.parse(rest, werkzeugSecret)
}

func (d pbkdf2Digest) parse(rest string, decode func(salt, key string) (secret, bool)) (stored, error) {
	fs, ok := fields(rest, "$", 3)
	if !ok {
		return nil, unreadable("pbkdf2: must have rounds, salt and key")
	}
	ns, ok := decimals(fs[:1])
	if !ok {
		return nil, unreadable("pbkdf2: must have a number of rounds")
	}
	s, ok := decode(fs[1], fs[2])
	if !ok || len(s.key) != d.size {
		return nil, unreadable("pbkdf2: salt or key malformed or out of bounds")
	}
	return d.hash(ns[0], s)
}

// hash returns a hash with this digest, if its rounds are within bounds.
func (d pbkdf2Digest) hash(rounds uint64, s secret) (stored, error) {
	h := pbkdf2Hash{secret: s, digest: d, rounds: int(min(rounds, maxPBKDF2Rounds+1))}
	if h.rounds < 1 || h.work() > maxPBKDF2Rounds {
		return nil, unreadable("pbkdf2: rounds out of bounds")
	}
	return h, nil
}

// work returns how often the digest is computed: a key that is longer than the
// digest costs all rounds again.
func (h pbkdf2Hash) work() int {
	return h.rounds * ((len(h.key) + h.digest.size - 1) / h.digest.size)
}

func (pbkdf2Hash) kib() uint64 { return 0 }

func (h pbkdf2Hash) match(password string) (bool, error) {
	key, err := pbkdf2.Key(h.digest.new, password, h.salt, h.rounds, len(h.key))
	if err != nil { // such as a FIPS 140-3 mode that does not allow these parameters
		return false, err
	}
	return subtle.ConstantTimeCompare(key, h.key) == 1 && !hasNUL(password), nil
}
