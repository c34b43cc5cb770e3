// Package e2e_test tries Sallyport with clients that know nothing of it.
package e2e_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/memstore"
	"github.com/sallyport-go/sallyport/store/passwords"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	login    = "ada"
	password = "correct horse & battery ü 🐎"
)

// newHost serves the OAuth 2.0 routes and one protected route, for one user.
func newHost(t *testing.T, grace time.Duration) *httptest.Server {
	t.Helper()
	hasher, err := passwords.New(passwords.Config{Memory: 64, Time: 1, Threads: 1, InsecureParameters: true})
	if err != nil {
		t.Fatal(err)
	}
	users, err := memstore.New(memstore.Config{Passwords: hasher})
	if err != nil {
		t.Fatal(err)
	}
	ada := store.User{ID: "u-ada", Login: login, Account: "a-ada", Tier: "free", Seats: 1, Scopes: []string{"read", "write"}}
	if err := users.AddUser(t.Context(), ada, password); err != nil {
		t.Fatal(err)
	}
	authority, err := tokens.New(tokens.Config{
		Store:       users,
		Issuer:      "https://issuer.example",
		Audience:    "api",
		Keys:        []keys.Key{{Algorithm: "HS256", Secret: keys.NewSecret()}},
		RefreshKeys: []keys.Secret{keys.NewSecret()},
		RetryGrace:  grace,
	})
	if err != nil {
		t.Fatal(err)
	}
	auth, err := middleware.New(middleware.Config{
		Tokens:        authority,
		Tiers:         ratelimit.Tiers{"free": {Limit: 1000, Period: time.Hour}},
		ClientIP:      clientip.RemoteAddr,
		PasswordGrant: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/auth/jwt/login", auth.WithDialect(wire.FastAPI{}).Login)
	mux.HandleFunc("/auth/jwt/postman-refresh", auth.WithDialect(wire.PostmanRefresh{}).Refresh)
	mux.HandleFunc("/oauth/token", auth.Token)
	mux.Handle("/me", auth.Protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, _ := tokens.PrincipalFrom(r.Context())
		_, _ = w.Write([]byte(p.Subject + " " + p.ClientID))
	})))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}
