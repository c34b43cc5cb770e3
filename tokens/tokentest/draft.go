package tokentest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"

	"github.com/sallyport-go/sallyport/internal/forge"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

var algorithms = []string{"HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

// row is one change of a good token.
type row struct {
	name    string
	change  func(*draft)
	verdict Verdict
}

// draft is an access token before it is signed.
type draft struct {
	forge.Draft

	key keys.Key
	as  names // of the target's claims
}

// draftOf returns a draft that becomes a good token.
func draftOf(t Target, key keys.Key) draft {
	names := forge.Names{
		Algorithm: key.Algorithm, KeyID: key.ID, Issuer: t.Issuer, Audience: t.Audience, Subject: t.Subject, Tier: t.Tier,
	}
	d := draft{forge.Good(names, t.Now(), func(signed string) []byte { return sign(key, signed) }), key, namesOf(t.As)}
	d.rename()
	if t.As != nil {
		for name, value := range t.As.Require {
			d.Claims = d.Claims.Set(name, forge.Quoted(value))
		}
	}
	return d
}

// sign returns the key's signature.
func sign(key keys.Key, signed string) []byte {
	set, err := keys.NewSet(key)
	if err != nil {
		panic(err) // check has validated the key
	}
	signature, err := set.Signer(key.SignsFrom).Sign(signed)
	if err != nil {
		panic(err) // check has signed with it
	}
	return signature
}

func public(key keys.Key) crypto.PublicKey { return key.Private.(crypto.Signer).Public() } //nolint:forcetypeassert // check has validated the key

func header(name, value string) func(*draft) {
	return func(d *draft) { d.Header = d.Header.Set(name, value) }
}

func claim(name, value string) func(*draft) {
	return func(d *draft) { d.Claims = d.Claims.Set(d.as.of(name), value) }
}

func without(name string) func(*draft) {
	return func(d *draft) { d.Header, d.Claims = d.Header.Drop(name), d.Claims.Drop(d.as.of(name)) }
}

func finished(finish func(string) string) func(*draft) {
	return func(d *draft) { d.Finish = finish }
}

func unsigned(d *draft) { d.Sign = func(string) []byte { return nil } }

func all(changes ...func(*draft)) func(*draft) {
	return func(d *draft) {
		for _, change := range changes {
			change(d)
		}
	}
}

// hmacWith signs as HS256 with a key that is not secret.
func hmacWith(key []byte) func(*draft) {
	return func(d *draft) {
		d.Header = d.Header.Set("alg", `"HS256"`)
		d.Sign = func(signed string) []byte {
			h := hmac.New(sha256.New, key)
			_, _ = h.Write([]byte(signed))
			return h.Sum(nil)
		}
	}
}

// flip inverts one bit of the signature.
func flip(bit int) func(*draft) {
	return func(d *draft) {
		d.EncodeSum = func(b []byte) string {
			b = slices.Clone(b)
			b[bit/8] ^= 1 << (bit % 8)
			return base64.RawURLEncoding.EncodeToString(b)
		}
	}
}

// signedBy signs as ES256 with another key.
func signedBy(key *ecdsa.PrivateKey) func(*draft) {
	return func(d *draft) {
		d.Sign = func(signed string) []byte {
			return sign(keys.Key{Algorithm: "ES256", Private: key}, signed)
		}
	}
}

// leftover encodes a text so that the last character has a bit that belongs to no
// byte.
func leftover(s string) string {
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for len(s)%3 == 0 {
		s = " " + s // white space, which JSON ignores
	}
	text := forge.Raw64(s)
	last := strings.IndexByte(digits, text[len(text)-1])
	return text[:len(text)-1] + digits[last+1:last+2]
}
