package tokens_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
)

const newPassword = tokens.Secret("battery horse & staple")

// changePassword is what a host does for a new password of alice's.
func (r *fixture) changePassword(tb testing.TB, options ...tokens.PasswordOption) {
	tb.Helper()
	if err := r.store.memory.SetPassword(context.WithoutCancel(tb.Context()), alice.ID, string(newPassword)); err != nil {
		tb.Error(err)
	}
	if err := r.PasswordChanged(tb.Context(), alice.ID, options...); err != nil {
		tb.Error(err)
	}
}

// open sessions of alice's.
func (r *fixture) openSessions(tb testing.TB) []store.Session {
	tb.Helper()
	var all []store.Session
	after := store.Newest()
	for more := true; more; {
		page, err := r.store.memory.UserSessions(tb.Context(), alice.ID, after, store.MaxPage)
		if err != nil {
			tb.Fatal(err)
		}
		all = append(all, page...)
		if more = len(page) == store.MaxPage; more {
			after = page[len(page)-1].Cursor()
		}
	}
	return all
}

// oldLogins are the logins that may run while a password changes.
var oldLogins = []struct {
	name   string
	login  tokens.LoginRequest
	edit   func(*tokens.Config)
	writes bool
}{
	{"a login that opens a session", tokens.LoginRequest{Login: "alice", Password: password}, denying, true},
	{"a login for an access token alone", tokens.LoginRequest{Login: "alice", Password: password, AccessOnly: true}, denying, true},
	{
		"a login for an access token alone, without a deny list", tokens.LoginRequest{Login: "alice", Password: password, AccessOnly: true},
		func(*tokens.Config) {}, false,
	},
}

func TestFaultA2ALoginByTheOldPasswordHandsOutNothing(t *testing.T) {
	t.Parallel()
	for _, l := range oldLogins {
		for _, call := range []string{"CreateSession", "User"} {
			if call == "CreateSession" && !l.writes {
				continue
			}
			t.Run(l.name+" is refused when the password changes before "+call, func(t *testing.T) {
				t.Parallel()
				r := open(t, l.edit)
				r.store.step(first(call, func() error {
					r.changePassword(t)
					return nil
				}), nil)
				p, err := r.Login(t.Context(), l.login)
				wantError(t, err, tokens.ErrBadCredentials)
				if p.AccessToken != "" || p.RefreshToken != "" {
					t.Error("the refusal came with tokens")
				}
				if all := r.openSessions(t); len(all) > 0 {
					t.Errorf("sessions are open: %+v", all)
				}
				r.journal.WantKinds(t, events.PasswordChanged, events.LoginRefused)
			})
		}
		t.Run(l.name+" is refused when the user is locked out meanwhile", func(t *testing.T) {
			t.Parallel()
			r := open(t, l.edit)
			r.store.step(always("User", store.ErrNotFound), nil)
			_, err := r.Login(t.Context(), l.login)
			wantError(t, err, tokens.ErrBadCredentials)
			if all := r.openSessions(t); len(all) > 0 {
				t.Errorf("sessions are open: %+v", all)
			}
		})
		t.Run(l.name+" hands out nothing when the user cannot be read again", func(t *testing.T) {
			t.Parallel()
			r := open(t, l.edit)
			r.store.step(always("User", errDriver), nil)
			p, err := r.Login(t.Context(), l.login)
			wantError(t, err, tokens.ErrUnavailable)
			if p.AccessToken != "" || len(r.openSessions(t)) > 0 {
				t.Errorf("pair = %v, sessions = %+v", p, r.openSessions(t))
			}
		})
		if !l.writes {
			continue
		}
		t.Run(l.name+" is over when the password changes right after it was confirmed", func(t *testing.T) {
			t.Parallel()
			r := open(t, l.edit)
			r.store.step(nil, first("User", func() error {
				r.changePassword(t)
				return nil
			}))
			p := r.loginWith(t, l.login)
			_, err := r.Verify(t.Context(), p.AccessToken)
			wantError(t, err, tokens.ErrRevokedToken)
			if p.RefreshToken != "" {
				r.refused(t, p.RefreshToken, tokens.ErrRevokedRefresh)
			}
		})
	}

	t.Run("a login by the old password ends no session of the new one, whatever MaxSessions says", func(t *testing.T) {
		t.Parallel()
		r := open(t, denying, atMost(1))
		var fresh tokens.Pair
		r.store.step(first("CreateSession", func() error {
			r.changePassword(t)
			fresh = r.loginWith(t, tokens.LoginRequest{Login: "alice", Password: newPassword})
			return nil
		}), nil)
		_, err := r.Login(t.Context(), tokens.LoginRequest{Login: "alice", Password: password})
		wantError(t, err, tokens.ErrBadCredentials)
		r.verify(t, fresh.AccessToken)
		r.refresh(t, fresh.RefreshToken)
	})

	t.Run("a session of the old password is revoked at its next refresh, though PasswordChanged was not called", func(t *testing.T) {
		t.Parallel()
		r, one, two := opened(t, graceOf(time.Minute))
		if err := r.store.memory.SetPassword(t.Context(), alice.ID, string(newPassword)); err != nil {
			t.Fatal(err)
		}
		for _, token := range []tokens.Secret{two.AccessToken, two.RefreshToken} {
			if of, err := r.Introspect(t.Context(), token); err != nil || of.Active {
				t.Errorf("introspection: %+v, %v", of, err)
			}
		}
		r.refused(t, one.RefreshToken, tokens.ErrRevokedRefresh) // the predecessor, within the grace
		r.dead(t, one, two)
	})

	t.Run("where Authenticate returns a version that User does not, the host is told, and the login fails", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		c := r.config
		c.Store = forgetfulUsers{r.store}
		_, err := authority(t, c).Login(t.Context(), tokens.LoginRequest{Login: "alice", Password: password})
		wantError(t, err, tokens.ErrUnavailable)
		if !errors.Is(err, tokens.ErrContract) || len(r.openSessions(t)) > 0 {
			t.Errorf("error = %v, sessions = %+v", err, r.openSessions(t))
		}
		r.journal.WantKinds(t, events.Fault)
	})
}

// forgetfulUsers returns no CredentialVersion from User.
type forgetfulUsers struct{ *storeSpy }

func (f forgetfulUsers) User(ctx context.Context, id string) (store.User, error) {
	u, err := f.storeSpy.User(ctx, id)
	u.CredentialVersion = ""
	return u, err
}

// versionless is a host that does not track what a user can log in with.
type versionless struct{ forgetfulUsers }

func (v versionless) Authenticate(ctx context.Context, login, password string) (store.User, error) {
	u, err := v.forgetfulUsers.Authenticate(ctx, login, password)
	u.CredentialVersion = ""
	return u, err
}

func TestAHostWithoutCredentialVersionsLosesOnlyTheComparison(t *testing.T) {
	t.Parallel()
	r := open(t, denying, func(c *tokens.Config) {
		c.Store, c.PasswordEndsAPIKeys = versionless{forgetfulUsers{c.Store.(*storeSpy)}}, true
	})
	one := r.login(t)
	key, _, err := r.CreateOwnAPIKey(t.Context(), one.Principal, tokens.KeyOptions{Label: "CI"})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.store.memory.SetPassword(t.Context(), alice.ID, string(newPassword)); err != nil {
		t.Fatal(err)
	}
	two := r.refresh(t, one.RefreshToken) // only PasswordChanged ends it
	if _, err := r.ExchangeKey(t.Context(), tokens.KeyRequest{Key: key}); err != nil {
		t.Error(err)
	}
	if err := r.PasswordChanged(t.Context(), alice.ID); err != nil {
		t.Fatal(err)
	}
	r.dead(t, one, two)
	_, err = r.ExchangeKey(t.Context(), tokens.KeyRequest{Key: key})
	wantError(t, err, tokens.ErrInvalidKey)
}

func TestFaultA2ATokenOfTheOldPasswordMakesNoKey(t *testing.T) {
	t.Parallel()
	create := func(r *fixture, p tokens.Pair) (tokens.Secret, error) {
		key, _, err := r.CreateOwnAPIKey(t.Context(), p.Principal, tokens.KeyOptions{Label: "CI"})
		return key, err
	}
	none := func(t *testing.T, r *fixture, key tokens.Secret) {
		t.Helper()
		if key != "" {
			t.Error("a key was handed out")
		}
		if keys, _, err := r.OwnerAPIKeys(t.Context(), store.Owner{ID: alice.ID}, tokens.Page{}); err != nil || len(keys) > 0 {
			t.Errorf("keys = %+v, %v", keys, err)
		}
	}
	t.Run("not after the password has changed", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		one := r.login(t)
		if err := r.store.memory.SetPassword(t.Context(), alice.ID, string(newPassword)); err != nil {
			t.Fatal(err)
		}
		key, err := create(r, one)
		wantError(t, err, tokens.ErrNoSession)
		none(t, r, key)
	})
	for _, call := range []string{"Session", "User", "CreateAPIKey"} {
		t.Run("not while it changes, before "+call, func(t *testing.T) {
			t.Parallel()
			r := open(t)
			one := r.login(t)
			r.store.step(first(call, func() error {
				r.changePassword(t)
				return nil
			}), nil)
			key, err := create(r, one)
			wantError(t, err, tokens.ErrNoSession)
			none(t, r, key)
		})
	}
	t.Run("not while it changes, after the key was written", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		one := r.login(t)
		r.store.step(nil, first("CreateAPIKey", func() error {
			r.changePassword(t)
			return nil
		}))
		key, err := create(r, one)
		wantError(t, err, tokens.ErrNoSession)
		none(t, r, key)
	})
	t.Run("nor is one handed out when the user cannot be read again", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		one := r.login(t)
		r.store.step(nil, first("CreateAPIKey", func() error {
			r.store.step(always("User", errDriver), nil)
			return nil
		}))
		key, err := create(r, one)
		wantError(t, err, tokens.ErrUnavailable)
		none(t, r, key)
	})
	t.Run("nor does an access token that came without a refresh token", func(t *testing.T) {
		t.Parallel()
		r := open(t, denying)
		key, err := create(r, r.loginWith(t, tokens.LoginRequest{Login: "alice", Password: password, AccessOnly: true}))
		wantError(t, err, tokens.ErrNoSession)
		none(t, r, key)
	})
	t.Run("a key of the host's own is not handed out either, if the password changes meanwhile", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		r.store.step(nil, first("CreateAPIKey", func() error {
			r.changePassword(t)
			return nil
		}))
		key, _, err := r.CreateAPIKey(t.Context(), store.Owner{ID: alice.ID}, tokens.KeyOptions{Label: "CI"})
		wantError(t, err, tokens.ErrUnavailable)
		none(t, r, key)
	})
	t.Run("no key is made for a user who does not exist", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		_, _, err := r.CreateAPIKey(t.Context(), store.Owner{ID: "u-none"}, tokens.KeyOptions{Label: "CI"})
		wantError(t, err, tokens.ErrMalformed)
	})
}

func TestPasswordChangedAndAPIKeys(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		ends    bool // Config.PasswordEndsAPIKeys
		called  bool // PasswordChanged, and not only a new password in the store
		options []tokens.PasswordOption
		dead    bool // the key
		denied  bool // its access tokens
	}{
		{"survive by default", false, true, nil, false, false},
		{"end when PasswordChanged is told so", false, true, []tokens.PasswordOption{tokens.EndAPIKeys}, true, true},
		{"end where the configuration says so", true, true, nil, true, true},
		{"are refused where the configuration says so, though PasswordChanged was not called", true, false, nil, true, false},
	} {
		t.Run("API keys "+test.name, func(t *testing.T) {
			t.Parallel()
			r := open(t, denying, func(c *tokens.Config) { c.PasswordEndsAPIKeys = test.ends })
			one := r.login(t)
			own, _, err := r.CreateOwnAPIKey(t.Context(), one.Principal, tokens.KeyOptions{Label: "CI"})
			if err != nil {
				t.Fatal(err)
			}
			hosts, _ := r.apiKey(t)
			var exchanged []tokens.Pair
			for _, key := range []tokens.Secret{own, hosts} {
				p, err := r.ExchangeKey(t.Context(), tokens.KeyRequest{Key: key})
				if err != nil {
					t.Fatal(err)
				}
				exchanged = append(exchanged, p)
			}
			if test.called {
				r.changePassword(t, test.options...)
			} else if err := r.store.memory.SetPassword(t.Context(), alice.ID, string(newPassword)); err != nil {
				t.Fatal(err)
			}
			for i, key := range []tokens.Secret{own, hosts} {
				_, err := r.ExchangeKey(t.Context(), tokens.KeyRequest{Key: key})
				if test.dead {
					wantError(t, err, tokens.ErrInvalidKey)
				} else if err != nil {
					t.Error(err)
				}
				of, err := r.Introspect(t.Context(), exchanged[i].AccessToken)
				if err != nil || of.Active == test.dead {
					t.Errorf("introspection: active: %t, %v", of.Active, err)
				}
				if _, err := r.Verify(t.Context(), exchanged[i].AccessToken); errors.Is(err, tokens.ErrRevokedToken) != test.denied {
					t.Errorf("its access token: %v", err)
				}
			}
		})
	}
	t.Run("keys end also if the sessions could not be ended", func(t *testing.T) {
		t.Parallel()
		r := open(t, denying)
		key, _ := r.apiKey(t)
		r.journal.Take()
		r.store.step(always("RevokeUserSessions", errDriver), nil)
		wantError(t, r.PasswordChanged(t.Context(), alice.ID, tokens.EndAPIKeys), tokens.ErrUnavailable)
		r.journal.WantKinds(t, events.KeyRevoked, events.StoreFailure)
		_, err := r.ExchangeKey(t.Context(), tokens.KeyRequest{Key: key})
		wantError(t, err, tokens.ErrInvalidKey)
	})
	for _, call := range []string{"OwnerAPIKeys", "DenySession", "RevokeAPIKey"} {
		t.Run("PasswordChanged fails while "+call+" fails, and works afterwards", func(t *testing.T) {
			t.Parallel()
			r := open(t, denying)
			key, _ := r.apiKey(t)
			p, err := r.ExchangeKey(t.Context(), tokens.KeyRequest{Key: key})
			if err != nil {
				t.Fatal(err)
			}
			r.store.step(always(call, errDriver), nil)
			wantError(t, r.PasswordChanged(t.Context(), alice.ID, tokens.EndAPIKeys), tokens.ErrUnavailable)
			r.store.step(nil, nil)
			if err := r.PasswordChanged(t.Context(), alice.ID, tokens.EndAPIKeys); err != nil {
				t.Fatal(err)
			}
			_, err = r.ExchangeKey(t.Context(), tokens.KeyRequest{Key: key})
			wantError(t, err, tokens.ErrInvalidKey)
			_, err = r.Verify(t.Context(), p.AccessToken)
			wantError(t, err, tokens.ErrRevokedToken)
		})
	}
}

// An access token without a refresh token has a session where it can be denied.
func TestSessionOfAnAccessToken(t *testing.T) {
	t.Parallel()
	accessOnly := tokens.LoginRequest{Login: "alice", Password: password, AccessOnly: true}
	for name, end := range map[string]func(*fixture, tokens.Pair) error{
		"LogoutPrincipal":  func(r *fixture, p tokens.Pair) error { return r.LogoutPrincipal(t.Context(), p.Principal) },
		"LogoutEverywhere": func(r *fixture, _ tokens.Pair) error { return r.LogoutEverywhere(t.Context(), alice.ID) },
		"PasswordChanged":  func(r *fixture, _ tokens.Pair) error { return r.PasswordChanged(t.Context(), alice.ID) },
		"Revoke": func(r *fixture, p tokens.Pair) error {
			return errorOf(r.Revoke(t.Context(), tokens.RevokeRequest{Token: p.AccessToken}))
		},
		"EndSession": func(r *fixture, p tokens.Pair) error {
			return errorOf(r.EndSession(t.Context(), alice.ID, p.Principal.SessionID))
		},
	} {
		t.Run("it is ended by "+name, func(t *testing.T) {
			t.Parallel()
			r := open(t, denying)
			p := r.loginWith(t, accessOnly)
			if err := end(r, p); err != nil {
				t.Fatal(err)
			}
			_, err := r.Verify(t.Context(), p.AccessToken)
			wantError(t, err, tokens.ErrRevokedToken)
		})
	}
	t.Run("it ends with the token, is listed until then, and is swept", func(t *testing.T) {
		t.Parallel()
		r := open(t, denying)
		p := r.loginWith(t, accessOnly)
		row := r.store.row(t)
		if row.Generation != 1 || !row.ExpiresAt.Equal(p.Principal.ExpiresAt) || !row.IdleUntil.Equal(row.ExpiresAt) || row.CredentialVersion != r.version(t, alice.ID) {
			t.Errorf("the session is %+v", row)
		}
		all, _, err := r.Sessions(t.Context(), alice.ID, tokens.Page{})
		if err != nil || len(all) != 1 || all[0].ID != p.Principal.SessionID {
			t.Errorf("sessions = %+v, %v", all, err)
		}
		r.clock.move(p.ExpiresIn)
		if all, _, err = r.Sessions(t.Context(), alice.ID, tokens.Page{}); err != nil || len(all) != 0 {
			t.Errorf("afterwards sessions = %+v, %v", all, err)
		}
		if n, err := r.Sweep(t.Context()); n != 1 || err != nil {
			t.Errorf("Sweep: %d, %v", n, err)
		}
	})
	t.Run("MaxSessions does not count it, and it ends no other", func(t *testing.T) {
		t.Parallel()
		r := open(t, denying, atMost(2))
		one := r.login(t)
		r.clock.move(time.Second)
		two := r.login(t)
		var only []tokens.Pair
		for range 5 {
			only = append(only, r.loginWith(t, accessOnly))
		}
		r.clock.move(time.Second)
		three := r.login(t)
		for _, p := range slices.Concat(only, []tokens.Pair{two, three}) {
			r.verify(t, p.AccessToken)
		}
		r.dead(t, one)
	})
}
