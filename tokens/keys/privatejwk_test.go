package keys_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/tokens/keys"
)

func TestWhatToJWKWritesIsRead(t *testing.T) {
	t.Parallel()
	private := func(k any, err error) any {
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	_, edwards, err := ed25519.GenerateKey(nil)
	signs := private(rsa.GenerateKey(rand.Reader, 2048)).(*rsa.PrivateKey)
	from, until := time.Unix(1_800_000_000, 0).UTC(), time.Unix(1_900_000_000, 0).UTC()
	all := []keys.Key{
		{ID: "rs", Algorithm: "RS256", Private: signs, SignsFrom: from},
		{ID: "es256", Algorithm: "ES256", Private: private(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)), RetiresAt: until},
		{ID: "es384", Algorithm: "ES384", Private: private(ecdsa.GenerateKey(elliptic.P384(), rand.Reader)), SignsFrom: from, RetiresAt: until},
		{ID: "es512", Algorithm: "ES512", Private: private(ecdsa.GenerateKey(elliptic.P521(), rand.Reader))},
		{ID: "ed", Algorithm: "EdDSA", Private: private(edwards, err)},
		{ID: "public", Algorithm: "PS256", Public: &signs.PublicKey},
		{ID: "retired", Algorithm: "HS256", Secret: keys.NewSecret(), RetiresAt: time.Unix(1, 0).UTC()},
	}
	for _, want := range all {
		text, err := keys.ToJWK(want)
		if err != nil {
			t.Fatalf("%s: %v", want.ID, err)
		}
		if got, err := keys.FromJWK(text); err != nil || !same(got, want) {
			t.Errorf("%s: %v %s", want.ID, err, text)
		}
	}
	text, err := keys.ToJWKS(all[:5]...)
	if err != nil {
		t.Fatal(err)
	}
	got, err := keys.FromJWKS(text)
	if err != nil || len(got) != 5 {
		t.Fatalf("%d keys, %v", len(got), err)
	}
	for i := range got {
		if !same(got[i], all[i]) {
			t.Errorf("%s is another key in a set", all[i].ID)
		}
	}
	if again, err := keys.ToJWKS(got...); err != nil || !bytes.Equal(again, text) {
		t.Errorf("the same keys are another text: %v", err)
	}
}

func same(a, b keys.Key) bool {
	private := a.Private == nil && b.Private == nil
	switch k := a.Private.(type) {
	case *rsa.PrivateKey:
		private = k.Equal(b.Private)
	case *ecdsa.PrivateKey:
		private = k.Equal(b.Private)
	case ed25519.PrivateKey:
		private = k.Equal(b.Private)
	}
	public := a.Public == nil && b.Public == nil
	if k, ok := a.Public.(*rsa.PublicKey); ok {
		public = k.Equal(b.Public)
	}
	return private && public && a.Secret == b.Secret && a.ID == b.ID && a.Algorithm == b.Algorithm &&
		a.SignsFrom.Equal(b.SignsFrom) && a.RetiresAt.Equal(b.RetiresAt)
}

func TestToJWKNamesAKeyByItsThumbprint(t *testing.T) {
	t.Parallel()
	k := keys.Key{Algorithm: "HS256", Secret: keys.NewSecret()}
	text, err := keys.ToJWK(k)
	if err != nil {
		t.Fatal(err)
	}
	set, err := keys.NewSet(k)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := keys.FromJWK(text); err != nil || got.ID == "" || !set.Has(got.ID) {
		t.Errorf("the ID is %q, %v", got.ID, err)
	}
}

func TestToJWKRejectsWhatIsNoKey(t *testing.T) {
	t.Parallel()
	_, err := keys.ToJWKS(keys.Key{Algorithm: "HS256", Secret: keys.NewSecret()}, keys.Key{Algorithm: "HS256", Secret: "S3CRET"})
	if err == nil || !strings.Contains(err.Error(), "keys[1]") || strings.Contains(err.Error(), "S3CRET") {
		t.Errorf("%v", err)
	}
	if text, err := keys.ToJWKS(); err != nil || !strings.Contains(string(text), `"keys": []`) {
		t.Errorf("%s, %v", text, err)
	}
}

// The key of a host may be in use meanwhile.
func TestToJWKLeavesAnRSAKeyAsItIs(t *testing.T) {
	t.Parallel()
	whole, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	bare := &rsa.PrivateKey{PublicKey: whole.PublicKey, D: whole.D, Primes: whole.Primes}
	if _, err := keys.ToJWK(keys.Key{ID: "k", Algorithm: "RS256", Private: bare}); err != nil {
		t.Fatal(err)
	}
	if bare.Precomputed.Dp != nil {
		t.Error("its values were computed in place")
	}
}
