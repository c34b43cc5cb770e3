package interop_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/memstore"
	"github.com/sallyport-go/sallyport/store/passwords"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

const (
	login    = "ada"
	password = "correct horse & battery ü 🐎"
	audience = "https://api.example.com"
)

// credentials are a client's.
type credentials struct{ id, secret string }

var (
	awkward = credentials{"shop:1", "s%41cret+of the/shop&="} // both have to be encoded before they go into Basic
	plain   = credentials{"shop", "sesame"}
)

// host is a host with all that a standard client may ask for.
type host struct{ issuer string }

// told is what a client is told of the host, as lines of an environment.
func (h host) told(c credentials) []string {
	return []string{
		"ISSUER=" + h.issuer, "AUDIENCE=" + audience,
		"CLIENT_ID=" + c.id, "CLIENT_SECRET=" + c.secret, "LOGIN=" + login, "PASSWORD=" + password,
	}
}

// newHost serves one user and two confidential clients until the test ends. Its
// issuer is where it listens.
func newHost(t *testing.T) host {
	t.Helper()
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)

	remembered := filled(t)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	authority, err := tokens.New(tokens.Config{
		Store: remembered, Clients: remembered, Revocations: remembered,
		Issuer: server.URL, Audience: audience,
		Keys:        []keys.Key{{Algorithm: "ES256", Private: key}},
		RefreshKeys: []keys.Secret{keys.NewSecret()},
	})
	if err != nil {
		t.Fatal(err)
	}
	auth, err := middleware.New(middleware.Config{
		Tokens: authority, ClientIP: clientip.RemoteAddr, PasswordGrant: true,
		Tiers:         ratelimit.Tiers{"free": {Limit: 1000, Period: time.Hour}},
		MayIntrospect: func(context.Context, store.Client) bool { return true },
		Endpoints: middleware.Endpoints{
			Token: "/oauth/token", JWKS: "/.well-known/jwks.json", Revoke: "/oauth/revoke", Introspect: "/oauth/introspect",
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	metadata, err := middleware.MetadataPath(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	mux.HandleFunc(metadata, auth.Metadata)
	mux.HandleFunc("/.well-known/jwks.json", auth.JWKS)
	mux.HandleFunc("/oauth/token", auth.Token)
	mux.HandleFunc("/oauth/revoke", auth.Revoke)
	mux.HandleFunc("/oauth/introspect", auth.Introspect)
	mux.Handle("/me", auth.Protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, _ := tokens.PrincipalFrom(r.Context())
		_, _ = w.Write([]byte(p.Subject + " " + p.ClientID))
	})))
	return host{server.URL}
}

// filled is a store with the user and the clients in it.
func filled(t *testing.T) *memstore.Store {
	t.Helper()
	hasher, err := passwords.New(passwords.Config{Memory: 64, Time: 1, Threads: 1, InsecureParameters: true})
	if err != nil {
		t.Fatal(err)
	}
	s, err := memstore.New(memstore.Config{Passwords: hasher})
	if err != nil {
		t.Fatal(err)
	}
	ada := store.User{ID: "u-ada", Login: login, Tier: "free", Seats: 1, Scopes: []string{"read", "write"}}
	if err := s.AddUser(t.Context(), ada, password); err != nil {
		t.Fatal(err)
	}
	for _, c := range []credentials{awkward, plain} {
		err := s.SetClient(t.Context(), store.Client{
			ID: c.id, Name: "The shop", Secrets: []store.Digest{sha256.Sum256([]byte(c.secret))},
			Grants: []string{tokens.GrantPassword, tokens.GrantRefresh},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return s
}
