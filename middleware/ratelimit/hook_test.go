package ratelimit_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
)

// lateFailing are counters that fail once a request has been admitted.
type lateFailing struct{ ratelimit.Counters }

var errLate = errors.New("no connection")

func (c lateFailing) Take(ctx context.Context, charges []ratelimit.Charge, dst []ratelimit.Status) (ratelimit.Decision, error) {
	if charges[0].Done {
		return ratelimit.Decision{}, errLate
	}
	return c.Counters.Take(ctx, charges, dst)
}

// A hook that is called with a lock held would wait for itself: these tests would never
// end.
func TestEventsMayCallTheLimiter(t *testing.T) {
	t.Parallel()
	tiers := func(limit int64) ratelimit.Tiers {
		return ratelimit.Tiers{ratelimit.Anonymous: {Limit: limit, Period: time.Hour}}
	}
	t.Run("AddCost, when what AddCost has added cannot be charged", func(t *testing.T) {
		t.Parallel()
		var told int
		l, err := ratelimit.New(ratelimit.Config{
			Tiers: tiers(100), ClientIP: clientip.RemoteAddr, Counters: lateFailing{ratelimit.Memory()},
			Events: func(ctx context.Context, e ratelimit.Event) {
				told++
				if e.Kind != ratelimit.EventCounterFailure || !errors.Is(e.Err, errLate) {
					t.Errorf("event = %+v", e)
				}
				if ratelimit.AddCost(ctx, ratelimit.Anonymous, 1) {
					t.Error("an answered request takes cost")
				}
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		handler := l.Limit(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { ratelimit.AddCost(r.Context(), ratelimit.Anonymous, 5) }))
		for range 3 {
			send(t, handler)
		}
		if told != 3 {
			t.Errorf("%d events, want 3", told)
		}
	})
	t.Run("Reconfigure, when Reconfigure has changed something", func(t *testing.T) {
		t.Parallel()
		var l *ratelimit.Limiter
		var changed []string
		l, err := ratelimit.New(ratelimit.Config{
			Tiers: tiers(100), ClientIP: clientip.RemoteAddr,
			Events: func(ctx context.Context, e ratelimit.Event) {
				changed = append(changed, e.Changed)
				if err := l.Reconfigure(ctx, ratelimit.Settings{Tiers: tiers(10)}); err != nil {
					t.Error(err)
				}
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Reconfigure(t.Context(), ratelimit.Settings{Tiers: tiers(50)}); err != nil {
			t.Fatal(err)
		}
		if len(changed) != 2 { // to 50, and to 10; then nothing changes
			t.Errorf("changed = %q", changed)
		}
		if w := send(t, l.Limit(nothing)); w.Header().Get("X-RateLimit-Limit") != "10" {
			t.Errorf("header = %v", w.Header())
		}
	})
}
