package middleware_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
)

// accountRoutes manage the account of the user whose access token they bear.
var accountRoutes = []string{
	"GET /sessions\n", "DELETE /sessions/x\n", "DELETE /sessions/others\n",
	"GET /keys\n", "POST /keys/new\n" + jsonType + "\n", "DELETE /keys/x\n", "POST /everywhere\n",
}

func TestFaultA11RestrictedTokensManageNoAccount(t *testing.T) {
	t.Parallel()
	withScopes := func(scopes ...string) func(*testing.T, *harness) tokens.Pair {
		return func(t *testing.T, d *harness) tokens.Pair {
			t.Helper()
			p, err := d.tokens.Login(t.Context(), tokens.LoginRequest{Login: "alice", Password: password, Scopes: scopes})
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
	}
	ofKey := func(scopes ...string) func(*testing.T, *harness) tokens.Pair {
		return func(t *testing.T, d *harness) tokens.Pair {
			t.Helper()
			key, _, err := d.tokens.CreateAPIKey(t.Context(), store.Owner{ID: alice.ID}, tokens.KeyOptions{Scopes: scopes})
			if err != nil {
				t.Fatal(err)
			}
			p, err := d.tokens.ExchangeKey(t.Context(), tokens.KeyRequest{Key: key})
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
	}
	for _, test := range []struct {
		name  string
		scope string // Config.AccountScope
		token func(*testing.T, *harness) tokens.Pair
		wants bool // to be served
	}{
		{"a login has all", "", withScopes(), true},
		{"a login that asked for all has all", "", withScopes(alice.Scopes...), true},
		{"a login that asked for a part has not", "", withScopes("read"), false},
		{"a refresh that asked for a part has not", "", func(t *testing.T, d *harness) tokens.Pair {
			t.Helper()
			p, err := d.tokens.Refresh(t.Context(), tokens.RefreshRequest{Token: d.login(t, alice).RefreshToken, Scopes: []string{"write"}})
			if err != nil {
				t.Fatal(err)
			}
			return p
		}, false},
		{"a narrowed session has not while its user holds nothing", "", func(t *testing.T, d *harness) tokens.Pair {
			t.Helper()
			one := withScopes("read")(t, d)
			u := alice
			u.Scopes = nil
			if err := d.store.memory.SetUser(t.Context(), u); err != nil {
				t.Fatal(err)
			}
			p, err := d.tokens.Refresh(t.Context(), tokens.RefreshRequest{Token: one.RefreshToken})
			if err != nil {
				t.Fatal(err)
			}
			return p
		}, false},
		{"an API key has not", "", ofKey(), false},
		{"a narrow API key has not", "", ofKey("read"), false},
		{"a user of a host without scopes has", "", func(t *testing.T, d *harness) tokens.Pair { t.Helper(); return d.login(t, bob) }, true},
		{"with a scope of the host's own a login that has it may", "write", withScopes("write"), true},
		{"with a scope of the host's own a login without it may not", "write", withScopes("read"), false},
		{"with a scope of the host's own an API key that has it may", "write", ofKey("write"), true},
		{"with a scope of the host's own an API key without it may not", "write", ofKey("read"), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for _, route := range accountRoutes {
				d := open(t, func(c *config) { c.auth.AccountScope = test.scope })
				d.login(t, alice)
				p := test.token(t, d)
				d.store.take()
				before := d.sessions(t, p.Principal.Subject)
				w := d.ask(t, route+bearerOf(p)+"\n\n{}")
				name, _, _ := strings.Cut(route, "\n")
				if refused := w.Code == http.StatusForbidden && strings.Contains(w.Body.String(), "scope"); refused == test.wants {
					t.Errorf("%s: %d %s", name, w.Code, w.Body)
				}
				if !test.wants {
					if after := d.sessions(t, p.Principal.Subject); after != before {
						t.Errorf("%s: %d sessions, were %d", name, after, before)
					}
					if calls := d.store.take(); slices.ContainsFunc(calls, func(c string) bool {
						return strings.HasPrefix(c, "Revoke") || strings.HasPrefix(c, "Create")
					}) {
						t.Errorf("%s: calls = %q", name, calls)
					}
				}
			}
		})
	}
	t.Run("who is restricted is told in the token", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		for _, c := range []struct {
			pair tokens.Pair
			want bool
		}{{d.login(t, alice), false}, {d.login(t, bob), false}, {withScopes("read")(t, d), true}, {ofKey()(t, d), true}} {
			p, err := d.tokens.Verify(t.Context(), c.pair.AccessToken)
			if err != nil || p.Restricted != c.want || c.pair.Principal.Restricted != c.want {
				t.Errorf("%+v, %v, want restricted %t", p, err, c.want)
			}
		}
	})
	t.Run("a restricted token still logs itself out", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		p := withScopes("read")(t, d)
		wantStatus(t, d.ask(t, "POST /logout\n"+bearerOf(p)), http.StatusNoContent)
		if n := d.sessions(t, alice.ID); n != 0 {
			t.Errorf("%d sessions", n)
		}
	})
}
