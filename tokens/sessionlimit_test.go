package tokens_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
)

func atMost(n int) func(*tokens.Config) {
	return func(c *tokens.Config) { c.MaxSessions = n }
}

// nth is a hook that fails the nth call of a name.
func nth(name string, n int, err error) hook {
	var calls atomic.Int64
	return func(_ context.Context, call string) error {
		if call == name && calls.Add(1) == int64(n) {
			return err
		}
		return nil
	}
}

func TestMaxSessions(t *testing.T) {
	t.Parallel()
	t.Run("D190: one login too many ends the oldest session, and its access tokens with it", func(t *testing.T) {
		t.Parallel()
		r := open(t, atMost(2), func(c *tokens.Config) { c.Revocations = c.Store.(*storeSpy) })
		var pairs []tokens.Pair
		for range 3 {
			pairs = append(pairs, r.login(t))
			r.clock.move(time.Second)
		}
		r.refused(t, pairs[0].RefreshToken, tokens.ErrRevokedRefresh)
		if _, err := r.Verify(t.Context(), pairs[0].AccessToken); !errors.Is(err, tokens.ErrRevokedToken) {
			t.Errorf("Verify: %v", err)
		}
		for _, p := range pairs[1:] {
			r.refresh(t, p.RefreshToken)
			r.verify(t, p.AccessToken)
		}
		var ended []string
		for _, e := range r.journal.Take() {
			if e.Kind == events.SessionLimit {
				ended = append(ended, e.SessionID)
			}
		}
		if !slices.Equal(ended, []string{pairs[0].Principal.SessionID}) {
			t.Errorf("displaced = %q", ended)
		}
	})
	t.Run("sessions that are over do not count, nor do another user's", func(t *testing.T) {
		t.Parallel()
		r := open(t, atMost(2))
		first := r.login(t)
		r.loginWith(t, tokens.LoginRequest{Login: "bob", Password: password})
		over := r.login(t)
		if err := r.Logout(t.Context(), tokens.RefreshRequest{Token: over.RefreshToken}); err != nil {
			t.Fatal(err)
		}
		r.login(t)
		r.refresh(t, first.RefreshToken)
	})
	t.Run("without a bound the store is not asked", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		r.login(t)
		if calls := r.store.take(); slices.Contains(calls, "UserSessions") {
			t.Errorf("calls = %q", calls)
		}
	})
	t.Run("a store that fails refuses the login, and ends no session", func(t *testing.T) {
		t.Parallel()
		r := open(t, atMost(1))
		first := r.login(t)
		r.store.step(func(_ context.Context, call string) error {
			if call == "UserSessions" {
				return errDriver
			}
			return nil
		}, nil)
		if _, err := r.Login(t.Context(), tokens.LoginRequest{Login: "alice", Password: password}); !errors.Is(err, tokens.ErrUnavailable) {
			t.Errorf("Login: %v", err)
		}
		r.refresh(t, first.RefreshToken)
	})
	t.Run("of many logins at once some are left, and hardly more than may be", func(t *testing.T) {
		t.Parallel()
		r := open(t, atMost(3))
		var all sync.WaitGroup
		for range 16 {
			all.Go(func() { r.login(t) })
		}
		all.Wait()
		if left, _, err := r.Sessions(t.Context(), alice.ID, tokens.Page{}); err != nil || len(left) == 0 || len(left) > 4 {
			t.Errorf("%d are left, %v", len(left), err)
		}
	})
}

// What a user has done before sets no amount of work: a login, an introspection and
// the end of a session read as much with 5000 sessions as with ten.
func TestFaultC16TheWorkOfARequestIsBounded(t *testing.T) {
	t.Parallel()
	t.Run("a login where MaxSessions is new reads two pages at most, ends 100 sessions, and later ones end the rest", func(t *testing.T) {
		t.Parallel()
		r := open(t, atMost(5))
		r.crowd(t, 5000)
		r.clock.move(time.Minute)
		left := 5000
		for range 3 {
			r.store.take()
			r.login(t)
			if n := count(r.store.take()); n["UserSessions"] > 2 || n["RevokeSession"] != 100 && n["RevokeSession"] != 99 {
				t.Errorf("calls = %v", n)
			}
			left -= 99
			if open := len(r.openSessions(t)); open > left+3 || open < left-3 {
				t.Errorf("%d sessions are open, want about %d", open, left)
			}
			r.clock.move(time.Second)
		}
	})
	t.Run("a login whose time is over when it has ended one session succeeds, and leaves the rest", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			r := open(t, atMost(5))
			r.crowd(t, 50)
			r.store.step(func(_ context.Context, call string) error {
				if call == "RevokeSession" {
					time.Sleep(1500 * time.Millisecond)
				}
				return nil
			}, nil)
			start := time.Now()
			r.login(t)
			if took := time.Since(start); took > 2*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	})
	for name, tt := range map[string]struct {
		step hook
		fate error // of the login
		gone int   // how many sessions it ends
	}{
		"whose time is over when it has ended three": {func(_ context.Context, call string) error {
			if call == "RevokeSession" {
				time.Sleep(200 * time.Millisecond)
			}
			return nil
		}, nil, 3},
		"whose third write fails": {nth("RevokeSession", 3, errDriver), tokens.ErrUnavailable, 2},
		"whose denial fails":      {nth("DenySessions", 1, errDriver), tokens.ErrUnavailable, 45},
	} {
		t.Run("no session is denied that can be refreshed after a login "+name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := open(t, denying, atMost(5))
				ids := r.crowd(t, 49)
				r.clock.move(time.Minute)
				r.store.step(tt.step, nil)
				p, err := r.Login(t.Context(), tokens.LoginRequest{Login: "alice", Password: password})
				if !errors.Is(err, tt.fate) {
					t.Fatalf("Login: %v, want %v", err, tt.fate)
				}
				r.store.step(nil, nil)
				denied := r.store.deniedSIDs()
				gone := 0
				for _, id := range ids {
					s, err := r.store.memory.Session(t.Context(), id)
					if err != nil {
						t.Fatal(err)
					}
					ended := !s.RevokedAt.IsZero()
					if ended {
						gone++
					}
					if denied[id] && !ended {
						t.Errorf("%s is denied, and can be refreshed", id)
					}
					if ended && !denied[id] && tt.fate == nil {
						t.Errorf("%s has ended and is not denied, and nothing says so", id)
					}
				}
				if gone != tt.gone {
					t.Errorf("%d sessions have ended, want %d", gone, tt.gone)
				}
				if err == nil {
					r.verify(t, p.AccessToken)
				}
				failures := 0
				for _, e := range r.journal.Take() {
					if e.Kind == events.StoreFailure {
						failures++
					}
				}
				if (failures > 0) != (tt.fate != nil) {
					t.Errorf("%d failures are reported", failures)
				}
			})
		})
	}
	t.Run("a write of which the answer is lost has ended the session, and it is denied", func(t *testing.T) {
		t.Parallel()
		r := open(t, denying, atMost(1))
		one := r.login(t)
		r.clock.move(time.Second)
		r.store.step(nil, nth("RevokeSession", 1, errDriver))
		r.login(t)
		r.dead(t, one)
	})
	t.Run("sessions of access tokens alone are no reason to read them all", func(t *testing.T) {
		t.Parallel()
		r := open(t, atMost(2), denying)
		for range 3000 {
			r.loginWith(t, tokens.LoginRequest{Login: "alice", Password: password, AccessOnly: true})
		}
		r.clock.move(time.Second)
		r.store.take()
		r.login(t)
		if n := count(r.store.take()); n["UserSessions"] > 11 {
			t.Errorf("calls = %v", n)
		}
	})
	t.Run("a logout everywhere denies what was used lately, and the old sessions with no call", func(t *testing.T) {
		t.Parallel()
		r := open(t, denying, func(c *tokens.Config) { c.RetryGrace = 5 * time.Minute })
		r.crowd(t, 5000)
		r.clock.move(2 * time.Hour)
		replayed := r.login(t)
		r.refresh(t, replayed.RefreshToken)
		r.clock.move(5*time.Minute - time.Second)
		late := r.refresh(t, replayed.RefreshToken) // the last access token that the session can get without moving
		r.clock.move(late.Principal.ExpiresAt.Sub(r.clock.time()) - time.Second)
		r.store.take()
		if err := r.LogoutEverywhere(t.Context(), alice.ID); err != nil {
			t.Fatal(err)
		}
		if n := count(r.store.take()); n["DenySessions"] != 1 || n["RevokeUserSessions"] != 1 {
			t.Errorf("calls = %v", n)
		}
		if _, err := r.Verify(t.Context(), late.AccessToken); !errors.Is(err, tokens.ErrRevokedToken) {
			t.Errorf("Verify: %v", err)
		}
		if open := r.openSessions(t); len(open) > 0 {
			t.Errorf("%d sessions are open", len(open))
		}
	})
	t.Run("what names a session by its sid lists none", func(t *testing.T) {
		t.Parallel()
		r := open(t, denying)
		one, two := r.login(t), r.login(t)
		key, row := r.apiKey(t)
		exchanged, err := r.ExchangeKey(t.Context(), tokens.KeyRequest{Key: key})
		if err != nil {
			t.Fatal(err)
		}
		r.store.take()
		for _, token := range []tokens.Secret{one.AccessToken, one.RefreshToken, exchanged.AccessToken} {
			if of, err := r.Introspect(t.Context(), token); err != nil || !of.Active {
				t.Errorf("Introspect: %+v, %v", of, err)
			}
		}
		if _, _, err := r.CreateOwnAPIKey(t.Context(), one.Principal, tokens.KeyOptions{}); err != nil {
			t.Error(err)
		}
		if _, err := r.RevokeAPIKey(t.Context(), store.Owner{ID: alice.ID}, row.ID); err != nil {
			t.Error(err)
		}
		if _, err := r.EndSession(t.Context(), alice.ID, two.Principal.SessionID); err != nil {
			t.Error(err)
		}
		if err := r.EndOtherSessions(t.Context(), one.Principal); err != nil {
			t.Error(err)
		}
		if err := r.LogoutPrincipal(t.Context(), one.Principal); err != nil {
			t.Error(err)
		}
		if n := count(r.store.take()); n["UserSessions"]+n["OwnerAPIKeys"] > 0 {
			t.Errorf("calls = %v", n)
		}
	})
}

func TestPages(t *testing.T) {
	t.Parallel()
	r := open(t)
	for range 5 {
		r.login(t)
		r.apiKey(t)
		r.clock.move(time.Second)
	}
	for _, p := range []tokens.Page{{Limit: -1}, {Limit: 1001}, {After: "a"}, {After: "%%%"}, {After: "AAAAAAAAAAA"}, {After: "AAAAAAAAAAAv"}} {
		if _, _, err := r.Sessions(t.Context(), alice.ID, p); !errors.Is(err, tokens.ErrMalformed) {
			t.Errorf("Sessions, %+v: %v", p, err)
		}
		if _, _, err := r.OwnerAPIKeys(t.Context(), store.Owner{ID: alice.ID}, p); !errors.Is(err, tokens.ErrMalformed) {
			t.Errorf("OwnerAPIKeys, %+v: %v", p, err)
		}
	}
	var sessions, keys int
	var after string
	for more := true; more; more = after != "" {
		all, next, err := r.Sessions(t.Context(), alice.ID, tokens.Page{After: after, Limit: 2})
		if err != nil {
			t.Fatal(err)
		}
		sessions, after = sessions+len(all), next
	}
	for more := true; more; more = after != "" {
		all, next, err := r.OwnerAPIKeys(t.Context(), store.Owner{ID: alice.ID}, tokens.Page{After: after, Limit: 2})
		if err != nil {
			t.Fatal(err)
		}
		keys, after = keys+len(all), next
	}
	if sessions != 5 || keys != 5 {
		t.Errorf("%d sessions and %d keys, want 5 of each", sessions, keys)
	}
}
