package keys_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha512"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/sallyport-go/sallyport/tokens/keys"
)

// signer is one algorithm with a key, as this package and as golang-jwt take it.
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
	all := map[string]crypto.Signer{"RSA": rsaKey, "EdDSA": edKey}
	for algorithm, curve := range map[string]elliptic.Curve{"ES256": elliptic.P256(), "ES384": elliptic.P384(), "ES512": elliptic.P521()} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			panic(err)
		}
		all[algorithm] = key
	}
	return all
})

// signerOf returns the signer for an algorithm, always the same. Its key's ID is
// the algorithm in small letters.
func signerOf(algorithm string) signer {
	s := signer{method: jwt.GetSigningMethod(algorithm)}
	s.key = keys.Key{ID: strings.ToLower(algorithm), Algorithm: algorithm}
	kind := algorithm
	switch algorithm[:2] {
	case "HS":
		sum := sha512.Sum512([]byte(algorithm))
		s.key.Secret = keys.Secret(sum[:])
		s.sign, s.verify = sum[:], bytes.Clone(sum[:])
		return s
	case "RS", "PS":
		kind = "RSA"
	}
	private := privateKeys()[kind]
	s.key.Private = private
	s.sign, s.verify = private, private.Public()
	return s
}

func setOf(tb testing.TB, all ...keys.Key) *keys.Set {
	tb.Helper()
	set, err := keys.NewSet(all...)
	if err != nil {
		tb.Fatal(err)
	}
	return set
}

// agrees checks that the set's one key and golang-jwt verify what the other signs.
func agrees(tb testing.TB, set *keys.Set, by signer) {
	tb.Helper()
	const text = "header.claims"
	key := set.Signer(time.Unix(1, 0))
	if key == nil {
		tb.Fatal("no key signs")
	}
	ours, err := key.Sign(text)
	if err != nil {
		tb.Fatal(err)
	}
	if err := by.method.Verify(text, ours, by.verify); err != nil {
		tb.Error(err)
	}
	theirs, err := by.method.Sign(text, by.sign)
	if err != nil {
		tb.Fatal(err)
	}
	if err := key.Verify(text, theirs); err != nil {
		tb.Error(err)
	}
	if err := key.Verify(text+"x", theirs); err == nil {
		tb.Error("the signature of another text is accepted")
	}
}
