package tokens_test

import (
	"crypto/sha256"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
)

// grants are all that there are.
var grants = []string{tokens.GrantPassword, tokens.GrantRefresh, tokens.GrantExchange}

// web is a public client, shop has two secrets, kiosk gets no refresh tokens,
// strict and patient rotate each in its own way, reader may read only, mute may
// do nothing.
var clients = []store.Client{
	{ID: "web", Grants: grants},
	{ID: "shop", Grants: grants, Secrets: []store.Digest{sha256.Sum256([]byte("old secret")), sha256.Sum256([]byte("new secret"))}},
	{ID: "kiosk", Grants: grants, Refresh: store.RefreshNone},
	{ID: "strict", Grants: grants, Refresh: store.RefreshStrict, Grace: time.Minute},
	{ID: "patient", Grants: grants, Grace: 5 * time.Minute},
	{ID: "reader", Grants: grants, Scopes: []string{"read"}},
	{ID: "once", Grants: []string{tokens.GrantPassword}},
	{ID: "mute"},
}

// registering registers the clients.
func registering(tb testing.TB, edits ...func(*tokens.Config)) *fixture {
	tb.Helper()
	r := open(tb, append([]func(*tokens.Config){func(c *tokens.Config) {
		w := c.Store.(*storeSpy)
		for _, one := range clients {
			if err := w.memory.SetClient(tb.Context(), one); err != nil {
				tb.Fatal(err)
			}
		}
		c.Clients = w
	}}, edits...)...)
	return r
}

func asAccount(c *tokens.Config) { c.AccountAsClient = true }

func byDefault(id string) func(*tokens.Config) {
	return func(c *tokens.Config) { c.DefaultClient = id }
}

// P18, D29, D30.
func TestClientsAreAuthenticatedFirst(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name       string
		id         string
		secret     tokens.Secret
		want       error
		registered bool // whether there is such a client to ask for
	}{
		{"a public client is let in", "web", "", nil, true},
		{"a public client is let in with a secret that was not issued", "web", "x", nil, true},
		{"the first secret is good", "shop", "old secret", nil, true},
		{"so is the second, so that one can be replaced", "shop", "new secret", nil, true},
		{"P18: a wrong secret", "shop", "secret", tokens.ErrInvalidClient, true},
		{"P18: a secret with a space behind it", "shop", "new secret ", tokens.ErrInvalidClient, true},
		{"P18: no secret of a client that has one", "shop", "", tokens.ErrInvalidClient, true},
		{"P18: an unknown client", "attacker", "", tokens.ErrInvalidClient, true},
		{"P18: a client in other letters", "WEB", "", tokens.ErrInvalidClient, true},
		{"P18: no client", "", "", tokens.ErrInvalidClient, false},
		{"P18: a client that may not", "mute", "", tokens.ErrUnauthorizedClient, true},
		{"P18: a name that no store holds", strings.Repeat("x", 513), "", tokens.ErrMalformed, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := registering(t)
			asks := []string{"Client"}
			if !test.registered {
				asks = nil
			}
			key, _ := r.apiKey(t)
			r.store.take()
			r.journal.Take()
			for does, do := range map[string]func() error{
				"Login": func() error {
					_, err := r.Login(t.Context(), tokens.LoginRequest{Login: "alice", Password: password, ClientID: test.id, ClientSecret: test.secret})
					return err
				},
				"ExchangeKey": func() error {
					_, err := r.ExchangeKey(t.Context(), tokens.KeyRequest{Key: key, ClientID: test.id, ClientSecret: test.secret})
					return err
				},
			} {
				if test.want == nil {
					if err := do(); err != nil {
						t.Errorf("%s: %v", does, err)
					}
					continue
				}
				r.unchanged(t, func() { wantError(t, do(), test.want) })
				if calls := r.store.take(); !slices.Equal(calls, asks) {
					t.Errorf("%s asked for %q, want %q: neither password nor key is looked at", does, calls, asks)
				}
				if told := r.journal.Take(); !errors.Is(test.want, tokens.ErrMalformed) && (len(told) != 1 || told[0].Kind != events.ClientRefused) {
					t.Errorf("%s: events = %+v", does, told)
				}
			}
		})
	}
}

// D32, P7, P9.
func TestRefreshOfRegisteredClients(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		of     string // the session's client
		id     string
		secret tokens.Secret
		want   error
		asks   []string
	}{
		{"the client itself", "shop", "shop", "old secret", nil, nil},
		{"a public client", "web", "web", "", nil, nil},
		{"a public client that does not say who it is", "web", "", "", nil, nil},
		{"P7: a wrong secret", "shop", "shop", "secret", tokens.ErrInvalidClient, []string{"Client"}},
		{"P7: no secret", "shop", "shop", "", tokens.ErrInvalidClient, []string{"Client"}},
		{"P7: a confidential client that does not say who it is", "shop", "", "", tokens.ErrInvalidClient, []string{"Session", "Client"}},
		{"P7: an unknown client", "web", "attacker", "", tokens.ErrInvalidClient, []string{"Client"}},
		{"P9: another client, which is who it says", "web", "shop", "new secret", tokens.ErrWrongClient, []string{"Client", "Session"}},
		{"P9: another client, which is public", "shop", "web", "", tokens.ErrWrongClient, []string{"Client", "Session"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for _, spent := range []bool{false, true} {
				r := registering(t)
				owner := tokens.RefreshRequest{ClientID: test.of}
				if test.of == "shop" {
					owner.ClientSecret = "new secret"
				}
				one := r.loginWith(t, tokens.LoginRequest{Login: "alice", Password: password, ClientID: owner.ClientID, ClientSecret: owner.ClientSecret})
				owner.Token = one.RefreshToken
				if spent {
					owner.Token = r.refreshWith(t, owner).RefreshToken
				}
				req := tokens.RefreshRequest{Token: one.RefreshToken, ClientID: test.id, ClientSecret: test.secret}
				r.store.take()
				switch {
				case test.want != nil:
					r.unchanged(t, func() { r.refusedWith(t, req, test.want) })
					if calls := r.store.take(); !slices.Equal(calls, test.asks) {
						t.Errorf("calls = %q, want %q", calls, test.asks)
					}
					r.unchanged(t, func() { wantError(t, r.Logout(t.Context(), req), test.want) })
					r.refreshWith(t, owner)
				case spent:
					r.refusedWith(t, req, tokens.ErrReused)
				default:
					if got := r.refreshWith(t, req).Principal.ClientID; got != test.of {
						t.Errorf("ClientID = %q, want %q", got, test.of)
					}
				}
			}
		})
	}
}

func TestRefreshPolicies(t *testing.T) {
	t.Parallel()
	in := func(t *testing.T, r *fixture, id string) tokens.Pair {
		t.Helper()
		return r.loginWith(t, tokens.LoginRequest{Login: "alice", Password: password, ClientID: id})
	}
	t.Run("a client whose policy is none gets no refresh token, and no session", func(t *testing.T) {
		t.Parallel()
		for _, id := range []string{"kiosk", "once"} {
			r := registering(t)
			if p := in(t, r, id); p.RefreshToken != "" || p.AccessToken == "" || len(r.store.rows(t).Sessions) > 0 {
				t.Errorf("%s: %+v", id, p)
			}
		}
	})
	t.Run("a client that may refresh no longer is refused, and its session stays", func(t *testing.T) {
		t.Parallel()
		r := registering(t)
		one := in(t, r, "web")
		for _, changed := range []store.Client{{ID: "web", Grants: grants, Refresh: store.RefreshNone}, {ID: "web", Grants: grants[:1]}} {
			if err := r.store.memory.SetClient(t.Context(), changed); err != nil {
				t.Fatal(err)
			}
			for _, id := range []string{"web", ""} {
				r.unchanged(t, func() {
					r.refusedWith(t, tokens.RefreshRequest{Token: one.RefreshToken, ClientID: id}, tokens.ErrUnauthorizedClient)
				})
			}
		}
		if err := r.store.memory.RemoveClient(t.Context(), "web"); err != nil {
			t.Fatal(err)
		}
		r.unchanged(t, func() { r.refused(t, one.RefreshToken, tokens.ErrInvalidClient) })
	})
	for _, test := range []struct {
		id    string
		after time.Duration
		want  error
	}{
		{"patient", 5*time.Minute - time.Microsecond, nil},
		{"patient", 5 * time.Minute, tokens.ErrReused},
		{"strict", 0, tokens.ErrReused},
		{"web", 0, tokens.ErrReused}, // its own grace is none, whatever the Config has
	} {
		t.Run("the grace of "+test.id+" is its own, after "+test.after.String(), func(t *testing.T) {
			t.Parallel()
			r := registering(t, graceOf(time.Minute))
			one := in(t, r, test.id)
			two := r.refresh(t, one.RefreshToken)
			r.clock.move(test.after)
			if test.want != nil {
				r.refused(t, one.RefreshToken, test.want)
				r.refused(t, two.RefreshToken, tokens.ErrRevokedRefresh)
				return
			}
			if again := r.refresh(t, one.RefreshToken); !again.Replayed || again.RefreshToken != two.RefreshToken {
				t.Error("the successor is another")
			}
		})
	}
}

func TestScopesOfClients(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		asked    []string
		scope    string
		narrowed bool
		want     error
	}{
		{"nothing asked for is what both the user and the client may", nil, "read", false, nil},
		{"a part of what the client may is that part", []string{"read"}, "read", false, nil},
		{"more than the client may is refused before the password is looked at", []string{"write", "read"}, "", false, tokens.ErrInvalidScope},
		{"nothing that the client may is refused before the password is looked at", []string{"write"}, "", false, tokens.ErrInvalidScope},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := registering(t)
			p, err := r.Login(t.Context(), tokens.LoginRequest{Login: "alice", Password: password, ClientID: "reader", Scopes: test.asked})
			if test.want != nil {
				wantError(t, err, test.want)
				if calls := r.store.take(); !slices.Equal(calls, []string{"Client"}) {
					t.Errorf("calls = %q", calls)
				}
				return
			}
			if err != nil || p.Principal.Scope != test.scope || p.Narrowed != test.narrowed {
				t.Fatalf("%v, %q, narrowed %t", err, p.Principal.Scope, p.Narrowed)
			}
			if two := r.refresh(t, p.RefreshToken); two.Principal.Scope != test.scope {
				t.Errorf("after the refresh %q", two.Principal.Scope)
			}
		})
	}
	t.Run("a client that may less now gets less at the next refresh", func(t *testing.T) {
		t.Parallel()
		r := registering(t)
		one := r.loginWith(t, tokens.LoginRequest{Login: "alice", Password: password, ClientID: "web"})
		if err := r.store.memory.SetClient(t.Context(), store.Client{ID: "web", Grants: grants, Scopes: []string{"write"}}); err != nil {
			t.Fatal(err)
		}
		if two := r.refresh(t, one.RefreshToken); two.Principal.Scope != "write" {
			t.Errorf("scope = %q, want write", two.Principal.Scope)
		}
	})
	t.Run("an exchange gives no more than the client may", func(t *testing.T) {
		t.Parallel()
		r := registering(t)
		key, _ := r.apiKey(t)
		p, err := r.ExchangeKey(t.Context(), tokens.KeyRequest{Key: key, ClientID: "reader"})
		if err != nil || p.Principal.Scope != "read" {
			t.Errorf("%v, %q", err, p.Principal.Scope)
		}
	})
}

func TestDefaultClient(t *testing.T) {
	t.Parallel()
	t.Run("a login that names no client is the default client's", func(t *testing.T) {
		t.Parallel()
		r := registering(t, byDefault("reader"))
		one := r.login(t)
		if one.Principal.ClientID != "reader" || one.Principal.Scope != "read" {
			t.Errorf("%+v", one.Principal)
		}
		r.refresh(t, one.RefreshToken)
	})
	t.Run("a session from before there were clients is the default client's", func(t *testing.T) {
		t.Parallel()
		r := registering(t)
		before := r.config
		before.Clients = nil
		one, err := authority(t, before).Login(t.Context(), tokens.LoginRequest{Login: "alice", Password: password})
		if err != nil {
			t.Fatal(err)
		}
		r.unchanged(t, func() { r.refused(t, one.RefreshToken, tokens.ErrWrongClient) })
		after := r.config
		after.DefaultClient = "web"
		if _, err := authority(t, after).Refresh(t.Context(), tokens.RefreshRequest{Token: one.RefreshToken}); err != nil {
			t.Error(err)
		}
	})
	t.Run("a default client that has a secret, or is unknown, fails every login", func(t *testing.T) {
		t.Parallel()
		for _, id := range []string{"shop", "unknown"} {
			r := registering(t, byDefault(id))
			_, err := r.Login(t.Context(), tokens.LoginRequest{Login: "alice", Password: password, ClientSecret: "new secret"})
			wantError(t, err, tokens.ErrInvalidClient)
		}
	})
}

func TestAccountAsClient(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, user, id string
		want           error
	}{
		{"the account of the user is a client", "alice", "acme", nil},
		{"the ID of a user without an account is one", "bob", "u-bob", nil},
		{"the ID of a user with an account is none", "alice", "u-alice", tokens.ErrBadCredentials},
		{"another's account is none, and looks like a wrong password", "bob", "acme", tokens.ErrBadCredentials},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for _, r := range []*fixture{open(t, asAccount), registering(t, asAccount)} {
				one, err := r.Login(t.Context(), tokens.LoginRequest{Login: test.user, Password: password, ClientID: test.id})
				if test.want != nil {
					wantError(t, err, test.want)
					if n := len(r.store.rows(t).Sessions); n > 0 {
						t.Errorf("%d sessions were opened", n)
					}
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				// the next refresh names no client, as the header has no place for it
				two := r.refresh(t, one.RefreshToken)
				r.unchanged(t, func() {
					r.refusedWith(t, tokens.RefreshRequest{Token: two.RefreshToken, ClientID: "other"}, tokens.ErrWrongClient)
				})
				r.refreshWith(t, tokens.RefreshRequest{Token: two.RefreshToken, ClientID: test.id})
			}
		})
	}
	t.Run("a client that is registered wins", func(t *testing.T) {
		t.Parallel()
		r := registering(t, asAccount)
		_, err := r.Login(t.Context(), tokens.LoginRequest{Login: "alice", Password: password, ClientID: "shop", ClientSecret: "acme"})
		wantError(t, err, tokens.ErrInvalidClient)
	})
	t.Run("where only accounts are clients a login may name none", func(t *testing.T) {
		t.Parallel()
		r := open(t, asAccount)
		r.refresh(t, r.login(t).RefreshToken)
	})
	t.Run("an account that is no longer a client is unknown", func(t *testing.T) {
		t.Parallel()
		r := registering(t, asAccount)
		one := r.loginWith(t, tokens.LoginRequest{Login: "alice", Password: password, ClientID: "acme"})
		after := r.config
		after.AccountAsClient = false
		_, err := authority(t, after).Refresh(t.Context(), tokens.RefreshRequest{Token: one.RefreshToken})
		wantError(t, err, tokens.ErrInvalidClient)
	})
	t.Run("a key is exchanged for its own account", func(t *testing.T) {
		t.Parallel()
		r := registering(t, asAccount)
		key, _ := r.apiKey(t)
		for id, want := range map[string]error{"acme": nil, "u-bob": tokens.ErrInvalidKey} {
			_, err := r.ExchangeKey(t.Context(), tokens.KeyRequest{Key: key, ClientID: id})
			if !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", id, err, want)
			}
		}
	})
}

// P3: a client that could not be looked up is not an unknown one.
func TestClientStoreFailure(t *testing.T) {
	t.Parallel()
	for _, failure := range []error{errDriver, store.ErrConflict} {
		r := registering(t)
		one := r.loginWith(t, tokens.LoginRequest{Login: "alice", Password: password, ClientID: "web"})
		r.store.step(always("Client", failure), nil)
		r.unchanged(t, func() {
			_, err := r.Login(t.Context(), tokens.LoginRequest{Login: "alice", Password: password, ClientID: "web"})
			wantError(t, err, tokens.ErrUnavailable)
			for _, id := range []string{"web", ""} {
				r.refusedWith(t, tokens.RefreshRequest{Token: one.RefreshToken, ClientID: id}, tokens.ErrUnavailable)
				wantError(t, r.Logout(t.Context(), tokens.RefreshRequest{Token: one.RefreshToken, ClientID: id}), tokens.ErrUnavailable)
			}
		})
		r.store.step(nil, nil)
		r.refresh(t, one.RefreshToken)
	}
	t.Run("a client that is another, or none that could be registered, could not be looked up", func(t *testing.T) {
		t.Parallel()
		for _, alter := range []func(*store.Client){
			func(c *store.Client) { c.ID = "other" },
			func(c *store.Client) { c.Refresh = "always" },
			func(c *store.Client) { c.Grace = time.Hour },
		} {
			r := registering(t)
			config := r.config
			config.Clients = &foreign{storeSpy: r.store, client: alter}
			_, err := authority(t, config).Login(t.Context(), tokens.LoginRequest{Login: "alice", Password: password, ClientID: "web"})
			wantError(t, err, tokens.ErrUnavailable)
		}
	})
}

func TestUnregisteredClients(t *testing.T) {
	t.Parallel()
	loose := func(c *tokens.Config) { c.InsecureUnregisteredClients = true }
	t.Run("a client that is not registered is treated as if there were no Clients", func(t *testing.T) {
		t.Parallel()
		for _, id := range []string{"", "anybody"} {
			r := registering(t, loose, graceOf(time.Minute))
			one := r.loginWith(t, tokens.LoginRequest{Login: "alice", Password: password, ClientID: id, ClientSecret: "x"})
			two := r.refreshWith(t, tokens.RefreshRequest{Token: one.RefreshToken, ClientID: "anybody"})
			if again := r.refresh(t, one.RefreshToken); again.RefreshToken != two.RefreshToken || again.Principal.ClientID != id {
				t.Errorf("%+v", again)
			}
		}
	})
	t.Run("P7: a registered client is authenticated, and no other client can use its sessions", func(t *testing.T) {
		t.Parallel()
		r := registering(t, loose)
		_, err := r.Login(t.Context(), tokens.LoginRequest{Login: "alice", Password: password, ClientID: "shop"})
		wantError(t, err, tokens.ErrInvalidClient)
		one := r.loginWith(t, tokens.LoginRequest{Login: "alice", Password: password, ClientID: "shop", ClientSecret: "new secret"})
		r.unchanged(t, func() {
			r.refused(t, one.RefreshToken, tokens.ErrInvalidClient)
			r.refusedWith(t, tokens.RefreshRequest{Token: one.RefreshToken, ClientID: "anybody"}, tokens.ErrWrongClient)
		})
	})
}

func TestNewComplainsOfClients(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		path string
		edit func(*tokens.Config)
	}{
		{"DefaultClient", func(c *tokens.Config) { c.DefaultClient = "web" }},
		{"DefaultClient", func(c *tokens.Config) { c.DefaultClient = strings.Repeat("x", 513) }},
		{"InsecureUnregisteredClients", func(c *tokens.Config) { c.InsecureUnregisteredClients = true }},
		{"InsecureIgnoreDenyFailure", func(c *tokens.Config) { c.InsecureIgnoreDenyFailure = true }},
	} {
		c := open(t).config
		test.edit(&c)
		if _, err := tokens.New(c); err == nil || !strings.Contains(err.Error(), "tokens: Config."+test.path+": ") {
			t.Errorf("%v does not complain of %s", err, test.path)
		}
	}
}
