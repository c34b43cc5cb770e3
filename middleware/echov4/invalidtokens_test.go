package echov4_test

import (
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/sallyport-go/sallyport/tokens/keys"
	"github.com/sallyport-go/sallyport/tokens/tokentest"
)

// An Echo app answers each invalid token with 401 and the same body.
func TestBearerRejectsInvalidTokens(t *testing.T) {
	t.Parallel()
	var trusted []keys.Key
	var issuer, audience string
	h := open(t, func(c *config) { trusted, issuer, audience = c.tokens.Keys, c.tokens.Issuer, c.tokens.Audience })
	e := echo.New()
	mount(e, h.auth)
	tokentest.RunHandler(t, tokentest.Target{Keys: trusted, Issuer: issuer, Audience: audience, Now: h.clock.time}, e, "/bearer")
}
