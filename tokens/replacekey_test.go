package tokens_test

import (
	"errors"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
)

var ownerAlice = store.Owner{ID: alice.ID}

// accepted reports whether a key is exchanged.
func (r *fixture) accepted(tb testing.TB, key tokens.Secret) bool {
	tb.Helper()
	_, err := r.ExchangeKey(events.WithAddress(tb.Context(), netip.MustParseAddr("192.0.2.1")), tokens.KeyRequest{Key: key})
	if err != nil && !errors.Is(err, tokens.ErrInvalidKey) {
		tb.Fatal(err)
	}
	return err == nil
}

// keyRow is a key as the store has it.
func (r *fixture) keyRow(tb testing.TB, id string) store.APIKey {
	tb.Helper()
	k, err := r.store.memory.APIKeyByID(tb.Context(), id)
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

func TestReplaceAPIKey(t *testing.T) {
	t.Parallel()
	t.Run("the new key is as the old one was, and both work until the end that the host sets", func(t *testing.T) {
		t.Parallel()
		r := open(t, owning)
		for _, owner := range []store.Owner{ownerAlice, acme, importer} {
			networks := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
			old, was := r.keyOf(t, owner, tokens.KeyOptions{Label: "CI", Scopes: []string{"read"}, Networks: networks, Expires: r.clock.time().Add(30 * 24 * time.Hour)})
			r.clock.move(29 * 24 * time.Hour)
			r.journal.Take()
			r.store.take()
			key, row, err := r.ReplaceAPIKey(t.Context(), owner, was.ID, tokens.Replacement{Until: r.clock.time().Add(time.Hour)})
			if err != nil {
				t.Fatal(err)
			}
			want := []string{"APIKeyByID", "CreateAPIKey", "ReplaceAPIKey"}
			if owner == ownerAlice {
				want = []string{"APIKeyByID", "User", "CreateAPIKey", "User", "ReplaceAPIKey"}
			}
			if calls := r.store.take(); !slices.Equal(calls, want) { // what cannot be undone is last
				t.Errorf("calls = %q", calls)
			}
			if row.Owner != owner || row.Label != "CI" || !slices.Equal(row.Scopes, was.Scopes) || !slices.Equal(row.Networks, networks) ||
				!row.ExpiresAt.Equal(r.clock.time().Add(30*24*time.Hour)) || row.Successor != "" || row.ID == was.ID || row.Hint != string(key[len(key)-4:]) {
				t.Errorf("the new row is %+v", row)
			}
			told := r.journal.WantKinds(t, events.KeyCreated, events.KeyReplaced)
			if len(told) == 2 && (told[0].KeyID != row.ID || told[1].KeyID != was.ID || told[1].Successor != row.ID || told[1].UserID != owner.Subject()) {
				t.Errorf("the events are %+v", told)
			}
			list, _, err := r.OwnerAPIKeys(t.Context(), owner, tokens.Page{})
			if err != nil || len(list) != 2 || list[0].ID != row.ID || list[1].ID != was.ID || list[1].Successor != row.ID || !list[1].ExpiresAt.Equal(r.clock.time().Add(time.Hour)) {
				t.Errorf("the list is %+v, %v", list, err)
			}
			if !r.accepted(t, old) || !r.accepted(t, key) {
				t.Error("not both keys work")
			}
			p, err := r.ExchangeKey(events.WithAddress(t.Context(), netip.MustParseAddr("192.0.2.1")), tokens.KeyRequest{Key: old})
			if err != nil || p.Principal.ExpiresAt.After(r.clock.time().Add(time.Hour)) {
				t.Errorf("a token of the old key ends at %v, %v", p.Principal.ExpiresAt, err)
			}
			r.clock.move(time.Hour)
			if r.accepted(t, old) || !r.accepted(t, key) {
				t.Error("after the overlap not only the new key works")
			}
		}
	})

	for _, test := range []struct {
		name    string
		expires time.Duration // of the old key; zero: never
		r       func(now time.Time) tokens.Replacement
		end     time.Duration // of the old key
		new     time.Duration // zero: never
	}{
		{"without a wish the old key ends after a day, and the new one as the old one did", 0, func(time.Time) tokens.Replacement { return tokens.Replacement{} }, 24 * time.Hour, 0},
		{"a key that ends earlier is not extended", time.Hour, func(now time.Time) tokens.Replacement { return tokens.Replacement{Until: now.Add(2 * time.Hour)} }, time.Hour, time.Hour},
		{"a time that has passed ends it at once", 0, func(now time.Time) tokens.Replacement { return tokens.Replacement{Until: now.Add(-time.Hour)} }, 0, 0},
		{"the longest overlap is taken", 0, func(now time.Time) tokens.Replacement {
			return tokens.Replacement{Until: now.Add(tokens.MaxKeyOverlap)}
		}, tokens.MaxKeyOverlap, 0},
		{"the new key has the end that was asked for", 0, func(now time.Time) tokens.Replacement { return tokens.Replacement{Expires: now.Add(time.Minute)} }, 24 * time.Hour, time.Minute},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := open(t)
			var o tokens.KeyOptions
			if test.expires > 0 {
				o.Expires = r.clock.time().Add(test.expires)
			}
			_, was := r.keyOf(t, ownerAlice, o)
			_, row, err := r.ReplaceAPIKey(t.Context(), ownerAlice, was.ID, test.r(r.clock.time()))
			if err != nil {
				t.Fatal(err)
			}
			if got := r.keyRow(t, was.ID).ExpiresAt; !got.Equal(r.clock.time().Add(test.end)) {
				t.Errorf("the old key ends at %v", got)
			}
			if test.new == 0 != row.ExpiresAt.IsZero() || test.new > 0 && !row.ExpiresAt.Equal(r.clock.time().Add(test.new)) {
				t.Errorf("the new key ends at %v", row.ExpiresAt)
			}
		})
	}

	t.Run("revoking either is of that key alone", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		old, was := r.keyOf(t, ownerAlice, tokens.KeyOptions{})
		next, row, err := r.ReplaceAPIKey(t.Context(), ownerAlice, was.ID, tokens.Replacement{})
		if err != nil {
			t.Fatal(err)
		}
		revoke := func(id string) {
			t.Helper()
			if ok, err := r.RevokeAPIKey(t.Context(), ownerAlice, id); !ok || err != nil {
				t.Fatal(ok, err)
			}
		}
		revoke(row.ID)
		if r.accepted(t, next) || !r.accepted(t, old) || !r.keyRow(t, was.ID).ExpiresAt.Equal(r.clock.time().Add(24*time.Hour)) {
			t.Error("the end of the new key has changed the old one")
		}
		r.clock.move(time.Hour)
		third, row, err := r.ReplaceAPIKey(t.Context(), ownerAlice, was.ID, tokens.Replacement{}) // whose successor works no more
		if err != nil {
			t.Fatal(err)
		}
		if got := r.keyRow(t, was.ID); got.Successor != row.ID || !got.ExpiresAt.Equal(r.clock.time().Add(23*time.Hour)) {
			t.Errorf("the old key is %+v: it was extended", got)
		}
		revoke(was.ID)
		if r.accepted(t, old) || !r.accepted(t, third) {
			t.Error("the end of the old key has changed the new one")
		}
	})

	t.Run("the lifetime of the successor that was revoked counts, and not the end that was brought forward", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		_, was := r.keyOf(t, ownerAlice, tokens.KeyOptions{Expires: r.clock.time().Add(30 * 24 * time.Hour)})
		for range 3 {
			_, row, err := r.ReplaceAPIKey(t.Context(), ownerAlice, was.ID, tokens.Replacement{})
			if err != nil || !row.ExpiresAt.Equal(r.clock.time().Add(30*24*time.Hour)) {
				t.Fatalf("%v, %v", row.ExpiresAt, err)
			}
			if _, err := r.RevokeAPIKey(t.Context(), ownerAlice, row.ID); err != nil {
				t.Fatal(err)
			}
			r.clock.move(time.Hour)
		}
	})

	for _, test := range []struct {
		name  string
		given func(*testing.T, *fixture, store.APIKey)
		owner store.Owner
		r     func(now time.Time) tokens.Replacement
		want  error
	}{
		{"another's key", nil, store.Owner{ID: bob.ID}, nil, tokens.ErrInvalidKey},
		{"the key of an account with the ID of a user", nil, store.Owner{Kind: store.OwnerService, ID: alice.ID}, nil, tokens.ErrInvalidKey},
		{"a revoked key", func(t *testing.T, r *fixture, k store.APIKey) {
			t.Helper()
			if _, err := r.RevokeAPIKey(t.Context(), ownerAlice, k.ID); err != nil {
				t.Fatal(err)
			}
		}, ownerAlice, nil, tokens.ErrInvalidKey},
		{"an expired key", func(_ *testing.T, r *fixture, _ store.APIKey) { r.clock.move(24 * time.Hour) }, ownerAlice, nil, tokens.ErrInvalidKey},
		{"a key with a successor that works", func(t *testing.T, r *fixture, k store.APIKey) {
			t.Helper()
			if _, _, err := r.ReplaceAPIKey(t.Context(), ownerAlice, k.ID, tokens.Replacement{}); err != nil {
				t.Fatal(err)
			}
		}, ownerAlice, nil, tokens.ErrReplaced},
		{"a key of a user who is gone", func(t *testing.T, r *fixture, _ store.APIKey) {
			t.Helper()
			if err := r.store.memory.RemoveUser(t.Context(), alice.ID); err != nil {
				t.Fatal(err)
			}
		}, ownerAlice, nil, tokens.ErrInvalidKey},
		{"a key with an overlap that is too long", nil, ownerAlice, func(now time.Time) tokens.Replacement {
			return tokens.Replacement{Until: now.Add(tokens.MaxKeyOverlap + time.Microsecond)}
		}, tokens.ErrMalformed},
		{"a key by one that would have expired", nil, ownerAlice, func(now time.Time) tokens.Replacement { return tokens.Replacement{Expires: now} }, tokens.ErrMalformed},
		{"a key of no owner", nil, store.Owner{}, nil, tokens.ErrMalformed},
	} {
		t.Run(test.name+" is not replaced", func(t *testing.T) {
			t.Parallel()
			r := open(t, owning)
			_, k := r.keyOf(t, ownerAlice, tokens.KeyOptions{Expires: r.clock.time().Add(24 * time.Hour)})
			if test.given != nil {
				test.given(t, r, k)
			}
			var wish tokens.Replacement
			if test.r != nil {
				wish = test.r(r.clock.time())
			}
			r.unchanged(t, func() {
				key, row, err := r.ReplaceAPIKey(t.Context(), test.owner, k.ID, wish)
				wantError(t, err, test.want)
				if key != "" || row.ID != "" {
					t.Error("the refusal came with a key")
				}
			})
		})
	}

	for _, call := range []string{"APIKeyByID", "User", "CreateAPIKey", "ReplaceAPIKey"} {
		t.Run("a failure of "+call+" leaves the old key, no new one, and another try", func(t *testing.T) {
			t.Parallel()
			for _, after := range []bool{false, true} { // the write was made, or was not
				r := open(t)
				old, k := r.keyOf(t, ownerAlice, tokens.KeyOptions{})
				if after {
					r.store.step(nil, always(call, errDriver))
				} else {
					r.store.step(always(call, errDriver), nil)
				}
				_, _, err := r.ReplaceAPIKey(t.Context(), ownerAlice, k.ID, tokens.Replacement{})
				wantError(t, err, tokens.ErrUnavailable)
				r.store.step(nil, nil)
				if !r.accepted(t, old) {
					t.Error("the old key is lost")
				}
				for _, row := range r.store.rows(t).Keys {
					if row.ID != k.ID && row.RevokedAt.IsZero() && call != "CreateAPIKey" { // it may have been written, and was never returned
						t.Errorf("a new key works: %+v", row)
					}
				}
				if _, _, err := r.ReplaceAPIKey(t.Context(), ownerAlice, k.ID, tokens.Replacement{}); err != nil {
					t.Errorf("once more: %v", err)
				}
			}
		})
	}

	t.Run("of many at once one gets a key", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		_, k := r.keyOf(t, ownerAlice, tokens.KeyOptions{})
		var mu sync.Mutex
		var won []string
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() {
				_, row, err := r.ReplaceAPIKey(t.Context(), ownerAlice, k.ID, tokens.Replacement{})
				if err != nil {
					wantError(t, err, tokens.ErrReplaced)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				won = append(won, row.ID)
			})
		}
		wg.Wait()
		if len(won) != 1 || r.keyRow(t, k.ID).Successor != won[0] {
			t.Errorf("%q have won, and the successor is %q", won, r.keyRow(t, k.ID).Successor)
		}
		list, _, err := r.OwnerAPIKeys(t.Context(), ownerAlice, tokens.Page{})
		if err != nil || len(list) != 2 {
			t.Errorf("the list is %+v, %v", list, err)
		}
	})
}

func TestReplaceOwnAPIKey(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		session []string
		key     []string
		want    []string
		err     error
	}{
		{"the new key has the scopes of the old one", []string{"read", "write"}, []string{"read"}, []string{"read"}, nil},
		{"a session with less gets no key with more", []string{"read"}, []string{"read", "write"}, nil, tokens.ErrInvalidScope},
		{"a key that was not narrowed gets what the session has", []string{"read"}, nil, []string{"read"}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := open(t)
			_, k := r.keyOf(t, ownerAlice, tokens.KeyOptions{Scopes: test.key})
			p := r.loginWith(t, tokens.LoginRequest{Login: "alice", Password: password, Scopes: test.session}).Principal
			before := len(r.store.rows(t).Keys)
			_, row, err := r.ReplaceOwnAPIKey(t.Context(), p, k.ID, tokens.Replacement{})
			if test.err != nil {
				wantError(t, err, test.err)
				if len(r.store.rows(t).Keys) != before || r.keyRow(t, k.ID).Successor != "" {
					t.Error("a key was made, or replaced")
				}
				return
			}
			if err != nil || !slices.Equal(row.Scopes, test.want) || r.keyRow(t, k.ID).Successor != row.ID {
				t.Errorf("%+v, %v", row, err)
			}
		})
	}
	for _, test := range []struct {
		name string
		do   func(r *fixture, p tokens.Principal, id string) error
		want error
	}{
		{"an overlap above the host's is refused", func(r *fixture, p tokens.Principal, id string) error {
			return errorOf2key(r.ReplaceOwnAPIKey(t.Context(), p, id, tokens.Replacement{Until: r.clock.time().Add(time.Hour + time.Microsecond)}))
		}, tokens.ErrMalformed},
		{"the host's overlap is taken", func(r *fixture, p tokens.Principal, id string) error {
			return errorOf2key(r.ReplaceOwnAPIKey(t.Context(), p, id, tokens.Replacement{Until: r.clock.time().Add(time.Hour)}))
		}, nil},
		{"another user's key is not there", func(r *fixture, _ tokens.Principal, id string) error {
			p, err := r.Login(t.Context(), tokens.LoginRequest{Login: "bob", Password: password})
			if err != nil {
				return err
			}
			return errorOf2key(r.ReplaceOwnAPIKey(t.Context(), p.Principal, id, tokens.Replacement{}))
		}, tokens.ErrInvalidKey},
		{"a session that was ended replaces none", func(r *fixture, p tokens.Principal, id string) error {
			if err := r.LogoutPrincipal(t.Context(), p); err != nil {
				return err
			}
			return errorOf2key(r.ReplaceOwnAPIKey(t.Context(), p, id, tokens.Replacement{}))
		}, tokens.ErrNoSession},
		{"a session of an earlier password replaces none", func(r *fixture, p tokens.Principal, id string) error {
			if err := r.store.memory.SetPassword(t.Context(), alice.ID, "another horse & battery"); err != nil {
				return err
			}
			return errorOf2key(r.ReplaceOwnAPIKey(t.Context(), p, id, tokens.Replacement{}))
		}, tokens.ErrNoSession},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := open(t, func(c *tokens.Config) { c.KeyOverlap = time.Hour })
			_, k := r.keyOf(t, ownerAlice, tokens.KeyOptions{})
			err := test.do(r, r.login(t).Principal, k.ID)
			if test.want == nil && err == nil {
				return
			}
			wantError(t, err, test.want)
			if r.keyRow(t, k.ID).Successor != "" {
				t.Error("it was replaced")
			}
		})
	}
}

func errorOf2key(_ tokens.Secret, _ store.APIKey, err error) error { return err }
