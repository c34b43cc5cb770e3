package tokens_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
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

	key, row, err := authority.CreateOwnAPIKey(ctx, ada, "nightly report", []string{"read"}, time.Now().AddDate(0, 3, 0))
	if err != nil {
		panic(err)
	}
	fmt.Println(row.Label, row.Scopes, authority.IsAPIKey(key))
	_, _, err = authority.CreateOwnAPIKey(ctx, ada, "too much", []string{"admin"}, time.Time{})
	fmt.Println(errors.Is(err, tokens.ErrInvalidScope))
	revoked, err := authority.RevokeAPIKey(ctx, ada.Subject, row.ID)
	fmt.Println(revoked, err)
	// Output:
	// nightly report [read] true
	// true
	// true <nil>
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
