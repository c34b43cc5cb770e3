package keys_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"testing/fstest"
	"time"

	"github.com/sallyport-go/sallyport/configerror"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

// A host keeps its private keys in files, such as those of
// openssl genpkey -algorithm ed25519. The first key signs, and all of them verify.
func ExampleReadFiles() {
	files := fstest.MapFS{ // in a host a directory: see os.DirFS
		"keys/2026-06.pem": {Data: privateKey()},
		"keys/2026-01.pem": {Data: privateKey()},
	}
	read, err := keys.ReadFiles(files, "keys/2026-06.pem", "keys/2026-01.pem")
	if err != nil {
		panic(err)
	}
	ring, err := keys.NewRing(read...)
	if err != nil {
		panic(err)
	}
	for _, k := range read {
		fmt.Println(k.Algorithm)
	}
	fmt.Println(ring.Current().Signer(time.Now()).Algorithm(), "signs") // tokens.Config.KeyRing
	// Output:
	// EdDSA
	// EdDSA
	// EdDSA signs
}

// A rotation is one list with a schedule: the new key is published at once and signs
// later, and the old one verifies until its last token has expired.
func ExampleRing_Replace() {
	june, july := keys.Key{ID: "june", Algorithm: "HS256", Secret: keys.NewSecret()}, keys.Key{ID: "july", Algorithm: "HS256", Secret: keys.NewSecret()}
	ring, err := keys.NewRing(june)
	if err != nil {
		panic(err)
	}

	july.SignsFrom = time.Date(2026, time.July, 1, 0, 0, 0, 0, time.UTC)
	june.RetiresAt = july.SignsFrom.Add(time.Hour) // tokens.Config.AccessTTL
	if err := ring.Replace(june, july); err != nil {
		panic(err)
	}
	for _, at := range []time.Time{july.SignsFrom.Add(-time.Hour), july.SignsFrom, june.RetiresAt} {
		now := ring.Current()
		fmt.Println(at.Format(time.DateTime), now.Signer(at).ID(), "signs, june verifies:", now.Named("june", "HS256", at) != nil)
	}
	// Output:
	// 2026-06-30 23:00:00 june signs, june verifies: true
	// 2026-07-01 00:00:00 july signs, june verifies: true
	// 2026-07-01 01:00:00 july signs, june verifies: false
}

// An error names each defect, and never contains a secret.
func ExampleNewSet_wrong() {
	_, err := keys.NewSet(
		keys.Key{Algorithm: "HS256", Secret: "changeme"},
		keys.Key{Algorithm: "none"},
	)
	for e := range configerror.All(err) {
		fmt.Println(e.Path, e.Problem)
	}
	// Output:
	// Keys[0].Secret must be at least 32 random bytes for HS256, got 8
	// Keys[1] must have a Secret, a Private or a Public key
}

// A set that another party has published has only its public keys.
func ExampleSetFromJWKS() {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	issuer, err := keys.NewSet(keys.Key{ID: "k1", Algorithm: "EdDSA", Private: private})
	if err != nil {
		panic(err)
	}
	published := issuer.JWKS(time.Now())

	set, err := keys.SetFromJWKS(published)
	if err != nil {
		panic(err)
	}
	same, err := set.KeySet(context.Background(), "") // a Source for tokens.VerifierConfig.Keys
	fmt.Println(same == set, err)
	fmt.Println("verifies:", set.Has("k1"), "signs:", set.Signer(time.Now()) != nil)
	// Output:
	// true <nil>
	// verifies: true signs: false
}

func privateKey() []byte {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		panic(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}
