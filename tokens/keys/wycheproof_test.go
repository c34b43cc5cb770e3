package keys_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/tokens/keys"
)

// vectors are in testdata/wycheproof.json, which names their source and licence.
type vectors struct {
	Groups []struct {
		File, Name      string
		Public, Private json.RawMessage
		Tests           []struct {
			ID        int
			What, JWS string
			Valid     bool
		}
	}
}

// deviations are vectors on which this package differs from Wycheproof on purpose.
var deviations = map[string]string{
	"json_web_signature_test.json 346": "the key's alg is PS256, and the token's is PS384",
	"json_web_signature_test.json 350": "the key's alg is PS256, and the token's is PS384",
	"json_web_signature_test.json 347": "the key's alg is ES521, which does not exist",
	"json_web_signature_test.json 351": "the key's alg is ES521, which does not exist",
	"json_web_signature_test.json 357": "the secret is all zeros",
	"json_web_signature_test.json 358": "the secret is all zeros",
	"json_web_signature_test.json 359": "the secret is all zeros",
	"json_web_signature_test.json 372": "the secret is all zeros",
	"json_web_signature_test.json 373": "the secret is all zeros",
	"json_web_signature_test.json 376": "the secret is all zeros",
	"json_web_signature_test.json 377": "the secret is all zeros",
}

// Every vector that Wycheproof calls invalid is refused: with the keys, or with the
// signature. Every one that it calls valid is accepted.
func TestWycheproof(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/wycheproof.json")
	if err != nil {
		t.Fatal(err)
	}
	var all vectors
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, g := range all.Groups {
		for _, test := range g.Tests {
			n++
			name := fmt.Sprintf("%s %d", g.File, test.ID)
			t.Run(name+" "+g.Name+" "+test.What, func(t *testing.T) {
				t.Parallel()
				for kind, key := range map[string]json.RawMessage{"public": g.Public, "private": g.Private} {
					if key == nil {
						continue
					}
					err := verifyVector(key, test.JWS)
					if (err == nil) != (test.Valid && deviations[name] == "") {
						t.Errorf("with the %s key: %v, want valid = %t", kind, err, test.Valid)
					}
				}
			})
		}
	}
	if n < 150 {
		t.Errorf("%d vectors", n)
	}
}

// verifyVector verifies a JWS with a JWK or a JWK Set, as a verifier does that knows
// the key's algorithm: the header has to name it.
func verifyVector(key json.RawMessage, jws string) error {
	var jwks struct{ Keys []json.RawMessage }
	if err := json.Unmarshal(key, &jwks); err != nil {
		return err
	}
	text := []byte(key)
	if jwks.Keys == nil {
		text = fmt.Appendf(nil, `{"keys":[%s]}`, key)
	}
	read, err := keys.FromJWKS(text)
	if err != nil {
		return err
	}
	part := strings.Split(jws, ".")
	if len(part) != 3 {
		return fmt.Errorf("%d parts", len(part))
	}
	strict := base64.RawURLEncoding.Strict()
	decoded := make([][]byte, 3)
	for i := range part {
		if decoded[i], err = strict.DecodeString(part[i]); err != nil || strings.ContainsAny(part[i], "\r\n") {
			return fmt.Errorf("part %d is not base64url", i)
		}
	}
	var header map[string]any
	if err := json.Unmarshal(decoded[0], &header); err != nil {
		return err
	}
	algorithm, _ := header["alg"].(string)
	kid, named := header["kid"].(string)
	if !named && len(read) == 1 {
		kid, read[0].ID = "only", "only"
	}
	set, err := keys.NewSet(read...)
	if err != nil {
		return err
	}
	member := set.Named(kid, algorithm, time.Now())
	if member == nil {
		return fmt.Errorf("no key %q of %s", kid, algorithm)
	}
	return member.Verify(part[0]+"."+part[1], decoded[2])
}
