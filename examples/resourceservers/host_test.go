package resourceservers_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
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
	audience = "https://api.example.com"
	login    = "ada"
	password = "correct horse & battery"

	introspector, secret = "nginx", "sesame"
)

// algorithms are those whose keys can be published.
var algorithms = []string{
	"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519",
}

// host is an issuer that publishes a key of each algorithm.
type host struct {
	issuer, jwks string
	tokens       map[string]string // an access token of each algorithm
	authority    *tokens.Authority
}

func newHost(t *testing.T) host {
	t.Helper()
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	h := host{issuer: server.URL, jwks: server.URL + "/.well-known/jwks.json", tokens: map[string]string{}}
	users := newStore(t)
	all := sharedKeys(t)
	for i := range all {
		h.authority = newAuthority(t, users, h.issuer, slices.Concat(all[i:], all[:i]))
		pair, err := h.authority.Login(t.Context(), tokens.LoginRequest{Login: login, Password: password})
		if err != nil {
			t.Fatal(err)
		}
		h.tokens[all[i].Algorithm] = string(pair.AccessToken)
	}
	auth, err := middleware.New(middleware.Config{
		Tokens: h.authority, ClientIP: clientip.RemoteAddr,
		Tiers:         ratelimit.Tiers{"free": {Limit: 1000, Period: time.Hour}},
		MayIntrospect: func(context.Context, store.Client) bool { return true },
	})
	if err != nil {
		t.Fatal(err)
	}
	mux.HandleFunc("/.well-known/jwks.json", auth.JWKS)
	mux.HandleFunc("/oauth/introspect", auth.Introspect)
	return h
}

func newAuthority(t *testing.T, s *memstore.Store, issuer string, all []keys.Key) *tokens.Authority {
	t.Helper()
	a, err := tokens.New(tokens.Config{
		Store: s, Clients: s, InsecureUnregisteredClients: true, Revocations: s,
		Issuer: issuer, Audience: audience, Keys: all, RefreshKeys: []keys.Secret{refreshKey},
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

var refreshKey = keys.NewSecret()

// sharedKeys returns a key of each algorithm, made once.
func sharedKeys(t *testing.T) []keys.Key {
	t.Helper()
	all, err := newKeys()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

var newKeys = sync.OnceValues(func() ([]keys.Key, error) {
	all := make([]keys.Key, len(algorithms))
	for i, name := range algorithms {
		private, err := newKey(name)
		if err != nil {
			return nil, err
		}
		all[i] = keys.Key{ID: "key-" + name, Algorithm: name, Private: private}
	}
	return all, nil
})

func newKey(algorithm string) (crypto.PrivateKey, error) {
	switch algorithm {
	case "ES256":
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "ES384":
		return ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "ES512":
		return ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case "EdDSA", "Ed25519":
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	}
	return rsa.GenerateKey(rand.Reader, 2048)
}

// newStore returns a store with one user, and one client that may introspect.
func newStore(t *testing.T) *memstore.Store {
	t.Helper()
	hasher, err := passwords.New(passwords.Config{Memory: 64, Time: 1, Threads: 1, InsecureParameters: true})
	if err != nil {
		t.Fatal(err)
	}
	s, err := memstore.New(memstore.Config{Passwords: hasher})
	if err != nil {
		t.Fatal(err)
	}
	user := store.User{ID: "u-ada", Login: login, Tier: "free", Seats: 1, Scopes: []string{"read"}}
	if err := s.AddUser(t.Context(), user, password); err != nil {
		t.Fatal(err)
	}
	err = s.SetClient(t.Context(), store.Client{
		ID: introspector, Name: "The proxy", Secrets: []store.Digest{sha256.Sum256([]byte(secret))}, Grants: []string{tokens.GrantRefresh},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// told is what a resource server is told, as lines of an environment.
func (h host) told(t *testing.T) []string {
	t.Helper()
	all, err := json.Marshal(h.tokens)
	if err != nil {
		t.Fatal(err)
	}
	return []string{"ISSUER=" + h.issuer, "JWKS=" + h.jwks, "AUDIENCE=" + audience, "TOKENS=" + string(all)}
}

// basic are the credentials of the client that may introspect.
func basic() string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(introspector+":"+secret))
}
