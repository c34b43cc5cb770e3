package tokens_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
)

// denying has a deny list.
func denying(c *tokens.Config) { c.Revocations = c.Store.(*storeSpy) }

// endings are the ways in which a session ends before its time, with the calls
// that end it, in their order.
var endings = []struct {
	name  string
	calls []string
	last  string // the call that ends the session
	err   error

	// revokes: the session is revoked even if it cannot be denied, for the same
	// request, made again, finds a revoked session too.
	revokes bool

	end func(t *testing.T, r *fixture, one, two tokens.Pair) error
}{
	{
		"a logout", []string{"Session", "DenySession", "RevokeSession"}, "RevokeSession", nil, true,
		func(t *testing.T, r *fixture, _, two tokens.Pair) error {
			t.Helper()
			return r.Logout(t.Context(), tokens.RefreshRequest{Token: two.RefreshToken})
		},
	},
	{
		"a logout with the access token", []string{"Session", "DenySession", "RevokeSession"}, "RevokeSession", nil, false,
		func(t *testing.T, r *fixture, _, two tokens.Pair) error {
			t.Helper()
			return r.LogoutPrincipal(t.Context(), two.Principal)
		},
	},
	{
		"a logout everywhere", []string{"RevokeUserSessions", "DenySessions"}, "RevokeUserSessions", nil, true,
		func(t *testing.T, r *fixture, _, _ tokens.Pair) error {
			t.Helper()
			return r.LogoutEverywhere(t.Context(), alice.ID)
		},
	},
	{
		"a reuse", []string{"Session", "DenySession", "RevokeSession"}, "RevokeSession", tokens.ErrReused, true,
		func(t *testing.T, r *fixture, one, _ tokens.Pair) error {
			t.Helper()
			_, err := r.Refresh(t.Context(), tokens.RefreshRequest{Token: one.RefreshToken})
			return err
		},
	},
}

// opened is a fixture with a deny list and a session of alice's that was refreshed
// once.
func opened(t *testing.T, edits ...func(*tokens.Config)) (r *fixture, one, two tokens.Pair) {
	t.Helper()
	r = open(t, append([]func(*tokens.Config){denying}, edits...)...)
	one = r.login(t)
	two = r.refresh(t, one.RefreshToken)
	r.store.take()
	r.journal.Take()
	return r, one, two
}

// dead wants no token of the pairs to open anything.
func (r *fixture) dead(t *testing.T, pairs ...tokens.Pair) {
	t.Helper()
	for _, p := range pairs {
		_, err := r.Verify(t.Context(), p.AccessToken)
		wantError(t, err, tokens.ErrRevokedToken)
		r.refused(t, p.RefreshToken, tokens.ErrRevokedRefresh)
	}
}

// P36, D68, D145, D179.
func TestDenyList(t *testing.T) {
	t.Parallel()
	for _, ending := range endings {
		t.Run("P36: after "+ending.name+" every token of the session is dead at once, and no other", func(t *testing.T) {
			t.Parallel()
			r, one, two := opened(t)
			other := r.loginWith(t, tokens.LoginRequest{Login: "bob", Password: password})
			r.store.take()
			if err := ending.end(t, r, one, two); !errors.Is(err, ending.err) {
				t.Fatal(err)
			}
			if calls := r.store.take(); !slices.Equal(calls, ending.calls) {
				t.Errorf("calls = %q, want %q", calls, ending.calls)
			}
			r.dead(t, one, two)
			r.verify(t, other.AccessToken)
			r.refresh(t, other.RefreshToken)
		})
		t.Run("P35: "+ending.name+" that cannot be denied is not done, and is done when it comes again", func(t *testing.T) {
			t.Parallel()
			r, one, two := opened(t)
			r.store.step(failingDenials, nil)
			wantError(t, ending.end(t, r, one, two), tokens.ErrUnavailable)
			told := r.journal.WantKinds(t, events.StoreFailure)
			if len(told) == 1 && !errors.Is(told[0].Err, errDriver) {
				t.Errorf("the event tells of %v", told[0].Err)
			}
			if live := r.store.row(t).RevokedAt.IsZero(); live == ending.revokes {
				t.Errorf("the session lives: %t", live)
			}
			r.store.step(nil, nil)
			if err := ending.end(t, r, one, two); err != nil && !errors.Is(err, tokens.ErrInvalidRefresh) {
				t.Fatal(err)
			}
			r.dead(t, one, two)
		})
		t.Run("P35: when only the last write of "+ending.name+" fails it is not done, and nothing can be used", func(t *testing.T) {
			t.Parallel()
			r, one, two := opened(t)
			r.store.step(always(ending.last, errDriver), nil)
			wantError(t, ending.end(t, r, one, two), tokens.ErrUnavailable)
			r.journal.WantKinds(t, events.StoreFailure)
			r.store.step(nil, nil)
			for range 3 { // whatever is refreshed is dead from the beginning
				two = r.refresh(t, two.RefreshToken)
				for _, p := range []tokens.Pair{one, two} {
					// revoked, or by now expired longer ago than is told
					if _, err := r.Verify(t.Context(), p.AccessToken); !errors.Is(err, tokens.ErrInvalidToken) && !errors.Is(err, tokens.ErrExpiredToken) {
						t.Errorf("%v", err)
					}
				}
				r.clock.move(2 * time.Hour)
			}
			r.store.deleteExpiredDenials(t, r.clock.time())
			_, err := r.Verify(t.Context(), r.refresh(t, two.RefreshToken).AccessToken)
			wantError(t, err, tokens.ErrRevokedToken)
		})
		t.Run(ending.name+" is done even if the caller hangs up at the first write", func(t *testing.T) {
			t.Parallel()
			r, one, two := opened(t)
			ctx, cancel := context.WithCancel(t.Context())
			r.store.step(first(ending.calls[len(ending.calls)-2], func() error {
				cancel()
				return nil
			}), nil)
			if err := endWith(ctx, r, ending.name, one, two); !errors.Is(err, ending.err) {
				t.Fatal(err)
			}
			r.store.step(nil, nil)
			r.dead(t, one, two)
		})
	}

	t.Run("what is denied stays so until its last access token has expired on every node, and no longer", func(t *testing.T) {
		t.Parallel()
		r, one, _ := opened(t, func(c *tokens.Config) { c.Leeway, c.Timeout = time.Minute, 2*time.Second })
		now := r.clock.time()
		if err := r.Logout(t.Context(), tokens.RefreshRequest{Token: one.RefreshToken}); err != nil {
			t.Fatal(err)
		}
		denials := r.store.rows(t).Denials
		want := denial{one.Principal.SessionID, now.Add(time.Hour + 3*time.Minute + 2*time.Second)}
		if len(denials) != 1 || denials[0] != want {
			t.Errorf("denials = %+v, want %+v", denials, want)
		}
	})
	t.Run("a second logout writes no second denial, and none when all has expired", func(t *testing.T) {
		t.Parallel()
		r, one, _ := opened(t)
		_ = r.Logout(t.Context(), tokens.RefreshRequest{Token: one.RefreshToken})
		r.clock.move(time.Minute)
		wantError(t, r.Logout(t.Context(), tokens.RefreshRequest{Token: one.RefreshToken}), tokens.ErrRevokedRefresh)
		denials := r.store.rows(t).Denials
		if len(denials) != 1 {
			t.Errorf("denials = %+v", denials)
		}
		r.clock.move(2 * time.Hour)
		wantError(t, r.Logout(t.Context(), tokens.RefreshRequest{Token: one.RefreshToken}), tokens.ErrRevokedRefresh)
		if n := len(r.store.rows(t).Denials); n != 1 {
			t.Errorf("%d denials, want 1", n)
		}
	})
	t.Run("without a deny list access tokens are good until they expire, and nothing is asked", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		one := r.login(t)
		if err := r.Logout(t.Context(), tokens.RefreshRequest{Token: one.RefreshToken}); err != nil {
			t.Fatal(err)
		}
		r.store.take()
		r.verify(t, one.AccessToken)
		if calls := r.store.take(); calls != nil {
			t.Errorf("calls = %q", calls)
		}
	})
	t.Run("a token that is not genuine, or has expired, costs no look into the list", func(t *testing.T) {
		t.Parallel()
		r, one, _ := opened(t)
		r.clock.move(2 * time.Hour)
		for token, want := range map[tokens.Secret]error{one.AccessToken: tokens.ErrExpiredToken, one.AccessToken + "x": tokens.ErrInvalidToken} {
			_, err := r.Verify(t.Context(), token)
			wantError(t, err, want)
		}
		if calls := r.store.take(); calls != nil {
			t.Errorf("calls = %q", calls)
		}
	})
}

// failingDenials is a deny list that takes nothing.
func failingDenials(_ context.Context, call string) error {
	if call == "DenySession" || call == "DenySessions" {
		return errDriver
	}
	return nil
}

// endWith does what an ending is called, for a caller with a context of their
// own.
func endWith(ctx context.Context, r *fixture, name string, one, two tokens.Pair) error {
	switch {
	case strings.HasSuffix(name, "everywhere"):
		return r.LogoutEverywhere(ctx, alice.ID)
	case strings.HasSuffix(name, "access token"):
		return r.LogoutPrincipal(ctx, two.Principal)
	case name == "a reuse":
		_, err := r.Refresh(ctx, tokens.RefreshRequest{Token: one.RefreshToken})
		return err
	}
	return r.Logout(ctx, tokens.RefreshRequest{Token: two.RefreshToken})
}

func (w *storeSpy) deleteExpiredDenials(tb testing.TB, before time.Time) {
	tb.Helper()
	if _, err := w.memory.DeleteExpiredDenials(tb.Context(), before); err != nil {
		tb.Fatal(err)
	}
}

// D102.
func TestDenyListFailure(t *testing.T) {
	t.Parallel()
	for _, failure := range []error{errDriver, context.Canceled, context.DeadlineExceeded} {
		t.Run(fmt.Sprintf("a deny list that says %v is unavailable, and no bad token", failure), func(t *testing.T) {
			t.Parallel()
			r, one, _ := opened(t)
			r.store.step(always("SessionDenied", failure), nil)
			_, err := r.Verify(t.Context(), one.AccessToken)
			wantError(t, err, tokens.ErrUnavailable)
			r.journal.WantKinds(t, events.StoreFailure)
		})
	}
	t.Run("a host may say that such tokens are good", func(t *testing.T) {
		t.Parallel()
		r, one, two := opened(t, func(c *tokens.Config) { c.InsecureIgnoreDenyFailure = true })
		r.store.step(always("SessionDenied", errDriver), nil)
		r.verify(t, one.AccessToken)
		r.journal.WantKinds(t, events.StoreFailure)
		r.store.step(nil, nil)
		_ = r.LogoutPrincipal(t.Context(), two.Principal)
		r.dead(t, one, two)
	})
	t.Run("a deny list that hangs is given up after the timeout", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			r, one, two := opened(t, func(c *tokens.Config) { c.Timeout = 3 * time.Second })
			hang := func(ctx context.Context, call string) error {
				if !strings.Contains(call, "Den") {
					return nil
				}
				<-ctx.Done()
				return ctx.Err()
			}
			r.store.step(hang, nil)
			start := time.Now()
			_, err := r.Verify(t.Context(), one.AccessToken)
			wantError(t, err, tokens.ErrUnavailable)
			wantError(t, r.Logout(t.Context(), tokens.RefreshRequest{Token: two.RefreshToken}), tokens.ErrUnavailable)
			if took := time.Since(start); took != 6*time.Second {
				t.Errorf("it took %v, want 6s", took)
			}
			if r.store.row(t).RevokedAt.IsZero() {
				t.Error("the session lives")
			}
		})
	})
}
