package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"testing"

	"go.uber.org/goleak"

	"github.com/sallyport-go/sallyport/examples/internal/hosttest"
	"github.com/sallyport-go/sallyport/middleware/authtest"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	issuer   = "https://issuer.example"
	audience = "https://reports.example"
)

// issuing returns a service that issues tokens for an audience, with a key of its own.
func issuing(t *testing.T, audience string) *authtest.Fixture {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return authtest.New(t, func(c *authtest.Config) {
		c.Tokens.Issuer, c.Tokens.Audience = issuer, audience
		c.Tokens.Keys = []keys.Key{{Algorithm: "ES256", Private: key}}
	})
}

func TestTheTokensOfTheIssuerAreAccepted(t *testing.T) {
	t.Parallel()
	service := issuing(t, audience)
	jwks := httptest.NewServer(http.HandlerFunc(service.Auth.JWKS))
	t.Cleanup(jwks.Close)
	_, h := hosttest.Serve(t, func(string) (http.Handler, error) {
		source, api, err := newAPI(config{issuer, audience, jwks.URL})
		if err == nil {
			t.Cleanup(func() { _ = source.Close() })
		}
		return api, err
	})
	token := func(f *authtest.Fixture, u authtest.User) string { return string(f.Login(t, u).AccessToken) }
	for name, test := range map[string]struct {
		token, method, path string
		status              int
		text                string
	}{
		"a token":                        {token(service, authtest.User{ID: "u-1"}), http.MethodGet, "/reports", http.StatusOK, "reports of u-1"},
		"a token without the scope":      {token(service, authtest.User{ID: "u-1"}), http.MethodDelete, "/reports/1", http.StatusForbidden, ""},
		"a token with the scope":         {token(service, authtest.User{ID: "u-2", Scopes: []string{"reports:write"}}), http.MethodDelete, "/reports/1", http.StatusNoContent, ""},
		"a tier that the service has no": {token(service, authtest.User{ID: "u-3", Tier: "gold"}), http.MethodGet, "/reports", http.StatusOK, "reports of u-3"},
		"a token for another service":    {token(issuing(t, "https://other.example"), authtest.User{ID: "u-1"}), http.MethodGet, "/reports", http.StatusUnauthorized, ""},
		"a token of another key":         {token(issuing(t, audience), authtest.User{ID: "u-1"}), http.MethodGet, "/reports", http.StatusUnauthorized, ""},
		"no token":                       {"", http.MethodGet, "/reports", http.StatusUnauthorized, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h.Do(t, hosttest.Request{Method: test.method, Path: test.path, Bearer: test.token}).Is(t, test.status, test.text)
		})
	}
}
