package tokens_test

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"testing"
	"testing/fstest"
	"time"

	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

// published reads a JWK Set with nothing of what is tested.
func published(tb testing.TB, text []byte) []map[string]any {
	tb.Helper()
	var set map[string][]map[string]any
	if err := json.Unmarshal(text, &set); err != nil || len(set) != 1 || set["keys"] == nil {
		tb.Fatalf("%v: %s", err, text)
	}
	return set["keys"]
}

func TestPublishedKeys(t *testing.T) {
	t.Parallel()
	t.Run("what one publishes the other verifies with", func(t *testing.T) {
		t.Parallel()
		r := open(t, func(c *tokens.Config) { c.Keys = []keys.Key{signerOf("PS384").key, signerOf("ES512").key} })
		set, err := keys.SetFromJWKS(r.JWKS())
		if err != nil {
			t.Fatal(err)
		}
		v, err := tokens.NewVerifier(tokens.VerifierConfig{Keys: set, Issuer: issuer, Audience: audience, Now: r.clock.time})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := v.Verify(t.Context(), r.login(t).AccessToken); err != nil {
			t.Error(err)
		}
	})

	t.Run("the keys of a directory that is read anew while the host runs", func(t *testing.T) {
		t.Parallel()
		dir := fstest.MapFS{"a.pem": {Data: pem8(t, signerOf("ES256"))}}
		all := &keys.Ring{}
		reload := func() error {
			read, err := keys.ReadFiles(dir, "*")
			if err != nil {
				return err
			}
			return all.Replace(read...)
		}
		if err := reload(); err != nil {
			t.Fatal(err)
		}
		r := open(t, onRing(all))
		token := r.login(t).AccessToken
		old := kidOf(t, token)
		dir["b.json"] = &fstest.MapFile{Data: []byte("half of a")}
		if err := reload(); err == nil {
			t.Error("half of a key is a key")
		}
		r.verify(t, token)
		seed := signerOf("EdDSA").sign.(ed25519.PrivateKey)
		b64 := base64.RawURLEncoding.EncodeToString
		dir["b.json"] = &fstest.MapFile{Data: fmt.Appendf(nil, `{"kty":"OKP","crv":"Ed25519","kid":"eddsa","x":%q,"d":%q,"nbf":%d}`,
			b64(seed[32:]), b64(seed.Seed()), r.clock.time().Add(time.Hour).Unix())}
		if err := reload(); err != nil {
			t.Fatal(err)
		}
		if got := len(published(t, r.JWKS())); got != 2 || kidOf(t, r.login(t).AccessToken) != old {
			t.Errorf("%d keys, and the new one signs too early", got)
		}
		r.clock.move(time.Hour)
		if kid := kidOf(t, r.login(t).AccessToken); kid != "eddsa" {
			t.Errorf("%s signs", kid)
		}
	})
}

func pem8(tb testing.TB, by signer) []byte {
	tb.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(by.sign)
	if err != nil {
		tb.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}
