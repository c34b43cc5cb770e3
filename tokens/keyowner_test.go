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

var (
	acme     = store.Owner{Kind: store.OwnerAccount, ID: "acme"}
	importer = store.Owner{Kind: store.OwnerService, ID: "import"}
)

// owning gives a Config the accounts and service accounts of a host. The service
// account has the ID of a user, and the CredentialVersion that no owner but a user has.
func owning(c *tokens.Config) {
	c.KeyOwner = func(_ context.Context, o store.Owner) (store.User, error) {
		switch o {
		case acme:
			return store.User{ID: "acme", Account: "another", Tier: "premium", Seats: 7, Scopes: []string{"read", "write"}}, nil
		case importer:
			return store.User{ID: "import", Account: "acme", Tier: "free", Scopes: []string{"read"}, CredentialVersion: "9"}, nil
		case store.Owner{Kind: store.OwnerService, ID: alice.ID}:
			return store.User{ID: alice.ID}, nil
		}
		return store.User{}, store.ErrNotFound
	}
	c.PasswordEndsAPIKeys = true
}

func (r *fixture) keyOf(tb testing.TB, o store.Owner, options tokens.KeyOptions) (tokens.Secret, store.APIKey) {
	tb.Helper()
	key, row, err := r.CreateAPIKey(tb.Context(), o, options)
	if err != nil {
		tb.Fatal(err)
	}
	return key, row
}

func TestKeyOwner(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		owner store.Owner
		want  tokens.Principal
	}{
		{"an account's key is of the account, whatever the host says of it", acme, tokens.Principal{
			Subject: "account:acme", Account: "acme", Tier: "premium", Seats: 7, Scope: "read write",
		}},
		{"a service account's key spends the quota of its account", importer, tokens.Principal{
			Subject: "service:import", Account: "acme", Tier: "free", Seats: 1, Scope: "read",
		}},
		{"a service account with the ID of a user is another subject", store.Owner{Kind: store.OwnerService, ID: alice.ID}, tokens.Principal{
			Subject: "service:u-alice", Seats: 1,
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var claimed store.User
			r := open(t, owning, denying, func(c *tokens.Config) {
				c.Claims = func(_ context.Context, u store.User) (map[string]any, error) { claimed = u; return nil, nil }
			})
			key, row := r.keyOf(t, test.owner, tokens.KeyOptions{})
			if row.Owner != test.owner || row.CredentialVersion != "" {
				t.Errorf("the row is %+v", row)
			}
			r.store.take()
			r.journal.Take()
			p, err := r.ExchangeKey(t.Context(), tokens.KeyRequest{Key: key, ClientID: "ci"})
			if err != nil {
				t.Fatal(err)
			}
			if calls := r.store.take(); !slices.Equal(calls, []string{"APIKey", "UseAPIKey"}) {
				t.Errorf("calls = %q", calls)
			}
			got := r.verify(t, p.AccessToken)
			if got != p.Principal {
				t.Errorf("the principal was %+v\nand is read as     %+v", p.Principal, got)
			}
			if got.Subject != test.want.Subject || got.Kind() != test.owner.Kind || got.Account != test.want.Account || got.Tier != test.want.Tier ||
				got.Seats != test.want.Seats || got.Scope != test.want.Scope || !got.Restricted || got.SessionID != row.ID || got.Owner() != test.owner ||
				!got.AuthenticatedAt.IsZero() {
				t.Errorf("the principal is %+v", got)
			}
			if claimed.ID != test.want.Subject {
				t.Errorf("Config.Claims was asked about %q", claimed.ID)
			}
			if e := r.journal.WantKinds(t, events.KeyExchange); len(e) == 1 && (e[0].UserID != test.want.Subject || e[0].Account != test.want.Account || e[0].KeyID != row.ID) {
				t.Errorf("the event is %+v", e[0])
			}
			if i, err := r.Introspect(t.Context(), p.AccessToken); err != nil || !i.Active || i.Subject != test.want.Subject || i.Scope != test.want.Scope {
				t.Errorf("Introspect: %+v, %v", i, err)
			}
			// a key of another kind of owner makes, ends and replaces no keys
			if _, _, err := r.CreateOwnAPIKey(t.Context(), got, tokens.KeyOptions{}); !errors.Is(err, tokens.ErrNoSession) {
				t.Errorf("CreateOwnAPIKey: %v", err)
			}
			if _, _, err := r.ReplaceOwnAPIKey(t.Context(), got, row.ID, tokens.Replacement{}); !errors.Is(err, tokens.ErrNoSession) {
				t.Errorf("ReplaceOwnAPIKey: %v", err)
			}
			if ok, err := r.RevokeAPIKey(t.Context(), store.Owner{ID: test.owner.ID}, row.ID); ok || err != nil {
				t.Errorf("RevokeAPIKey by a user with the ID: %t, %v", ok, err)
			}
			if keys, _, err := r.OwnerAPIKeys(t.Context(), store.Owner{ID: test.owner.ID}, tokens.Page{}); len(keys) > 0 || err != nil {
				t.Errorf("OwnerAPIKeys of a user with the ID: %v, %v", keys, err)
			}
			if ok, err := r.RevokeAPIKey(t.Context(), test.owner, row.ID); !ok || err != nil {
				t.Errorf("RevokeAPIKey: %t, %v", ok, err)
			}
			_, err = r.Verify(t.Context(), p.AccessToken)
			wantError(t, err, tokens.ErrRevokedToken)
		})
	}

	t.Run("a key is rejected once its owner is suspended", func(t *testing.T) {
		t.Parallel()
		var suspended error
		r := open(t, func(c *tokens.Config) {
			c.KeyOwner = func(context.Context, store.Owner) (store.User, error) { return store.User{ID: "import"}, suspended }
		})
		key, _ := r.keyOf(t, importer, tokens.KeyOptions{})
		p, err := r.ExchangeKey(t.Context(), tokens.KeyRequest{Key: key})
		if err != nil {
			t.Fatal(err)
		}
		suspended = store.ErrNotFound
		r.unchanged(t, func() {
			_, err := r.ExchangeKey(t.Context(), tokens.KeyRequest{Key: key})
			wantError(t, err, tokens.ErrInvalidKey)
		})
		if i, err := r.Introspect(t.Context(), p.AccessToken); err != nil || i.Active {
			t.Errorf("Introspect: %+v, %v", i, err)
		}
		suspended = errDriver
		r.unchanged(t, func() {
			_, err := r.ExchangeKey(t.Context(), tokens.KeyRequest{Key: key})
			wantError(t, err, tokens.ErrUnavailable)
		})
	})

	for _, test := range []struct {
		name string
		user store.User
	}{
		{"another's ID", store.User{ID: "acme"}},
		{"no ID", store.User{}},
		{"a tier that is no text", store.User{ID: "import", Tier: "\xff"}},
		{"a scope that is none", store.User{ID: "import", Scopes: []string{"a b"}}},
	} {
		t.Run("a host that returns "+test.name+" is told of it, and nothing is handed out", func(t *testing.T) {
			t.Parallel()
			r := open(t, func(c *tokens.Config) {
				c.KeyOwner = func(context.Context, store.Owner) (store.User, error) { return test.user, nil }
			})
			r.unchanged(t, func() {
				_, _, err := r.CreateAPIKey(t.Context(), importer, tokens.KeyOptions{})
				wantError(t, err, tokens.ErrUnavailable)
				if !errors.Is(err, tokens.ErrContract) {
					t.Errorf("error = %v", err)
				}
			})
			r.journal.WantKinds(t, events.Fault)
		})
	}

	for _, test := range []struct {
		name  string
		owner store.Owner
	}{
		{"no ID", store.Owner{Kind: store.OwnerAccount}},
		{"a kind that there is not", store.Owner{Kind: "group", ID: "acme"}},
		{"an ID whose subject no store holds", store.Owner{Kind: store.OwnerAccount, ID: strings.Repeat("a", 505)}},
		{"an ID that is no text", store.Owner{Kind: store.OwnerService, ID: "\xff"}},
		{"an ID that the host does not know", store.Owner{Kind: store.OwnerService, ID: "unknown"}},
	} {
		t.Run("no key is made for an owner with "+test.name, func(t *testing.T) {
			t.Parallel()
			r := open(t, owning)
			_, _, err := r.CreateAPIKey(t.Context(), test.owner, tokens.KeyOptions{})
			wantError(t, err, tokens.ErrMalformed)
			if calls := r.store.take(); len(calls) > 0 {
				t.Errorf("calls = %q", calls)
			}
		})
	}

	t.Run("without Config.KeyOwner no such key is made, and one that there is not rejected for good", func(t *testing.T) {
		t.Parallel()
		r := open(t, owning)
		key, _ := r.keyOf(t, importer, tokens.KeyOptions{})
		c := r.config
		c.KeyOwner = nil
		without := authority(t, c)
		_, _, err := without.CreateAPIKey(t.Context(), importer, tokens.KeyOptions{})
		wantError(t, err, tokens.ErrMalformed)
		_, err = without.ExchangeKey(t.Context(), tokens.KeyRequest{Key: key})
		wantError(t, err, tokens.ErrUnavailable)
	})

	t.Run("a user whose ID could be taken for another owner's subject gets no token", func(t *testing.T) {
		t.Parallel()
		for _, id := range []string{"service:import", "account:acme"} {
			mallory := store.User{ID: id, Login: "mallory"}
			r := open(t, owning)
			if err := r.store.memory.AddUser(t.Context(), mallory, string(password)); err != nil {
				t.Fatal(err)
			}
			_, err := r.Login(t.Context(), tokens.LoginRequest{Login: "mallory", Password: password})
			wantError(t, err, tokens.ErrUnavailable)
			_, _, err = r.CreateAPIKey(t.Context(), store.Owner{ID: id}, tokens.KeyOptions{})
			wantError(t, err, tokens.ErrUnavailable)
			c := r.config // a host whose users are the only owners may have such a user
			c.KeyOwner, c.PasswordEndsAPIKeys = nil, false
			p, err := authority(t, c).Login(t.Context(), tokens.LoginRequest{Login: "mallory", Password: password})
			if err != nil || p.Principal.Kind() != store.OwnerUser || p.Principal.Owner() != (store.Owner{ID: id}) {
				t.Errorf("%+v, %v", p.Principal, err)
			}
		}
	})

	t.Run("a new password ends the keys of its user, and those of no other owner", func(t *testing.T) {
		t.Parallel()
		r := open(t, owning)
		user, _ := r.keyOf(t, store.Owner{ID: alice.ID}, tokens.KeyOptions{})
		service, _ := r.keyOf(t, store.Owner{Kind: store.OwnerService, ID: alice.ID}, tokens.KeyOptions{})
		if err := r.PasswordChanged(t.Context(), alice.ID); err != nil {
			t.Fatal(err)
		}
		_, err := r.ExchangeKey(t.Context(), tokens.KeyRequest{Key: user})
		wantError(t, err, tokens.ErrInvalidKey)
		if _, err := r.ExchangeKey(t.Context(), tokens.KeyRequest{Key: service}); err != nil {
			t.Error(err)
		}
	})

	t.Run("a key of a kind that this release does not know is not accepted", func(t *testing.T) {
		t.Parallel()
		r := open(t, owning)
		key, _ := r.apiKey(t)
		c := r.config
		c.APIKeys = &foreign{storeSpy: r.store, key: func(k *store.APIKey) { k.Owner.Kind = "group" }}
		_, err := authority(t, c).ExchangeKey(t.Context(), tokens.KeyRequest{Key: key})
		wantError(t, err, tokens.ErrUnavailable)
	})

	t.Run("a host's claims set no sub_kind, and KeyOwner needs APIKeys", func(t *testing.T) {
		t.Parallel()
		r := open(t, func(c *tokens.Config) {
			c.Claims = func(context.Context, store.User) (map[string]any, error) {
				return map[string]any{"sub_kind": "service"}, nil
			}
		})
		_, err := r.Login(t.Context(), tokens.LoginRequest{Login: "alice", Password: password})
		wantError(t, err, tokens.ErrClaims)
		c := r.config
		owning(&c)
		c.APIKeys, c.PasswordEndsAPIKeys, c.KeyOverlap = nil, false, tokens.MaxKeyOverlap+time.Second
		if _, err := tokens.New(c); err == nil || !strings.Contains(err.Error(), "Config.KeyOwner: requires APIKeys") || !strings.Contains(err.Error(), "Config.KeyOverlap: must be 1s to 2160h0m0s") {
			t.Errorf("New: %v", err)
		}
	})
}
