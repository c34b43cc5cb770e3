package tokens_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/sallyport-go/sallyport/internal/forge"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

// signer is one algorithm with a key, as Sallyport and as golang-jwt take it.
type signer struct {
	key          keys.Key
	method       jwt.SigningMethod
	sign, verify any
}

var algorithms = []string{"HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

// privateKeys are made once: an RSA key takes its time.
var privateKeys = sync.OnceValue(func() map[string]crypto.Signer {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	keys := map[string]crypto.Signer{"RSA": rsaKey, "EdDSA": edKey}
	for algorithm, curve := range map[string]elliptic.Curve{"ES256": elliptic.P256(), "ES384": elliptic.P384(), "ES512": elliptic.P521()} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			panic(err)
		}
		keys[algorithm] = key
	}
	return keys
})

// signerOf returns the signer for an algorithm, always the same. Its key's ID is
// the algorithm in small letters.
func signerOf(algorithm string) signer {
	s := signer{method: jwt.GetSigningMethod(algorithm)}
	s.key = keys.Key{ID: strings.ToLower(algorithm), Algorithm: algorithm}
	kind := algorithm
	switch algorithm[:2] {
	case "HS":
		s.key.Secret = secret(algorithm, 64)
		s.sign, s.verify = []byte(string(s.key.Secret)), []byte(string(s.key.Secret))
		return s
	case "RS", "PS":
		kind = "RSA"
	}
	private := privateKeys()[kind]
	s.key.Private = private
	s.sign, s.verify = private, private.Public()
	return s
}

// draft is an access token before it is signed.
type draft struct {
	forge.Draft

	by signer
}

// draftOf is a draft that becomes a good token.
func draftOf(by signer, now time.Time) draft {
	names := forge.Names{
		Algorithm: by.key.Algorithm, KeyID: by.key.ID, Issuer: issuer, Audience: audience, Subject: alice.ID, Tier: alice.Tier,
	}
	return draft{forge.Good(names, now, nil), by}
}

func (d draft) token(tb testing.TB) tokens.Secret {
	tb.Helper()
	if d.Sign == nil {
		d.Sign = func(signed string) []byte {
			signature, err := d.by.method.Sign(signed, d.by.sign)
			if err != nil {
				tb.Fatal(err)
			}
			return signature
		}
	}
	return tokens.Secret(d.Token())
}

// parts decodes a token with nothing of what is tested.
func parts(tb testing.TB, token tokens.Secret) (header, claims map[string]any) {
	tb.Helper()
	three := strings.Split(string(token), ".")
	if len(three) != 3 {
		tb.Fatalf("the token has %d parts", len(three))
	}
	for i, v := range []*map[string]any{&header, &claims} {
		text, err := base64.RawURLEncoding.DecodeString(three[i])
		if err != nil {
			tb.Fatal(err)
		}
		if err := json.Unmarshal(text, v); err != nil {
			tb.Fatal(err)
		}
	}
	return header, claims
}

func claimsOf(tb testing.TB, token tokens.Secret) map[string]any {
	tb.Helper()
	_, claims := parts(tb, token)
	return claims
}
