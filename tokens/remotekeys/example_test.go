package remotekeys_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/memstore"
	"github.com/sallyport-go/sallyport/store/passwords"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/keys"
	"github.com/sallyport-go/sallyport/tokens/remotekeys"
)

// One service signs and publishes its keys; another fetches them, and verifies.
func Example() {
	server, token := signingService()
	defer server.Close()

	keys := must(remotekeys.New(remotekeys.Config{URL: server.URL + "/.well-known/jwks.json"}))
	defer func() { _ = keys.Close() }()
	verifier := must(tokens.NewVerifier(tokens.VerifierConfig{Keys: keys, Issuer: "https://issuer.example", Audience: "api"}))

	principal := must(verifier.Verify(context.Background(), token))
	fmt.Println(principal.Subject, principal.Tier)
	// Output:
	// 1 free
}

func signingService() (*httptest.Server, tokens.Secret) {
	hasher := must(passwords.New(passwords.Config{Memory: 64, Time: 1, InsecureParameters: true}))
	users := must(memstore.New(memstore.Config{Passwords: hasher}))
	if err := users.AddUser(context.Background(), store.User{ID: "1", Login: "ada", Tier: "free"}, "correct horse"); err != nil {
		panic(err)
	}
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	authority := must(tokens.New(tokens.Config{
		Store: users, Issuer: "https://issuer.example", Audience: "api",
		Keys:        []keys.Key{{Algorithm: "EdDSA", Private: private}},
		RefreshKeys: []keys.Secret{keys.NewSecret()},
	}))
	auth := must(middleware.New(middleware.Config{
		Tokens: authority, ClientIP: clientip.RemoteAddr,
		Tiers: ratelimit.Tiers{"free": {Limit: 500, Period: time.Hour}},
	}))
	pair := must(authority.Login(context.Background(), tokens.LoginRequest{Login: "ada", Password: "correct horse"}))
	return httptest.NewServer(http.HandlerFunc(auth.JWKS)), pair.AccessToken
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
