package middleware_test

import (
	"testing"

	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/tokens/keys"
	"github.com/sallyport-go/sallyport/tokens/tokentest"
)

// D103–D126, P25: each invalid token gets 401 with the same body, in every wire format.
func TestInvalidTokens(t *testing.T) {
	t.Parallel()
	for name, dialect := range map[string]wire.Dialect{
		"OAuth2": wire.OAuth2{}, "Lexik": wire.Lexik{}, "FastAPI": wire.FastAPI{},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := open(t, speaking(dialect), func(c *config) { c.tokens.Keys = append(c.tokens.Keys, ecKey(t, "ec")) })
			tokentest.RunHandler(t, tokentest.Target{
				Keys: d.config.tokens.Keys, Issuer: d.config.tokens.Issuer, Audience: d.config.tokens.Audience,
			}, d.mux, "/bearer")
		})
	}

	t.Run("a service that only verifies", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		set, err := keys.NewSet(d.config.tokens.Keys...)
		if err != nil {
			t.Fatal(err)
		}
		a, _ := d.resource(t, set)
		tokentest.RunHandler(t, tokentest.Target{
			Keys: d.config.tokens.Keys, Issuer: d.config.tokens.Issuer, Audience: d.config.tokens.Audience,
		}, a.Bearer(d.mux), "/search")
	})
}
