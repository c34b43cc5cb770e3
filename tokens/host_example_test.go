package tokens_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
)

// A page shows a user where they are logged in, and ends one session or all others.
func ExampleAuthority_Sessions() {
	ctx := context.Background()
	authority := must(tokens.New(configured(users())))
	login := func(label string) tokens.Principal {
		return must(authority.Login(ctx, tokens.LoginRequest{Login: "ada", Password: "correct horse & battery", Label: label})).Principal
	}
	phone, laptop := login("Firefox on Android"), login("Firefox on Linux")
	login("an internet café")

	ended, err := authority.EndSession(ctx, phone.Subject, phone.SessionID)
	fmt.Println(ended, err)
	fmt.Println(authority.EndOtherSessions(ctx, laptop))
	page, _, err := authority.Sessions(ctx, laptop.Subject, tokens.Page{})
	for _, s := range page {
		fmt.Println(s.Label, "is this one:", s.ID == laptop.SessionID)
	}
	fmt.Println(err)
	// Output:
	// true <nil>
	// <nil>
	// Firefox on Linux is this one: true
	// <nil>
}

// With registered clients each application has its own grants, scopes and secret.
func ExampleConfig_clients() {
	ctx, s := context.Background(), users()
	secret, digest := tokens.NewClientSecret()
	for _, c := range []store.Client{
		{ID: "web", Grants: []string{tokens.GrantPassword, tokens.GrantRefresh}}, // public
		{ID: "reports", Grants: []string{tokens.GrantPassword}, Scopes: []string{"read"}, Secrets: []store.Digest{digest}},
	} {
		if err := s.SetClient(ctx, c); err != nil {
			panic(err)
		}
	}
	config := configured(s)
	config.Clients, config.DefaultClient = s, "web"
	authority := must(tokens.New(config))

	for _, r := range []tokens.LoginRequest{
		{}, // the default client
		{ClientID: "reports", ClientSecret: secret},
		{ClientID: "reports"},
		{ClientID: "unknown"},
	} {
		r.Login, r.Password = "ada", "correct horse & battery"
		pair, err := authority.Login(ctx, r)
		if errors.Is(err, tokens.ErrInvalidClient) {
			fmt.Println("rejected")
			continue
		}
		fmt.Printf("%s %q refresh token: %t\n", pair.Principal.ClientID, pair.Principal.Scope, pair.RefreshToken != "")
	}
	// Output:
	// web "read write" refresh token: true
	// reports "read" refresh token: false
	// rejected
	// rejected
}

// The clients of some APIs send the user's account as the client identifier.
// AccountAsClient accepts that, for this user only.
func ExampleConfig_accountAsClient() {
	ctx, s := context.Background(), users()
	ada := must(s.User(ctx, "u1"))
	ada.Account = "acme"
	if err := s.SetUser(ctx, ada); err != nil {
		panic(err)
	}
	config := configured(s)
	config.AccountAsClient = true
	authority := must(tokens.New(config))

	for _, client := range []string{"acme", "globex"} {
		_, err := authority.Login(ctx, tokens.LoginRequest{Login: "ada", Password: "correct horse & battery", ClientID: client})
		fmt.Println(client, err == nil)
	}
	// Output:
	// acme true
	// globex false
}

// A user creates an API key for a program. The key can do no more than the user's
// session, and is shown only once.
func ExampleAuthority_CreateOwnAPIKey() {
	ctx, s := context.Background(), users()
	config := configured(s)
	config.APIKeys = s
	authority := must(tokens.New(config))
	ada := must(authority.Login(ctx, tokens.LoginRequest{Login: "ada", Password: "correct horse & battery"})).Principal

	key, row, err := authority.CreateOwnAPIKey(ctx, ada, tokens.KeyOptions{Label: "nightly report", Scopes: []string{"read"}, Expires: time.Now().AddDate(0, 3, 0)})
	if err != nil {
		panic(err)
	}
	fmt.Println(row.Label, row.Scopes, authority.IsAPIKey(key))
	_, _, err = authority.CreateOwnAPIKey(ctx, ada, tokens.KeyOptions{Label: "too much", Scopes: []string{"admin"}})
	fmt.Println(errors.Is(err, tokens.ErrInvalidScope))
	revoked, err := authority.RevokeAPIKey(ctx, store.Owner{ID: ada.Subject}, row.ID)
	fmt.Println(revoked, err)
	// Output:
	// nightly report [read] true
	// true
	// true <nil>
}

// A service account owns a key, so that it survives the user who has made it. The host
// says who the service account is; it needs no login. The key works from one network.
func ExampleAuthority_CreateAPIKey() {
	ctx, s := context.Background(), users()
	config := configured(s)
	config.APIKeys = s
	config.KeyOwner = func(_ context.Context, o store.Owner) (store.User, error) {
		if o == (store.Owner{Kind: store.OwnerService, ID: "nightly-import"}) {
			return store.User{ID: o.ID, Account: "acme", Tier: "free", Seats: 3, Scopes: []string{"write"}}, nil
		}
		return store.User{}, store.ErrNotFound // or it was suspended: its keys are rejected
	}
	authority := must(tokens.New(config))

	networks := must(tokens.ParseNetworks([]string{"192.0.2.0/24", "2001:db8:7::/48"}))
	key, _, err := authority.CreateAPIKey(ctx, store.Owner{Kind: store.OwnerService, ID: "nightly-import"}, tokens.KeyOptions{
		Label:    "import of the ERP",
		Networks: networks,
	})
	if err != nil {
		panic(err)
	}
	for _, address := range []string{"192.0.2.7", "198.51.100.7"} {
		// package middleware puts its Config.ClientIP there
		from := events.WithAddress(ctx, netip.MustParseAddr(address))
		pair, err := authority.ExchangeKey(from, tokens.KeyRequest{Key: key})
		p := pair.Principal
		fmt.Printf("%s: %q %q %q, rejected: %t\n", address, p.Subject, p.Account, p.Scope, errors.Is(err, tokens.ErrKeyNetwork))
	}
	// Output:
	// 192.0.2.7: "service:nightly-import" "acme" "write", rejected: false
	// 198.51.100.7: "" "" "", rejected: true
}

// A key is rotated without a moment in which no key works: the new one is handed to
// the program while the old one still lasts.
func ExampleAuthority_ReplaceAPIKey() {
	ctx, s := context.Background(), users()
	config := configured(s)
	config.APIKeys = s
	authority := must(tokens.New(config))
	owner := store.Owner{ID: "u1"}
	_, old, err := authority.CreateAPIKey(ctx, owner, tokens.KeyOptions{Label: "CI of the shop"})
	if err != nil {
		panic(err)
	}

	key, row, err := authority.ReplaceAPIKey(ctx, owner, old.ID, tokens.Replacement{Until: time.Now().Add(7 * 24 * time.Hour)})
	if err != nil {
		panic(err)
	}
	fmt.Println(row.Label, string(key[len(key)-4:]) == row.Hint)

	list, _, err := authority.OwnerAPIKeys(ctx, owner, tokens.Page{})
	for _, k := range list {
		fmt.Println("the old one:", k.Successor == row.ID, "ends:", !k.ExpiresAt.IsZero())
	}
	fmt.Println(err)
	// Output:
	// CI of the shop true
	// the old one: false ends: false
	// the old one: true ends: true
	// <nil>
}

// Introspect asks the stores, and so it is stricter than Verify: it sees that a
// session has ended although its access token has not expired.
func ExampleAuthority_Introspect() {
	ctx := context.Background()
	authority := must(tokens.New(configured(users())))
	pair := must(authority.Login(ctx, tokens.LoginRequest{Login: "ada", Password: "correct horse & battery"}))
	state := must(authority.Introspect(ctx, pair.AccessToken))
	fmt.Println(state.Active, state.Subject, state.Scope)

	if err := authority.Logout(ctx, tokens.RefreshRequest{Token: pair.RefreshToken}); err != nil {
		panic(err)
	}
	fmt.Println(must(authority.Introspect(ctx, pair.AccessToken)).Active)
	_, err := authority.Verify(ctx, pair.AccessToken) // without Config.Revocations
	fmt.Println(err)
	// Output:
	// true u1 read write
	// false
	// <nil>
}
