package keys

import (
	"bytes"
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

// hmacOf returns a mac that has read the text. The caller puts it back.
func (m *Member) hmacOf(secret []byte, text string) *mac {
	h, _ := m.macs.Get().(*mac)
	if h == nil {
		h = &mac{hash: hmac.New(hashes[m.algorithm], secret)}
	}
	for text != "" {
		n := copy(h.text[:], text)
		_, _ = h.hash.Write(h.text[:n])
		text = text[n:]
	}
	return h
}

// putBack makes a mac ready for the next text.
func (m *Member) putBack(h *mac) {
	h.hash.Reset()
	m.macs.Put(h)
}

// signHMAC is golang-jwt's SigningMethodHMAC.Sign with a reused HMAC: its key
// schedule costs more than hashing a short text.
func (m *Member) signHMAC(secret []byte, text string) []byte {
	h := m.hmacOf(secret, text)
	defer m.putBack(h)
	return bytes.Clone(h.hash.Sum(h.sum[:0]))
}

// verifyHMAC is golang-jwt's SigningMethodHMAC.Verify with a reused HMAC.
func (m *Member) verifyHMAC(secret []byte, text string, signature []byte) error {
	h := m.hmacOf(secret, text)
	defer m.putBack(h)
	if !hmac.Equal(h.hash.Sum(h.sum[:0]), signature) {
		return errSignature
	}
	return nil
}

var hashes = map[string]func() hash.Hash{"HS256": sha256.New, "HS384": sha512.New384, "HS512": sha512.New}
