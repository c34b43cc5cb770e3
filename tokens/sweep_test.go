package tokens_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
)

// The brooms of a host with a deny list.
const sessionBroom, denialBroom, keyBroom = "DeleteExpiredSessions", "DeleteExpiredDenials", "DeleteExpiredAPIKeys"

// denials is a deny list that has only its broom.
type denials struct {
	store.Revocations

	before time.Time
	gone   int
	err    error
}

func (d *denials) DeleteExpiredDenials(_ context.Context, before time.Time) (int, error) {
	d.before = before
	return d.gone, d.err
}

func (r *fixture) sweep(tb testing.TB, want int) {
	tb.Helper()
	if n, err := r.Sweep(tb.Context()); n != want || err != nil {
		tb.Errorf("Sweep: %d, %v; want %d", n, err, want)
	}
}

func TestSweep(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour

	t.Run("a session goes at its end, and not a microsecond before", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		one := r.login(t)
		r.clock.move(30*day - time.Microsecond)
		r.sweep(t, 0)
		r.refresh(t, one.RefreshToken)
		r.clock.move(30 * day)
		r.sweep(t, 1)
		r.refused(t, one.RefreshToken, tokens.ErrInvalidRefresh)
	})

	t.Run("a session that was revoked stays, so that a stolen token is recognised", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		one := r.login(t)
		r.refresh(t, one.RefreshToken)
		if err := r.LogoutEverywhere(t.Context(), alice.ID); err != nil {
			t.Fatal(err)
		}
		r.clock.move(29 * day)
		r.sweep(t, 0)
		r.refused(t, one.RefreshToken, tokens.ErrRevokedRefresh)
	})

	t.Run("an API key goes thirty days after its end", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		for _, end := range []time.Time{r.clock.time().Add(time.Hour), {}} {
			if _, _, err := r.CreateAPIKey(t.Context(), store.Owner{ID: alice.ID}, tokens.KeyOptions{Expires: end}); err != nil {
				t.Fatal(err)
			}
		}
		r.clock.move(30*day + time.Hour - time.Microsecond)
		r.sweep(t, 0)
		r.clock.move(time.Microsecond)
		r.sweep(t, 1)
		r.clock.move(1000 * day)
		r.sweep(t, 0)
	})

	t.Run("nothing is over before it is so by every node's clock", func(t *testing.T) {
		t.Parallel()
		list := &denials{gone: 5}
		r := open(t, func(c *tokens.Config) { c.Leeway, c.Revocations = time.Minute, list })
		r.login(t)
		r.clock.move(30*day + time.Minute - time.Microsecond)
		r.sweep(t, 5)
		if want := r.clock.time().Add(-time.Minute); !list.before.Equal(want) {
			t.Errorf("the deny list was swept before %v, want %v", list.before, want)
		}
		r.clock.move(time.Microsecond)
		r.sweep(t, 6)
	})

	t.Run("only such stores are swept as there are", func(t *testing.T) {
		t.Parallel()
		r := open(t, func(c *tokens.Config) { c.APIKeys = nil })
		r.sweep(t, 0)
		if calls := r.store.take(); !slices.Equal(calls, []string{sessionBroom}) {
			t.Errorf("calls = %q", calls)
		}
	})
}

func TestSweepFails(t *testing.T) {
	t.Parallel()
	for _, broken := range []string{sessionBroom, denialBroom, keyBroom} {
		t.Run("a failure of "+broken+" is told, and holds up no other", func(t *testing.T) {
			t.Parallel()
			list := &denials{gone: 2}
			r := open(t, func(c *tokens.Config) { c.Revocations = list })
			if broken == denialBroom {
				list.err = errDriver
			}
			r.store.step(always(broken, errDriver), nil)
			n, err := r.Sweep(t.Context())
			wantError(t, err, tokens.ErrUnavailable)
			if n != 2 || !errors.Is(err, errDriver) {
				t.Errorf("Sweep: %d, %v; want 2, and the cause", n, err)
			}
			if calls := r.store.take(); !slices.Equal(calls, []string{sessionBroom, keyBroom}) {
				t.Errorf("calls = %q", calls)
			}
			for _, e := range r.journal.WantKinds(t, events.StoreFailure) {
				if !errors.Is(e.Err, errDriver) {
					t.Errorf("the event's cause is %v", e.Err)
				}
			}
		})
	}

	t.Run("a host that stops is no failure of its store", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		ctx, stop := context.WithCancel(t.Context())
		stop()
		_, err := r.Sweep(ctx)
		wantError(t, err, tokens.ErrUnavailable)
		r.journal.WantKinds(t)
		if calls := r.store.take(); len(calls) != 1 {
			t.Errorf("calls = %q, want no more when the first has failed", calls)
		}
	})

	t.Run("a deadline that has passed is one", func(t *testing.T) {
		t.Parallel()
		r := open(t)
		ctx, stop := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
		defer stop()
		_, err := r.Sweep(ctx)
		wantError(t, err, tokens.ErrUnavailable)
		r.journal.WantKinds(t, events.StoreFailure, events.StoreFailure)
	})
}

func TestSweepEvery(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := open(t)
		r.store.step(first(sessionBroom, func() error { return errDriver }), nil)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); r.SweepEvery(ctx, time.Hour) }()
		for turns := 1; turns <= 3; turns++ {
			synctest.Wait()
			if calls := r.store.take(); !slices.Equal(calls, []string{sessionBroom, keyBroom}) {
				t.Errorf("turn %d: calls = %q", turns, calls)
			}
			time.Sleep(time.Hour - time.Nanosecond)
			if calls := r.store.take(); len(calls) > 0 {
				t.Errorf("before turn %d: calls = %q", turns+1, calls)
			}
			time.Sleep(time.Nanosecond)
		}
		r.journal.WantKinds(t, events.StoreFailure)
		stop()
		<-ended
		r.SweepEvery(ctx, time.Hour) // returns
	})
}

// A host lets an Authority sweep every hour, for as long as it runs.
func ExampleAuthority_SweepEvery() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	authority := must(tokens.New(configured(users())))
	go authority.SweepEvery(ctx, time.Hour)

	// Or by the host's own clockwork.
	n, err := authority.Sweep(ctx)
	fmt.Println(n, err)
	// Output:
	// 0 <nil>
}
