package keys

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"hash"
)

var errSignature = errors.New("keys: the signature is not of this key")

// mac is a reused HMAC with the memory that it needs. Memory that is passed to a
// hash.Hash would be allocated on the heap for each call.
type mac struct {
	hash hash.Hash
	text [512]byte
	sum  [sha512.Size]byte
}

// verifyHMAC is golang-jwt's SigningMethodHMAC.Verify with a reused HMAC: its key
// schedule costs more than hashing a short text.
func (m *Member) verifyHMAC(secret []byte, signed string, signature []byte) error {
	h, _ := m.macs.Get().(*mac)
	if h == nil {
		h = &mac{hash: hmac.New(hashes[m.algorithm], secret)}
	}
	for signed != "" {
		n := copy(h.text[:], signed)
		_, _ = h.hash.Write(h.text[:n])
		signed = signed[n:]
	}
	same := hmac.Equal(h.hash.Sum(h.sum[:0]), signature)
	h.hash.Reset()
	m.macs.Put(h)
	if !same {
		return errSignature
	}
	return nil
}

var hashes = map[string]func() hash.Hash{"HS256": sha256.New, "HS384": sha512.New384, "HS512": sha512.New}
