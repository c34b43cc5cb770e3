package adapter_test

import (
	"testing"

	"github.com/sallyport-go/sallyport/internal/adaptertest"
	"github.com/sallyport-go/sallyport/tokens/keys"
	"github.com/sallyport-go/sallyport/tokens/tokentest"
)

// An Echo app answers each invalid token with 401 and the same body.
func TestBearerRejectsInvalidTokens(t *testing.T) {
	t.Parallel()
	both(t, v4.testInvalidTokens, v5.testInvalidTokens)
}

func (v version[C, H, M]) testInvalidTokens(t *testing.T) {
	var trusted []keys.Key
	var issuer, audience string
	h := adaptertest.Open(t, func(c *adaptertest.Config) {
		trusted, issuer, audience = c.Tokens.Keys, c.Tokens.Issuer, c.Tokens.Audience
	})
	target := tokentest.Target{Keys: trusted, Issuer: issuer, Audience: audience, Now: h.Clock.Time}
	tokentest.RunHandler(t, target, v.mounted(h.Auth), "/bearer")
}
