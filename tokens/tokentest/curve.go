package tokentest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	_ "crypto/sha256" // for crypto.SHA256
	_ "crypto/sha512" // for the longer ones
	"encoding/base64"
	"slices"

	"github.com/sallyport-go/sallyport/tokens/keys"
)

// curves returns signatures with a wrong encoding, for the ES algorithms (RFC
// 7518 §3.4).
func curves(key keys.Key) []row {
	private, ok := key.Private.(*ecdsa.PrivateKey)
	if !ok {
		return nil
	}
	hash := map[string]crypto.Hash{"ES256": crypto.SHA256, "ES384": crypto.SHA384, "ES512": crypto.SHA512}[key.Algorithm]
	rows := []row{{"the signature in DER", func(d *draft) {
		d.Sign = func(signed string) []byte {
			h := hash.New()
			_, _ = h.Write([]byte(signed))
			der, err := ecdsa.SignASN1(rand.Reader, private, h.Sum(nil))
			if err != nil {
				panic(err) // check has signed with it
			}
			return der
		}
	}, bad}}
	for _, shape := range []struct {
		name   string
		change func(r, s []byte) []byte
	}{
		{"zeros in front of both halves of the signature", func(r, s []byte) []byte { return slices.Concat([]byte{0}, r, []byte{0}, s) }},
		{"a zero in front of the signature", func(r, s []byte) []byte { return slices.Concat([]byte{0}, r, s) }},
		{"a zero behind the signature", func(r, s []byte) []byte { return slices.Concat(r, s, []byte{0}) }},
		{"the first half of the signature only", func(r, _ []byte) []byte { return r }},
		{"the signature twice", func(r, s []byte) []byte { return slices.Concat(r, s, r, s) }},
		{"the halves of the signature changed over", func(r, s []byte) []byte { return slices.Concat(s, r) }},
		{"a signature whose r is zero", func(r, s []byte) []byte { return slices.Concat(make([]byte, len(r)), s) }},
		{"a signature whose s is zero", func(r, s []byte) []byte { return slices.Concat(r, make([]byte, len(s))) }},
	} {
		rows = append(rows, row{shape.name, func(d *draft) {
			d.EncodeSum = func(b []byte) string {
				return base64.RawURLEncoding.EncodeToString(shape.change(b[:len(b)/2], b[len(b)/2:]))
			}
		}, bad})
	}
	return rows
}
