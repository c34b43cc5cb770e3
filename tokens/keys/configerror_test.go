package keys_test

import (
	"crypto/ed25519"
	"crypto/rsa"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/internal/configtest"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

func TestEachFieldOfAKeyIsChecked(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	type config = []keys.Key
	type of = configtest.Case[config]
	es, ed := signerOf("ES256").key, signerOf("EdDSA").key
	third := func(k keys.Key) func(*config) { return func(c *config) { (*c)[2] = k } }
	good := func() config { return config{es, ed, signerOf("HS256").key, signerOf("ES384").key} }
	configtest.Run(t, "keys", good, func(c config) error {
		_, err := keys.NewRing(c...)
		return err
	}, []of{
		{Name: "no key", Path: "Keys", Got: "is required", Edit: func(c *config) { *c = nil }, Alone: true},
		{Name: "a first key that only verifies", Path: "Keys[0]", Got: "the first key signs", Edit: func(c *config) {
			(*c)[0] = keys.Key{ID: "p", Algorithm: "ES256", Public: signerOf("ES256").verify}
		}, Alone: true},
		{Name: "an ID with a space", Path: "Keys[0].ID", Got: "printable ASCII", Edit: func(c *config) { (*c)[0].ID = "a b" }},
		{Name: "two keys with one ID", Path: "Keys[1].ID", Got: `"es256" twice`, Edit: func(c *config) { (*c)[1].ID = es.ID }, Alone: true},
		{Name: "one key twice", Path: "Keys[1]", Got: `"es256"`, Edit: func(c *config) { (*c)[1] = es; (*c)[1].ID = "other" }, Alone: true},
		{Name: "an algorithm that is none", Path: "Keys[1].Algorithm", Got: `"none"`, Edit: func(c *config) { (*c)[1].Algorithm = "none" }},
		{Name: "no key material", Path: "Keys[2]", Got: "must have a Secret", Edit: third(keys.Key{Algorithm: "ES256"}), Alone: true},
		{Name: "a short secret", Path: "Keys[2].Secret", Got: "got 5", Edit: third(keys.Key{Algorithm: "HS256", Secret: "short"})},
		{Name: "a secret of another algorithm", Path: "Keys[2].Secret", Got: `"ES256"`, Edit: third(keys.Key{Algorithm: "ES256", Secret: keys.NewSecret()}), Alone: true},
		{Name: "a private key for a hash", Path: "Keys[2].Secret", Got: "HS256", Edit: third(keys.Key{Algorithm: "HS256", Private: ed.Private}), Alone: true},
		{Name: "a private key of no use", Path: "Keys[2].Private", Got: "got string", Edit: third(keys.Key{Algorithm: "ES256", Private: "x"}), Alone: true},
		{Name: "a nil private key", Path: "Keys[2].Private", Got: "got a *rsa.PrivateKey without", Edit: third(keys.Key{Algorithm: "RS256", Private: (*rsa.PrivateKey)(nil)}), Alone: true},
		{Name: "the public half of another", Path: "Keys[2].Public", Got: "public half", Edit: third(keys.Key{Algorithm: "EdDSA", Private: ed.Private, Public: make(ed25519.PublicKey, 32)}), Alone: true},
		{Name: "retired before it signs", Path: "Keys[3].RetiresAt", Got: "after SignsFrom", Edit: func(c *config) { (*c)[3].SignsFrom, (*c)[3].RetiresAt = at, at }},
		{Name: "no key after it", Path: "Keys[3].RetiresAt", Got: "must be zero", Edit: func(c *config) { (*c)[3].SignsFrom, (*c)[3].RetiresAt = at, at.Add(1) }, Alone: true},
	})
}
