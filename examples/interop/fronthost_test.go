package interop_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

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

// moved is a host that serves the clients of a FastAPI application and of a Symfony API,
// which know of no change.
type moved struct {
	issuer string
	key    tokens.Secret // an API key
}

// newMoved serves one user until the test ends.
func newMoved(t *testing.T, edits ...func(*middleware.Config)) moved {
	t.Helper()
	hasher, err := passwords.New(passwords.Config{Memory: 64, Time: 1, Threads: 1, InsecureParameters: true})
	if err != nil {
		t.Fatal(err)
	}
	users, err := memstore.New(memstore.Config{Passwords: hasher})
	if err != nil {
		t.Fatal(err)
	}
	ada := store.User{ID: "u-ada", Login: login, Account: "a-ada", Tier: "free", Seats: 1}
	if err := users.AddUser(t.Context(), ada, password); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	authority, err := tokens.New(tokens.Config{
		Store: users, APIKeys: users, Issuer: server.URL, Audience: audience,
		Keys:        []keys.Key{{Algorithm: "HS256", Secret: keys.NewSecret()}},
		RefreshKeys: []keys.Secret{keys.NewSecret()},
	})
	if err != nil {
		t.Fatal(err)
	}
	config := middleware.Config{
		Tokens: authority, ClientIP: clientip.RemoteAddr, Tiers: ratelimit.Tiers{"free": {Limit: 1000, Period: time.Hour}},
	}
	for _, edit := range edits {
		edit(&config)
	}
	auth, err := middleware.New(config)
	if err != nil {
		t.Fatal(err)
	}
	key, _, err := authority.CreateAPIKey(t.Context(), store.Owner{ID: ada.ID}, tokens.KeyOptions{Label: "CI"})
	if err != nil {
		t.Fatal(err)
	}
	who := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, _ := tokens.PrincipalFrom(r.Context())
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{"id": p.Subject})
	})
	fastapi, lexik := auth.WithDialect(wire.FastAPI{}), auth.WithDialect(wire.Lexik{})
	mux.HandleFunc("/auth/jwt/login", fastapi.Login)
	mux.HandleFunc("/auth/jwt/refresh", fastapi.Refresh)
	mux.HandleFunc("/auth/jwt/logout", fastapi.Logout)
	mux.Handle("/users/me", fastapi.Bearer(who))
	mux.HandleFunc("/api/login_check", lexik.Login)
	mux.HandleFunc("/api/login_refresh", lexik.Refresh)
	mux.Handle("/api/1.0/open/", lexik.Protect(who))
	return moved{server.URL, key}
}

// told is what a client is told of the host, as lines of an environment.
func (h moved) told() []string {
	return []string{"ISSUER=" + h.issuer, "CLIENT_ID=", "CLIENT_SECRET=", "LOGIN=" + login, "PASSWORD=" + password}
}
