package tokens_test

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
)

// altering is a store whose lists are altered too.
type altering struct{ *foreign }

func (a altering) UserSessions(ctx context.Context, userID string, after store.Cursor, limit int) ([]store.Session, error) {
	all, err := a.storeSpy.UserSessions(ctx, userID, after, limit)
	for i := range all {
		if a.session != nil {
			a.session(&all[i])
		}
	}
	return all, err
}

func (a altering) OwnerAPIKeys(ctx context.Context, owner store.Owner, after store.Cursor, limit int) ([]store.APIKey, error) {
	all, err := a.storeSpy.OwnerAPIKeys(ctx, owner, after, limit)
	for i := range all {
		if a.key != nil {
			a.key(&all[i])
		}
	}
	return all, err
}

// writes are the calls that hand something out or use it up.
var writes = []string{"CreateSession", "AdvanceSession", "RevokeSession", "RevokeUserSessions", "CreateAPIKey", "UseAPIKey", "RevokeAPIKey", "DenySession"}

func TestFaultA12WhatAStoreReturnsIsCheckedBeforeItIsUsed(t *testing.T) {
	t.Parallel()
	type spoil struct {
		field string
		apply func(f *foreign, value string)
	}
	users := []spoil{
		{"User.ID", func(f *foreign, v string) { f.user = func(u *store.User) { u.ID = v } }},
		{"User.Login", func(f *foreign, v string) { f.user = func(u *store.User) { u.Login = v } }},
		{"User.Account", func(f *foreign, v string) { f.user = func(u *store.User) { u.Account = v } }},
		{"User.Tier", func(f *foreign, v string) { f.user = func(u *store.User) { u.Tier = v } }},
		{"User.CredentialVersion", func(f *foreign, v string) { f.user = func(u *store.User) { u.CredentialVersion = v } }},
		{"User.Scopes", func(f *foreign, v string) { f.user = func(u *store.User) { u.Scopes = []string{"read", v} } }},
	}
	sessions := []spoil{
		{"Session.ID", func(f *foreign, v string) { f.session = func(s *store.Session) { s.ID = v } }},
		{"Session.UserID", func(f *foreign, v string) { f.session = func(s *store.Session) { s.UserID = v } }},
		{"Session.ClientID", func(f *foreign, v string) { f.session = func(s *store.Session) { s.ClientID = v } }},
		{"Session.Label", func(f *foreign, v string) { f.session = func(s *store.Session) { s.Label = v } }},
		{"Session.CredentialVersion", func(f *foreign, v string) { f.session = func(s *store.Session) { s.CredentialVersion = v } }},
		{"Session.Actor", func(f *foreign, v string) { f.session = func(s *store.Session) { s.Actor = v } }},
		{"Session.Methods", func(f *foreign, v string) { f.session = func(s *store.Session) { s.Methods = []string{"pwd", v} } }},
		{"Session.Scopes", func(f *foreign, v string) { f.session = func(s *store.Session) { s.Scopes = []string{v} } }},
	}
	keys := []spoil{
		{"APIKey.ID", func(f *foreign, v string) { f.key = func(k *store.APIKey) { k.ID = v } }},
		{"APIKey.Owner.ID", func(f *foreign, v string) { f.key = func(k *store.APIKey) { k.Owner.ID = v } }},
		{"APIKey.Label", func(f *foreign, v string) { f.key = func(k *store.APIKey) { k.Label = v } }},
		{"APIKey.CredentialVersion", func(f *foreign, v string) { f.key = func(k *store.APIKey) { k.CredentialVersion = v } }},
		{"APIKey.Scopes", func(f *foreign, v string) { f.key = func(k *store.APIKey) { k.Scopes = []string{v} } }},
	}
	clients := []spoil{
		{"Client.ID", func(f *foreign, v string) { f.client = func(c *store.Client) { c.ID = v } }},
		{"Client.Name", func(f *foreign, v string) { f.client = func(c *store.Client) { c.Name = v } }},
		{"Client.Grants", func(f *foreign, v string) { f.client = func(c *store.Client) { c.Grants = append(c.Grants, v) } }},
		{"Client.Scopes", func(f *foreign, v string) { f.client = func(c *store.Client) { c.Scopes = []string{v} } }},
	}
	// mayBeEmpty: a user without an account, a login without a client, ...
	mayBeEmpty := []string{"User.Login", "User.Account", "User.Tier", "Session.ClientID", "Session.Label", "Session.Actor", "APIKey.Label", "User.CredentialVersion", "Session.CredentialVersion", "APIKey.CredentialVersion", "Client.Name", "Client.Grants"}
	values := []struct{ name, value string }{
		{"16 raw bytes", "\xde\xad\xbe\xef\x80\x81\x82\x83\x84\x85\x86\x87\x88\x89\x8a\x8b"},
		{"a NUL", "u\x00alice"},
		{"nothing", ""},
		{"600 bytes", strings.Repeat("u", 600)},
	}
	type made struct {
		pair tokens.Pair
		key  tokens.Secret
		row  store.APIKey
	}
	methods := []struct {
		name   string
		spoils [][]spoil
		do     func(context.Context, *tokens.Authority, made) error
	}{
		{"Login", [][]spoil{users, clients}, func(ctx context.Context, a *tokens.Authority, _ made) error {
			return errorOf(a.Login(ctx, tokens.LoginRequest{Login: "alice", Password: password, ClientID: "web"}))
		}},
		{"Refresh", [][]spoil{users, sessions, clients}, func(ctx context.Context, a *tokens.Authority, m made) error {
			return errorOf(a.Refresh(ctx, tokens.RefreshRequest{Token: m.pair.RefreshToken, ClientID: "web"}))
		}},
		{"Logout", [][]spoil{sessions, clients}, func(ctx context.Context, a *tokens.Authority, m made) error {
			return a.Logout(ctx, tokens.RefreshRequest{Token: m.pair.RefreshToken, ClientID: "web"})
		}},
		{"LogoutPrincipal", [][]spoil{sessions}, func(ctx context.Context, a *tokens.Authority, m made) error {
			return a.LogoutPrincipal(ctx, m.pair.Principal)
		}},
		{"EndSession", [][]spoil{sessions}, func(ctx context.Context, a *tokens.Authority, m made) error {
			return errorOf(a.EndSession(ctx, alice.ID, m.pair.Principal.SessionID))
		}},
		{"EndOtherSessions", [][]spoil{sessions}, func(ctx context.Context, a *tokens.Authority, m made) error {
			return a.EndOtherSessions(ctx, m.pair.Principal)
		}},
		{"Sessions", [][]spoil{sessions}, func(ctx context.Context, a *tokens.Authority, _ made) error {
			return errorOf2(a.Sessions(ctx, alice.ID, tokens.Page{}))
		}},
		{"ExchangeKey", [][]spoil{users, keys, clients}, func(ctx context.Context, a *tokens.Authority, m made) error {
			return errorOf(a.ExchangeKey(ctx, tokens.KeyRequest{Key: m.key, ClientID: "web"}))
		}},
		{"CreateOwnAPIKey", [][]spoil{users, sessions}, func(ctx context.Context, a *tokens.Authority, m made) error {
			_, _, err := a.CreateOwnAPIKey(ctx, m.pair.Principal, tokens.KeyOptions{})
			return err
		}},
		{"OwnerAPIKeys", [][]spoil{keys}, func(ctx context.Context, a *tokens.Authority, _ made) error {
			return errorOf2(a.OwnerAPIKeys(ctx, store.Owner{ID: alice.ID}, tokens.Page{}))
		}},
		{"RevokeAPIKey", [][]spoil{keys}, func(ctx context.Context, a *tokens.Authority, m made) error {
			return errorOf(a.RevokeAPIKey(ctx, store.Owner{ID: alice.ID}, m.row.ID))
		}},
		{"Revoke", [][]spoil{sessions, clients}, func(ctx context.Context, a *tokens.Authority, m made) error {
			return errorOf(a.Revoke(ctx, tokens.RevokeRequest{Token: m.pair.RefreshToken, ClientID: "web"}))
		}},
		{"Revoke of a key", [][]spoil{keys}, func(ctx context.Context, a *tokens.Authority, m made) error {
			return errorOf(a.Revoke(ctx, tokens.RevokeRequest{Token: m.key, ClientID: "web"}))
		}},
		{"Introspect", [][]spoil{users, sessions}, func(ctx context.Context, a *tokens.Authority, m made) error {
			return errorOf(a.Introspect(ctx, m.pair.AccessToken))
		}},
		{"Introspect of a refresh token", [][]spoil{users, sessions, clients}, func(ctx context.Context, a *tokens.Authority, m made) error {
			return errorOf(a.Introspect(ctx, m.pair.RefreshToken))
		}},
		{"AuthenticateClient", [][]spoil{clients}, func(ctx context.Context, a *tokens.Authority, _ made) error {
			return errorOf(a.AuthenticateClient(ctx, "web", "", tokens.ClientCredentials{}))
		}},
	}
	for _, method := range methods {
		t.Run(method.name, func(t *testing.T) {
			t.Parallel()
			r := registering(t)
			m := made{pair: r.loginWith(t, tokens.LoginRequest{Login: "alice", Password: password, ClientID: "web"})}
			m.key, m.row = r.apiKey(t)
			for _, s := range slices.Concat(method.spoils...) {
				for _, v := range values {
					if v.value == "" && slices.Contains(mayBeEmpty, s.field) {
						continue
					}
					t.Run(s.field+" is "+v.name, func(t *testing.T) {
						f := &foreign{storeSpy: r.store}
						s.apply(f, v.value)
						c := r.config
						c.Store, c.APIKeys, c.Clients = altering{f}, altering{f}, altering{f}
						a := authority(t, c)
						r.journal.Take()
						r.store.take()
						r.unchanged(t, func() {
							err := method.do(t.Context(), a, m)
							wantError(t, err, tokens.ErrUnavailable)
							if !errors.Is(err, tokens.ErrContract) {
								t.Errorf("error = %v, want %v", err, tokens.ErrContract)
							}
						})
						if calls := r.store.take(); slices.ContainsFunc(calls, func(call string) bool { return slices.Contains(writes, call) }) {
							t.Errorf("calls = %q: something was written", calls)
						}
						told := r.journal.WantKinds(t, events.Fault)
						if len(told) != 1 {
							return
						}
						text := told[0].Err.Error()
						if !strings.Contains(text, s.field+": ") {
							t.Errorf("the event says %q, and does not name %s", text, s.field)
						}
						if v.value != "" && strings.Contains(text, v.value) {
							t.Errorf("the event has the value: %q", text)
						}
						if e := told[0]; e.UserID == v.value && v.value != "" {
							t.Errorf("the event names the user %q", e.UserID)
						}
					})
				}
			}
		})
	}
}

func TestFaultA12ListsBelongToWhomTheyWereAskedFor(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		spoil func(*foreign)
		field string
		do    func(context.Context, *tokens.Authority) error
	}{
		{"another user's sessions", func(f *foreign) { f.session = func(s *store.Session) { s.UserID = bob.ID } }, "Session.UserID",
			func(ctx context.Context, a *tokens.Authority) error {
				return errorOf2(a.Sessions(ctx, alice.ID, tokens.Page{}))
			}},
		{"another user's keys", func(f *foreign) { f.key = func(k *store.APIKey) { k.Owner.ID = bob.ID } }, "APIKey.Owner",
			func(ctx context.Context, a *tokens.Authority) error {
				return errorOf2(a.OwnerAPIKeys(ctx, store.Owner{ID: alice.ID}, tokens.Page{}))
			}},
		{"a session that never began", func(f *foreign) { f.session = func(s *store.Session) { s.Generation = -1 } }, "Session.Generation",
			func(ctx context.Context, a *tokens.Authority) error {
				return errorOf2(a.Sessions(ctx, alice.ID, tokens.Page{}))
			}},
		{"more methods than a session can have", func(f *foreign) {
			f.session = func(s *store.Session) { s.Methods = slices.Repeat([]string{"pwd"}, 17) }
		}, "Session.Methods", func(ctx context.Context, a *tokens.Authority) error {
			return errorOf2(a.Sessions(ctx, alice.ID, tokens.Page{}))
		}},
		{"more seats than JSON can say", func(f *foreign) { f.user = func(u *store.User) { u.Seats = 1 << 53 } }, "User.Seats",
			func(ctx context.Context, a *tokens.Authority) error {
				return errorOf(a.Login(ctx, tokens.LoginRequest{Login: "alice", Password: password}))
			}},
	} {
		t.Run(test.name+" are refused", func(t *testing.T) {
			t.Parallel()
			r := open(t)
			r.login(t)
			r.apiKey(t)
			f := &foreign{storeSpy: r.store}
			test.spoil(f)
			c := r.config
			c.Store, c.APIKeys = altering{f}, altering{f}
			err := test.do(t.Context(), authority(t, c))
			if !errors.Is(err, tokens.ErrContract) {
				t.Errorf("error = %v, want %v", err, tokens.ErrContract)
			}
			if err != nil && !strings.Contains(err.Error(), test.field) {
				t.Errorf("%v does not name %s", err, test.field)
			}
		})
	}
	t.Run("sessions that were ended under IDs that are none are told of", func(t *testing.T) {
		t.Parallel()
		r := open(t, denying)
		r.login(t)
		c := r.config
		c.Store = endsWith{r.store}
		err := authority(t, c).LogoutEverywhere(t.Context(), alice.ID)
		wantError(t, err, tokens.ErrUnavailable)
		if !errors.Is(err, tokens.ErrContract) || !strings.Contains(err.Error(), "Session.ID") {
			t.Errorf("error = %v, want %v", err, tokens.ErrContract)
		}
	})
	t.Run("a key that another digest names is refused", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		key, _ := r.apiKey(t)
		c := r.config
		c.APIKeys = &foreign{storeSpy: r.store, key: func(k *store.APIKey) { k.Digest[0]++ }}
		_, err := authority(t, c).ExchangeKey(t.Context(), tokens.KeyRequest{Key: key})
		if !errors.Is(err, tokens.ErrContract) {
			t.Errorf("error = %v, want %v", err, tokens.ErrContract)
		}
	})
}

// endsWith is a store that says that it ended sessions of another form.
type endsWith struct{ *storeSpy }

func (e endsWith) RevokeUserSessions(ctx context.Context, userID, except string, at, since time.Time) ([]string, error) {
	_, err := e.storeSpy.RevokeUserSessions(ctx, userID, except, at, since)
	return []string{"\xff"}, err
}

// still is a store that answers without doing anything.
type still struct {
	store.Store
	user    store.User
	session []store.Session
}

func (s *still) User(context.Context, string) (store.User, error) { return s.user, nil }

func (s *still) UserSessions(context.Context, string, store.Cursor, int) ([]store.Session, error) {
	return s.session, nil
}

func TestFaultA12TheCheckAllocatesNothing(t *testing.T) { //nolint:paralleltest // it counts allocations
	r := open(t)
	r.login(t)
	s := &still{Store: r.store, user: alice, session: []store.Session{r.store.row(t)}}
	checked := tokens.Checked(s)
	ctx := t.Context()
	if n := testing.AllocsPerRun(100, func() {
		_, _ = checked.User(ctx, alice.ID)
		_, _ = checked.UserSessions(ctx, alice.ID, store.Newest(), 1)
	}); n != 0 {
		t.Errorf("a check that finds nothing allocates %v times", n)
	}
	if u, err := checked.User(ctx, alice.ID); err != nil || !reflect.DeepEqual(u, alice) {
		t.Errorf("User = %+v, %v", u, err)
	}
}
