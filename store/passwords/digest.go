package passwords

import (
	"crypto/hmac"
	"crypto/md5"  //nolint:gosec // what old rows have; they are renewed at the first login
	"crypto/sha1" //nolint:gosec // the same
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/hex"
	"hash"
	"strings"
)

// digestHash is a hash of a scheme that digests a password once, with or without
// a salt.
type digestHash struct {
	otherScheme
	secret

	sums []sum // any of them may be the key
}

// sum returns the key of a salt and a password.
type sum func(salt []byte, password string) []byte

// digest is a digest that such schemes use.
type digest struct {
	new  func() hash.Hash
	size int

	// prefixed: Django had a scheme with it, in which the salt precedes the
	// password. Werkzeug had a scheme with each digest, in which the salt is the key
	// of an HMAC.
	prefixed bool
}

var (
	md5Digest    = digest{md5.New, md5.Size, true}
	sha1Digest   = digest{sha1.New, sha1.Size, true}
	sha256Digest = digest{sha256.New, sha256.Size, false}
	sha512Digest = digest{sha512.New, sha512.Size, false}
)

// parse reads salt$hex, as Django and Werkzeug wrote it, and $hex, as Django did
// without a salt.
func (d digest) parse(rest string) (stored, error) {
	salt, key, ok := strings.Cut(rest, "$")
	k, err := hex.DecodeString(key)
	if !ok || err != nil || len(k) != d.size || len(salt) > maxSalt || salt == "" && !d.prefixed {
		return nil, unreadable("digest: salt or key malformed or out of bounds")
	}
	h := digestHash{secret: secret{salt: []byte(salt), key: k}}
	if d.prefixed {
		h.sums = append(h.sums, d.saltFirst)
	}
	if salt != "" {
		h.sums = append(h.sums, d.keyed)
	}
	return h, nil
}

// parseSpring reads {salt}hex, and hex, as MessageDigestPasswordEncoder wrote
// them: the salt, with its braces, follows the password.
func (d digest) parseSpring(rest string) (stored, error) {
	salt := ""
	if end := strings.IndexByte(rest, '}'); strings.HasPrefix(rest, "{") && end > 0 {
		salt, rest = rest[:end+1], rest[end+1:]
	}
	k, err := hex.DecodeString(rest)
	if err != nil || len(k) != d.size || len(salt) > maxSalt {
		return nil, unreadable("digest: salt or key malformed or out of bounds")
	}
	return digestHash{secret: secret{salt: []byte(salt), key: k}, sums: []sum{d.saltLast}}, nil
}

// parseBareMD5 reads 32 hexadecimal digits and nothing else, which Django takes
// for an MD5 without a salt.
func parseBareMD5(encoded string) (row stored, is bool, err error) {
	k, e := hex.DecodeString(encoded)
	if e != nil || len(k) != md5.Size {
		return nil, false, nil //nolint:nilerr // it is another form
	}
	return digestHash{secret: secret{key: k}, sums: []sum{md5Digest.saltFirst}}, true, nil
}

func (d digest) saltFirst(salt []byte, password string) []byte {
	h := d.new()
	h.Write(salt)
	h.Write([]byte(password))
	return h.Sum(nil)
}

func (d digest) saltLast(salt []byte, password string) []byte {
	h := d.new()
	h.Write([]byte(password))
	h.Write(salt)
	return h.Sum(nil)
}

func (d digest) keyed(salt []byte, password string) []byte {
	h := hmac.New(d.new, salt)
	h.Write([]byte(password))
	return h.Sum(nil)
}

// springStandard digests a salt and a password, and then the result 1023 times.
func springStandard(salt []byte, password string) []byte {
	key := sha256Digest.saltFirst(salt, password)
	for range 1023 {
		next := sha256.Sum256(key)
		key = next[:]
	}
	return key
}

func (digestHash) kib() uint64 { return 0 }

func (h digestHash) match(password string) (bool, error) {
	matches := 0
	for _, s := range h.sums {
		matches |= subtle.ConstantTimeCompare(s(h.salt, password), h.key)
	}
	return matches == 1, nil
}
