package tokens_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"math/big"
	"slices"
	"testing"

	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

func TestFaultA10SignaturesAreExact(t *testing.T) {
	t.Parallel()
	for algorithm, hash := range map[string]crypto.Hash{"PS256": crypto.SHA256, "PS384": crypto.SHA384, "PS512": crypto.SHA512} {
		t.Run("a salt of "+algorithm+" has the length of its hash", func(t *testing.T) {
			t.Parallel()
			by := signerOf(algorithm)
			r := open(t, func(c *tokens.Config) { c.Keys = []keys.Key{by.key} })
			for _, salt := range []int{hash.Size(), 0, 1, 8, hash.Size() - 1, hash.Size() + 1, rsa.PSSSaltLengthAuto} {
				d := draftOf(by, r.clock.time())
				d.Sign = func(signed string) []byte {
					h := hash.New()
					_, _ = h.Write([]byte(signed))
					signature, err := rsa.SignPSS(rand.Reader, by.sign.(*rsa.PrivateKey), hash, h.Sum(nil), &rsa.PSSOptions{SaltLength: salt})
					if salt == 0 { // which SignPSS takes for the longest
						signature = signPSSWithoutSalt(by.sign.(*rsa.PrivateKey), hash, h.Sum(nil))
					}
					if err != nil {
						t.Fatal(err)
					}
					return signature
				}
				_, err := r.Verify(t.Context(), d.token(t))
				if salt == hash.Size() && err != nil || salt != hash.Size() && !errors.Is(err, tokens.ErrInvalidToken) {
					t.Errorf("a salt of %d bytes: %v", salt, err)
				}
			}
		})
	}

	for _, algorithm := range []string{"ES256", "ES384", "ES512", "RS256", "PS256", "EdDSA", "HS256"} {
		t.Run("a signature of "+algorithm+" has its one length", func(t *testing.T) {
			t.Parallel()
			by := signerOf(algorithm)
			r := open(t, func(c *tokens.Config) { c.Keys = []keys.Key{by.key} })
			for name, change := range map[string]func([]byte) []byte{
				"a byte less":        func(b []byte) []byte { return b[:len(b)-1] },
				"a byte more":        func(b []byte) []byte { return append(b, 0) },
				"a zero in front":    func(b []byte) []byte { return append([]byte{0}, b...) },
				"two zeros in front": func(b []byte) []byte { return append([]byte{0, 0}, b...) },
				"nothing":            func([]byte) []byte { return nil },
				"a zero before each half": func(b []byte) []byte {
					return append(append([]byte{0}, b[:len(b)/2]...), append([]byte{0}, b[len(b)/2:]...)...)
				},
			} {
				d := draftOf(by, r.clock.time())
				d.EncodeSum = func(b []byte) string { return base64.RawURLEncoding.EncodeToString(change(b)) }
				if _, err := r.Verify(t.Context(), d.token(t)); !errors.Is(err, tokens.ErrInvalidToken) {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
}

// signPSSWithoutSalt is EMSA-PSS of RFC 8017 §9.1.1 with an empty salt.
func signPSSWithoutSalt(key *rsa.PrivateKey, hash crypto.Hash, digest []byte) []byte {
	size, bits := key.Size(), key.N.BitLen()-1
	h := hash.New()
	_, _ = h.Write(make([]byte, 8))
	_, _ = h.Write(digest)
	sum := h.Sum(nil)
	db := make([]byte, size-len(sum)-1)
	db[len(db)-1] = 1
	var mask []byte
	for i := byte(0); len(mask) < len(db); i++ {
		g := hash.New()
		_, _ = g.Write(slices.Concat(sum, []byte{0, 0, 0, i}))
		mask = g.Sum(mask)
	}
	for i := range db {
		db[i] ^= mask[i]
	}
	db[0] &= 0xff >> (8*size - bits)
	em := new(big.Int).SetBytes(slices.Concat(db, sum, []byte{0xbc}))
	return em.Exp(em, key.D, key.N).FillBytes(make([]byte, size))
}
