package tokens_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/memstore"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

// users is a store with one user in it; a host has its own.
func users() *memstore.Store {
	s := must(memstore.New(memstore.Config{}))
	ada := store.User{ID: "u1", Login: "ada", Tier: "free", Seats: 1, Scopes: []string{"read", "write"}}
	if err := s.AddUser(context.Background(), ada, "correct horse & battery"); err != nil {
		panic(err)
	}
	return s
}

// configured is what the examples have in common.
func configured(s *memstore.Store) tokens.Config {
	return tokens.Config{
		Store:    s,
		Issuer:   "https://issuer.example",
		Audience: "https://api.example",
		// A host that restarts makes its secrets once, and keeps them.
		Keys:        []keys.Key{{Algorithm: "HS256", Secret: keys.NewSecret()}},
		RefreshKeys: []keys.Secret{keys.NewSecret()},
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// A user logs in with a password, and calls the API with the access token that
// they get for it.
func Example() {
	ctx := context.Background()
	authority := must(tokens.New(configured(users())))

	pair := must(authority.Login(ctx, tokens.LoginRequest{Login: "ada", Password: "correct horse & battery"}))
	fmt.Println(pair.ExpiresIn, pair.AccessToken) // a secret is never printed by accident

	// Verify asks no store: it is as quick as its signature.
	ada := must(authority.Verify(ctx, pair.AccessToken))
	fmt.Println(ada.Subject, ada.Tier, ada.HasScope("write"), ada.HasScope("admin"))

	_, err := authority.Verify(ctx, pair.AccessToken+"x")
	fmt.Println(errors.Is(err, tokens.ErrInvalidToken))
	// Output:
	// 1h0m0s [redacted]
	// u1 free true false
	// true
}

// Each refresh gives another refresh token, and an access token of what the user
// is by then.
func ExampleAuthority_Refresh() {
	ctx := context.Background()
	host := users()
	authority := must(tokens.New(configured(host)))
	first := must(authority.Login(ctx, tokens.LoginRequest{Login: "ada", Password: "correct horse & battery"}))

	ada := must(host.User(ctx, "u1"))
	ada.Tier, ada.Seats = "premium", 5 // somebody has paid
	if err := host.SetUser(ctx, ada); err != nil {
		panic(err)
	}

	second := must(authority.Refresh(ctx, tokens.RefreshRequest{Token: first.RefreshToken}))
	fmt.Println(second.Principal.Tier, second.Principal.Seats)
	fmt.Println("the same session:", second.Principal.SessionID == first.Principal.SessionID)
	fmt.Println("the same token:", second.RefreshToken == first.RefreshToken)
	// Output:
	// premium 5
	// the same session: true
	// the same token: false
}

// A refresh token is good once. A client that goes on using the first one it got
// looks like an attacker: the session ends, for the token that it should have used
// as well. Keep the newest; and where tabs race or answers get lost, set
// Config.RetryGrace.
func ExampleAuthority_Refresh_wrong() {
	ctx := context.Background()
	authority := must(tokens.New(configured(users())))
	first := must(authority.Login(ctx, tokens.LoginRequest{Login: "ada", Password: "correct horse & battery"}))

	second, err := authority.Refresh(ctx, tokens.RefreshRequest{Token: first.RefreshToken})
	fmt.Println(err)
	_, err = authority.Refresh(ctx, tokens.RefreshRequest{Token: first.RefreshToken})
	fmt.Println(err)
	_, err = authority.Refresh(ctx, tokens.RefreshRequest{Token: second.RefreshToken})
	fmt.Println(err)
	// Output:
	// <nil>
	// tokens: invalid refresh token: used before
	// tokens: invalid refresh token: the session was revoked
}

// With a grace, an answer that was lost on its way can be asked for again.
func ExampleConfig_retryGrace() {
	ctx := context.Background()
	config := configured(users())
	config.RetryGrace = time.Minute
	authority := must(tokens.New(config))
	first := must(authority.Login(ctx, tokens.LoginRequest{Login: "ada", Password: "correct horse & battery"}))

	lost := must(authority.Refresh(ctx, tokens.RefreshRequest{Token: first.RefreshToken}))
	again := must(authority.Refresh(ctx, tokens.RefreshRequest{Token: first.RefreshToken}))
	fmt.Println(again.Replayed, again.RefreshToken == lost.RefreshToken)

	// Once the new token was used, the old one is spent, however short ago.
	must(authority.Refresh(ctx, tokens.RefreshRequest{Token: again.RefreshToken}))
	_, err := authority.Refresh(ctx, tokens.RefreshRequest{Token: first.RefreshToken})
	fmt.Println(err)
	// Output:
	// true true
	// tokens: invalid refresh token: used before
}

// A signing key is replaced in three steps, each on every node before the next
// one begins, and no token is lost.
func ExampleConfig_keys() {
	ctx := context.Background()
	config := configured(users())
	old := config.Keys[0]
	next := keys.Key{Algorithm: "ES256", Private: must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))}

	// 1. The new key verifies, so that every node knows it when it begins to sign.
	config.Keys = []keys.Key{old, next}
	before := must(tokens.New(config))
	token := must(before.Login(ctx, tokens.LoginRequest{Login: "ada", Password: "correct horse & battery"})).AccessToken

	// 2. It signs, and the old one verifies what it signed.
	config.Keys = []keys.Key{next, old}
	between := must(tokens.New(config))
	_, err := between.Verify(ctx, token)
	fmt.Println(err)

	// 3. An AccessTTL later nothing that the old one signed is good any more.
	config.Keys = []keys.Key{next}
	after := must(tokens.New(config))
	_, err = after.Verify(ctx, token)
	fmt.Println(errors.Is(err, tokens.ErrInvalidToken))
	// Output:
	// <nil>
	// true
}

// The same rotation without a restart: a schedule, put into the ring of every
// node. Read the keys with keys.ReadFiles on a signal, or when a file has changed.
func Example_keyRing() {
	now := time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC)
	old := keys.Key{ID: "2025", Algorithm: "ES256", Private: must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))}
	ring := must(keys.NewRing(old))
	config := configured(users())
	config.Keys, config.KeyRing = nil, ring
	config.Now = func() time.Time { return now }
	authority := must(tokens.New(config))

	// Tomorrow a new key signs. Until then everybody learns of it, and two hours
	// later nothing that the old one signed is good any more.
	tomorrow := now.Add(24 * time.Hour)
	next := keys.Key{ID: "2026", Algorithm: "ES256", Private: must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)), SignsFrom: tomorrow}
	old.RetiresAt = tomorrow.Add(2 * time.Hour)
	fmt.Println(ring.Replace(old, next))

	for _, now = range []time.Time{now, tomorrow, old.RetiresAt} {
		pair := must(authority.Login(context.Background(), tokens.LoginRequest{Login: "ada", Password: "correct horse & battery"}))
		header := must(base64.RawURLEncoding.DecodeString(string(pair.AccessToken[:strings.IndexByte(string(pair.AccessToken), '.')])))
		fmt.Println(string(header), strings.Count(string(authority.JWKS()), `"kid"`), "published")
	}

	// A ring never goes without: what cannot be right changes nothing.
	fmt.Println(ring.Replace(keys.Key{Algorithm: "HS256", Secret: "secret"}))
	// Output:
	// <nil>
	// {"alg":"ES256","kid":"2025","typ":"at+jwt"} 2 published
	// {"alg":"ES256","kid":"2026","typ":"at+jwt"} 2 published
	// {"alg":"ES256","kid":"2026","typ":"at+jwt"} 1 published
	// keys: Keys[0].Secret: must be at least 32 random bytes for HS256, got 6
}

// A service that only verifies has the public keys of the one that signs: here
// from a file, and with package remotekeys from its JWKS endpoint.
func ExampleNewVerifier() {
	ctx := context.Background()
	config := configured(users())
	config.Keys = []keys.Key{{Algorithm: "ES256", Private: must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))}}
	authority := must(tokens.New(config))
	token := must(authority.Login(ctx, tokens.LoginRequest{Login: "ada", Password: "correct horse & battery"})).AccessToken

	keys := must(keys.SetFromJWKS(authority.JWKS()))
	verifier := must(tokens.NewVerifier(tokens.VerifierConfig{Keys: keys, Issuer: config.Issuer, Audience: config.Audience}))
	principal := must(verifier.Verify(ctx, token))
	fmt.Println(principal.Tier)

	_, err := verifier.Verify(ctx, token+"x")
	fmt.Println(errors.Is(err, tokens.ErrInvalidToken))
	// Output:
	// free
	// true
}

// New says all that is wrong with a Config at once.
func ExampleNew_wrong() {
	_, err := tokens.New(tokens.Config{
		Store:       users(),
		Issuer:      "https://issuer.example",
		Keys:        []keys.Key{{Algorithm: "HS256", Secret: "secret"}},
		RefreshKeys: []keys.Secret{"another secret"},
	})
	fmt.Println(err)
	// Output:
	// tokens: Config.Audience: is required, of 512 bytes at most
	// tokens: Config.Keys[0].Secret: must be at least 32 random bytes for HS256, got 6
	// tokens: Config.RefreshKeys[0]: must be at least 32 random bytes, got 14
}

// A script has a long-lived key, which it exchanges for access tokens.
func ExampleAuthority_ExchangeKey() {
	ctx := context.Background()
	host := users()
	config := configured(host)
	config.APIKeys = host
	authority := must(tokens.New(config))

	// The key is shown this once: the store has its digest only.
	key, row, err := authority.CreateAPIKey(ctx, store.Owner{ID: "u1"}, tokens.KeyOptions{
		Label:  "CI of the shop",
		Scopes: []string{"read"},
	})
	fmt.Println(row.Label, row.Scopes, err)

	pair := must(authority.ExchangeKey(ctx, tokens.KeyRequest{Key: key}))
	fmt.Println(must(authority.Verify(ctx, pair.AccessToken)).Scope)

	_, err = authority.Verify(ctx, key) // the key itself is no access token
	fmt.Println(errors.Is(err, tokens.ErrInvalidToken))

	if err := host.RevokeAPIKey(ctx, row.ID, time.Now()); err != nil {
		panic(err)
	}
	_, err = authority.ExchangeKey(ctx, tokens.KeyRequest{Key: key})
	fmt.Println(err)
	// Output:
	// CI of the shop [read] <nil>
	// read
	// true
	// tokens: invalid API key: revoked
}

// What happens can be written to the host's log: who and what, and no secret.
func ExampleConfig_events() {
	ctx := context.Background()
	log := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey || a.Key == "session" || a.Key == "login" { // another one each time
				return slog.Attr{}
			}
			return a
		},
	}))
	config := configured(users())
	config.Events = events.Log(log)
	authority := must(tokens.New(config))

	_, _ = authority.Login(ctx, tokens.LoginRequest{Login: "ada", Password: "wrong", ClientID: "shop"})
	pair := must(authority.Login(ctx, tokens.LoginRequest{Login: "ada", Password: "correct horse & battery", ClientID: "shop"}))
	for range 2 {
		_, _ = authority.Refresh(ctx, tokens.RefreshRequest{Token: pair.RefreshToken})
	}
	// Output:
	// level=INFO msg=sallyport event.kind=login_refused event.client=shop event.error="tokens: bad credentials: store: bad credentials"
	// level=INFO msg=sallyport event.kind=login event.user=u1 event.client=shop
	// level=INFO msg=sallyport event.kind=refresh event.user=u1 event.client=shop event.generation=1
	// level=WARN msg=sallyport event.kind=reuse event.user=u1 event.client=shop event.generation=1 event.error="tokens: invalid refresh token: used before"
}

// A host's own claims stand in the token beside Sallyport's.
func ExamplePrincipal_Claims() {
	ctx := context.Background()
	config := configured(users())
	config.Claims = func(_ context.Context, u store.User) (map[string]any, error) {
		return map[string]any{"https://issuer.example/greeting": "hello " + u.Login}, nil
	}
	authority := must(tokens.New(config))
	pair := must(authority.Login(ctx, tokens.LoginRequest{Login: "ada", Password: "correct horse & battery"}))

	var claims struct {
		Greeting string `json:"https://issuer.example/greeting"`
	}
	err := must(authority.Verify(ctx, pair.AccessToken)).Claims(&claims)
	fmt.Println(claims.Greeting, err)
	// Output:
	// hello ada <nil>
}

// A host registers its clients, and keeps a deny list, so that a client can end
// what it was given: the access token dies with the refresh token.
func ExampleAuthority_Revoke() {
	ctx := context.Background()
	s := users()
	config := configured(s)
	config.Clients, config.Revocations = s, s
	authority := must(tokens.New(config))

	secret, digest := tokens.NewClientSecret() // the secret is for the client, and shown this once
	if err := s.SetClient(ctx, store.Client{
		ID: "shop", Secrets: []store.Digest{digest},
		Grants: []string{tokens.GrantPassword, tokens.GrantRefresh},
		Grace:  30 * time.Second,
	}); err != nil {
		panic(err)
	}

	login := tokens.LoginRequest{Login: "ada", Password: "correct horse & battery", ClientID: "shop"}
	_, err := authority.Login(ctx, login)
	fmt.Println("without the secret:", errors.Is(err, tokens.ErrInvalidClient))

	login.ClientSecret = secret
	pair := must(authority.Login(ctx, login))
	_, err = authority.Revoke(ctx, tokens.RevokeRequest{Token: pair.RefreshToken, ClientID: "shop", ClientSecret: secret})
	fmt.Println("revoked:", err == nil)

	_, err = authority.Verify(ctx, pair.AccessToken)
	fmt.Println("the access token is dead:", errors.Is(err, tokens.ErrRevokedToken))
	// Output:
	// without the secret: true
	// revoked: true
	// the access token is dead: true
}

// A user chooses a new password. PasswordChanged ends what the old one had opened,
// on every device.
func ExampleAuthority_PasswordChanged() {
	ctx := context.Background()
	users := users()
	c := configured(users)
	c.Revocations = users // access tokens end at once, and not only when they expire
	authority := must(tokens.New(c))
	phone := must(authority.Login(ctx, tokens.LoginRequest{Login: "ada", Password: "correct horse & battery"}))

	// What the handler of the host does, once it has checked the old password.
	if err := users.SetPassword(ctx, phone.Principal.Subject, "a new password"); err != nil {
		panic(err)
	}
	if err := authority.PasswordChanged(ctx, phone.Principal.Subject); err != nil {
		panic(err) // call it again: it goes on where it stopped
	}
	here := must(authority.Login(ctx, tokens.LoginRequest{Login: "ada", Password: "a new password"}))

	_, err := authority.Verify(ctx, phone.AccessToken)
	fmt.Println("the phone's access token is dead:", errors.Is(err, tokens.ErrRevokedToken))
	_, err = authority.Refresh(ctx, tokens.RefreshRequest{Token: phone.RefreshToken})
	fmt.Println("and its refresh token:", errors.Is(err, tokens.ErrRevokedRefresh))
	_, err = authority.Verify(ctx, here.AccessToken)
	fmt.Println("the new session works:", err == nil)
	// Output:
	// the phone's access token is dead: true
	// and its refresh token: true
	// the new session works: true
}
