package tokens_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
)

func (r *fixture) signIn(tb testing.TB, req tokens.SignInRequest) tokens.Pair {
	tb.Helper()
	p, err := r.SignIn(tb.Context(), req)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func TestSignIn(t *testing.T) {
	t.Parallel()
	t.Run("it opens a session as a login does, and says how the user was authenticated", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		at := r.clock.time().Add(-time.Minute)
		p := r.signIn(t, tokens.SignInRequest{
			UserID: alice.ID, Methods: []string{"hwk", "mfa"}, AuthenticatedAt: at, ClientID: "shop", Label: "Firefox on Linux", Scopes: []string{"read"},
		})
		got := r.verify(t, p.AccessToken)
		wantAuthentication(t, got, at, "hwk", "mfa")
		if got.Subject != alice.ID || got.Account != "acme" || got.ClientID != "shop" || got.Scope != "read" || !got.Restricted || got.Actor != "" {
			t.Errorf("principal = %+v", got)
		}
		e := r.journal.WantKinds(t, events.Login)
		if e[0].UserID != alice.ID || e[0].SessionID != got.SessionID || e[0].ClientID != "shop" {
			t.Errorf("event = %+v", e[0])
		}
		all, _, err := r.Sessions(t.Context(), alice.ID, tokens.Page{})
		if err != nil || len(all) != 1 || all[0].Label != "Firefox on Linux" || all[0].ID != got.SessionID {
			t.Errorf("sessions = %+v, %v", all, err)
		}
		again := r.refresh(t, p.RefreshToken)
		wantAuthentication(t, r.verify(t, again.AccessToken), at, "hwk", "mfa")
	})
	t.Run("without a time it is now, and a time in the future is now", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		for _, at := range []time.Time{{}, r.clock.time().Add(time.Hour)} {
			wantAuthentication(t, r.verify(t, r.signIn(t, tokens.SignInRequest{UserID: alice.ID, AuthenticatedAt: at}).AccessToken), r.clock.time())
		}
	})
	for name, tt := range map[string]struct {
		req  tokens.SignInRequest
		want error
	}{
		"a user who does not exist":         {tokens.SignInRequest{UserID: "u-unknown"}, tokens.ErrBadCredentials},
		"no user":                           {tokens.SignInRequest{}, tokens.ErrMalformed},
		"a user that no store can hold":     {tokens.SignInRequest{UserID: "\xff"}, tokens.ErrMalformed},
		"a version that is not the user's":  {tokens.SignInRequest{UserID: alice.ID, CredentialVersion: "old"}, tokens.ErrBadCredentials},
		"a version that no store can hold":  {tokens.SignInRequest{UserID: alice.ID, CredentialVersion: "\x00"}, tokens.ErrMalformed},
		"a scope that the user has not":     {tokens.SignInRequest{UserID: alice.ID, Scopes: []string{"root"}}, tokens.ErrInvalidScope},
		"no scope, and not nil":             {tokens.SignInRequest{UserID: alice.ID, Scopes: []string{}}, tokens.ErrInvalidScope},
		"a method of two words":             {tokens.SignInRequest{UserID: alice.ID, Methods: []string{"one time"}}, tokens.ErrMalformed},
		"too many methods":                  {tokens.SignInRequest{UserID: alice.ID, Methods: slices.Repeat([]string{"pwd"}, 17)}, tokens.ErrMalformed},
		"a time before 1970":                {tokens.SignInRequest{UserID: alice.ID, AuthenticatedAt: time.Unix(-1, 0)}, tokens.ErrMalformed},
		"a token that no cookie can hold":   {tokens.SignInRequest{UserID: alice.ID, MaxAccess: 10}, tokens.ErrClaims},
		"a client that no store can hold":   {tokens.SignInRequest{UserID: alice.ID, ClientID: strings.Repeat("a", 513)}, tokens.ErrMalformed},
		"a reason and no actor":             {tokens.SignInRequest{UserID: alice.ID, Reason: "ticket 4711"}, tokens.ErrMalformed},
		"an actor without a reason":         {acting(func(r *tokens.SignInRequest) { r.Reason = "" }), tokens.ErrMalformed},
		"an actor whose reason is not seen": {acting(func(r *tokens.SignInRequest) { r.Reason = "\u202e\n" }), tokens.ErrMalformed},
		"an actor without an end":           {acting(func(r *tokens.SignInRequest) { r.Until = time.Time{} }), tokens.ErrMalformed},
		"an actor whose end has come":       {acting(func(r *tokens.SignInRequest) { r.Until = r.Until.Add(-time.Hour) }), tokens.ErrMalformed},
		"an actor who is the user":          {acting(func(r *tokens.SignInRequest) { r.Actor = alice.ID }), tokens.ErrMalformed},
		"an actor with methods":             {acting(func(r *tokens.SignInRequest) { r.Methods = []string{"pwd"} }), tokens.ErrMalformed},
		"an actor with a label":             {acting(func(r *tokens.SignInRequest) { r.Label = "Firefox" }), tokens.ErrMalformed},
	} {
		t.Run("it refuses "+name+", and writes nothing", func(t *testing.T) {
			t.Parallel()
			r := open(t)
			r.unchanged(t, func() {
				_, err := r.SignIn(t.Context(), tt.req)
				wantError(t, err, tt.want)
			})
			kind := events.LoginRefused
			if errors.Is(tt.want, tokens.ErrClaims) {
				kind = events.Fault
			}
			r.journal.WantKinds(t, kind)
		})
	}
	t.Run("a registered client is authenticated first, and needs no grant", func(t *testing.T) {
		t.Parallel()
		secret, digest := tokens.NewClientSecret()
		r := registering(t)
		if err := r.store.memory.SetClient(t.Context(), store.Client{ID: "sso", Secrets: []store.Digest{digest}, Grants: []string{tokens.GrantRefresh}}); err != nil {
			t.Fatal(err)
		}
		r.store.take()
		for _, wrong := range []tokens.SignInRequest{{UserID: alice.ID, ClientID: "sso"}, {UserID: alice.ID, ClientID: "unknown"}, {UserID: alice.ID}} {
			_, err := r.SignIn(t.Context(), wrong)
			wantError(t, err, tokens.ErrInvalidClient)
		}
		if calls := r.store.take(); slices.Contains(calls, "User") {
			t.Errorf("calls = %q", calls)
		}
		if p := r.signIn(t, tokens.SignInRequest{UserID: alice.ID, ClientID: "sso", ClientSecret: secret}); p.RefreshToken == "" {
			t.Error("there is no refresh token")
		}
	})
	t.Run("it hands out nothing if the credentials change meanwhile, or the user goes", func(t *testing.T) {
		t.Parallel()
		for _, change := range []func(*fixture) error{
			func(r *fixture) error {
				return r.store.memory.SetPassword(t.Context(), alice.ID, "another one that is long")
			},
			func(r *fixture) error { return r.store.memory.RemoveUser(t.Context(), alice.ID) },
		} {
			r := open(t)
			r.store.step(nil, first("CreateSession", func() error { return change(r) }))
			r.withdrawn(t, func() {
				_, err := r.SignIn(t.Context(), tokens.SignInRequest{UserID: alice.ID})
				wantError(t, err, tokens.ErrBadCredentials)
			})
		}
	})
	t.Run("a store that fails is unavailable", func(t *testing.T) {
		t.Parallel()
		for _, call := range []string{"User", "CreateSession", "UserSessions"} {
			r := open(t, atMost(1))
			r.login(t)
			r.journal.Take()
			r.store.step(first(call, func() error { return errDriver }), nil)
			_, err := r.SignIn(t.Context(), tokens.SignInRequest{UserID: alice.ID})
			wantError(t, err, tokens.ErrUnavailable)
			r.journal.WantKinds(t, events.StoreFailure)
		}
	})
	t.Run("one session too many ends the oldest", func(t *testing.T) {
		t.Parallel()
		r := open(t, atMost(1), denying)
		one := r.login(t)
		r.clock.move(time.Second)
		r.signIn(t, tokens.SignInRequest{UserID: alice.ID})
		r.dead(t, one)
	})
	t.Run("without a refresh token there is none", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		if p := r.signIn(t, tokens.SignInRequest{UserID: alice.ID, AccessOnly: true}); p.RefreshToken != "" || p.Principal.SessionID != "" {
			t.Errorf("pair = %+v", p)
		}
	})
}

const staff = "u-staff"

// acting is a request of support staff for alice, for an hour from the time at which
// the clock of a fixture begins.
func acting(edits ...func(*tokens.SignInRequest)) tokens.SignInRequest {
	r := tokens.SignInRequest{UserID: alice.ID, Actor: staff, Reason: "ticket 4711", Until: time.Date(2026, 3, 4, 5, 36, 7, 0, time.UTC)}
	for _, edit := range edits {
		edit(&r)
	}
	return r
}

func TestActor(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func(*tokens.Config){"with a deny list": denying, "without a deny list": func(*tokens.Config) {}} {
		t.Run("who acts for a user is named everywhere, "+name, func(t *testing.T) {
			t.Parallel()
			r := open(t, edit)
			p := r.signIn(t, acting())
			if p.RefreshToken != "" || p.RefreshExpiresIn != 0 {
				t.Errorf("there is a refresh token: %+v", p)
			}
			got := r.verify(t, p.AccessToken)
			if got.Subject != alice.ID || got.Actor != staff || !got.Restricted {
				t.Errorf("principal = %+v", got)
			}
			wantAuthentication(t, got, time.Time{})
			var claims struct {
				Act struct{ Sub string }
			}
			if err := got.Claims(&claims); err != nil || claims.Act.Sub != staff {
				t.Errorf("act = %+v, %v", claims, err)
			}
			e := r.journal.WantKinds(t, events.Login)[0]
			if e.UserID != alice.ID || e.Actor != staff || e.Reason != "ticket 4711" {
				t.Errorf("event = %+v", e)
			}
			all, _, err := r.Sessions(t.Context(), alice.ID, tokens.Page{})
			if err != nil || len(all) != 1 || all[0].Actor != staff || all[0].Label != "ticket 4711" || !all[0].ExpiresAt.Equal(acting().Until) {
				t.Fatalf("sessions = %+v, %v", all, err)
			}
			if of, err := r.Introspect(t.Context(), p.AccessToken); err != nil || !of.Active || of.Principal.Actor != staff {
				t.Errorf("introspection = %+v, %v", of, err)
			}
			if ok, err := r.EndSession(t.Context(), alice.ID, all[0].ID); !ok || err != nil {
				t.Errorf("EndSession: %t, %v", ok, err)
			}
			if e := r.journal.WantKinds(t, events.Logout)[0]; e.Actor != staff {
				t.Errorf("event = %+v", e)
			}
			if of, err := r.Introspect(t.Context(), p.AccessToken); err != nil || of.Active {
				t.Errorf("after the end: introspection = %+v, %v", of, err)
			}
			if _, err := r.Verify(t.Context(), p.AccessToken); (err != nil) != (r.config.Revocations != nil) {
				t.Errorf("after the end: Verify: %v", err)
			}
		})
	}
	t.Run("the access token ends with Until, and earlier if access tokens do", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		p := r.signIn(t, acting())
		if want := acting().Until; !p.Principal.ExpiresAt.Equal(want) || p.ExpiresIn != want.Sub(r.clock.time()) {
			t.Errorf("it ends at %v, in %v", p.Principal.ExpiresAt, p.ExpiresIn)
		}
		r.clock.move(30 * time.Minute)
		if _, err := r.Verify(t.Context(), p.AccessToken); !errors.Is(err, tokens.ErrExpiredToken) {
			t.Errorf("Verify at the end: %v", err)
		}
		long := r.signIn(t, acting(func(q *tokens.SignInRequest) { q.Until = r.clock.time().Add(100 * time.Hour) }))
		if long.ExpiresIn != time.Hour {
			t.Errorf("it ends in %v", long.ExpiresIn)
		}
		if all, _, err := r.Sessions(t.Context(), alice.ID, tokens.Page{}); err != nil || len(all) != 1 || !all[0].ExpiresAt.Equal(long.Principal.ExpiresAt) {
			t.Errorf("sessions = %+v, %v", all, err)
		}
	})
	t.Run("it does nothing that outlives it: no refresh, no API key, none in the place of another, no session of the user's ended by the limit", func(t *testing.T) {
		t.Parallel()
		r := open(t, atMost(2), denying, func(c *tokens.Config) { c.AccessTTL, c.IdleTTL, c.SessionTTL = time.Hour, time.Hour, time.Hour })
		one := r.login(t)
		r.clock.move(time.Second) // of two sessions of one time the limit may end either
		two := r.login(t)
		r.clock.move(time.Second)
		p := r.signIn(t, acting())
		r.login(t)
		r.dead(t, one)
		r.refresh(t, two.RefreshToken)
		r.verify(t, p.AccessToken)
		_, _, err := r.CreateOwnAPIKey(t.Context(), p.Principal, tokens.KeyOptions{})
		wantError(t, err, tokens.ErrNoSession)
		_, row := r.apiKey(t)
		_, _, err = r.ReplaceOwnAPIKey(t.Context(), p.Principal, row.ID, tokens.Replacement{})
		wantError(t, err, tokens.ErrNoSession)
	})
	t.Run("a session that has an actor is never refreshed, whatever token there were", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		p := r.login(t)
		c := r.config
		c.Store = &foreign{storeSpy: r.store, session: func(s *store.Session) { s.Actor = staff }}
		a := authority(t, c)
		r.unchanged(t, func() {
			_, err := a.Refresh(t.Context(), tokens.RefreshRequest{Token: p.RefreshToken})
			wantError(t, err, tokens.ErrInvalidRefresh)
		})
	})
	t.Run("a new password ends it", func(t *testing.T) {
		t.Parallel()
		r := open(t, denying)
		p := r.signIn(t, acting())
		r.changePassword(t)
		_, err := r.Verify(t.Context(), p.AccessToken)
		wantError(t, err, tokens.ErrRevokedToken)
	})
}

func TestContextClass(t *testing.T) {
	t.Parallel()
	classes := func(class string) func(*tokens.Config) {
		return func(c *tokens.Config) {
			c.ContextClass = func(methods []string) string {
				if slices.Contains(methods, "mfa") {
					return class
				}
				return ""
			}
		}
	}
	t.Run("it is that of the methods of the session, in each of its access tokens", func(t *testing.T) {
		t.Parallel()
		r := open(t, classes("gold"))
		p := r.signIn(t, tokens.SignInRequest{UserID: alice.ID, Methods: []string{"pwd", "otp", "mfa"}})
		for range 2 {
			if got := r.verify(t, p.AccessToken).ContextClass; got != "gold" {
				t.Errorf("acr = %q", got)
			}
			p = r.refresh(t, p.RefreshToken)
		}
		for _, p := range []tokens.Pair{r.login(t), r.signIn(t, tokens.SignInRequest{UserID: alice.ID}), r.signIn(t, acting())} {
			if got := r.verify(t, p.AccessToken).ContextClass; got != "" {
				t.Errorf("acr = %q, want none", got)
			}
		}
	})
	t.Run("one that is not a scope-token is a fault, and no session is written", func(t *testing.T) {
		t.Parallel()
		r := open(t, classes("two words"))
		r.unchanged(t, func() {
			_, err := r.SignIn(t.Context(), tokens.SignInRequest{UserID: alice.ID, Methods: []string{"mfa"}})
			wantError(t, err, tokens.ErrClaims)
		})
	})
	t.Run("a host cannot claim it, nor who acts", func(t *testing.T) {
		t.Parallel()
		for _, name := range []string{"acr", "act", "ACR", "Act"} {
			r := open(t, func(c *tokens.Config) {
				c.Claims = func(context.Context, store.User) (map[string]any, error) { return map[string]any{name: "gold"}, nil }
			})
			_, err := r.Login(t.Context(), tokens.LoginRequest{Login: "alice", Password: password})
			wantError(t, err, tokens.ErrClaims)
		}
	})
}
