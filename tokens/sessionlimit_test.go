package tokens_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
)

func atMost(n int) func(*tokens.Config) {
	return func(c *tokens.Config) { c.MaxSessions = n }
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
		if left, err := r.Sessions(t.Context(), alice.ID); err != nil || len(left) == 0 || len(left) > 4 {
			t.Errorf("%d are left, %v", len(left), err)
		}
	})
}
