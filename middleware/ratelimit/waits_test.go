package ratelimit_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
)

// spendAll sends requests until one is rejected, and returns the rejection.
func spendAll(t *testing.T, l *ratelimit.Limiter, limit int) *ratelimit.Error {
	t.Helper()
	for range limit + 1 {
		_, err := l.CheckLimit(httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody))
		if refused, ok := errors.AsType[*ratelimit.Error](err); ok {
			return refused
		}
	}
	t.Fatalf("%d requests are admitted", limit+1)
	return nil
}

func limiterOf(t *testing.T, tier ratelimit.Tier, now, ofCounters func() time.Time) *ratelimit.Limiter {
	t.Helper()
	memory, err := ratelimit.NewMemory(ratelimit.MemoryConfig{Now: ofCounters, MaxCounters: 1024})
	if err != nil {
		t.Fatal(err)
	}
	l, err := ratelimit.New(ratelimit.Config{
		Tiers: ratelimit.Tiers{ratelimit.Anonymous: tier}, ClientIP: clientip.RemoteAddr, Now: now,
		Counters: memory,
	})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// Clients sleep for Retry-After, whatever it is. The table of the algorithms says how
// long that is for a client that has spent 500 requests an hour at once.
func TestFaultC10HowLongAClientWaitsThatHasSpentItsLimit(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 4, 5, 0, 0, 0, time.UTC)
	now := func() time.Time { return at }
	for name, x := range map[string]struct {
		algorithm ratelimit.Algorithm
		most      time.Duration
		least     time.Duration
	}{
		"a fixed window makes it wait for its end": {ratelimit.FixedWindow, time.Hour, time.Hour},
		"GCRA gives a request back after 7.2 s":    {ratelimit.GCRA, 8 * time.Second, time.Second},
		"a rolling window until an hour is over":   {ratelimit.Rolling, 65 * time.Minute, time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := limiterOf(t, ratelimit.Tier{Limit: 500, Period: time.Hour, Algorithm: x.algorithm}, now, now)
			if got := spendAll(t, l, 500).RetryAfter; got < x.least || got > x.most {
				t.Errorf("Retry-After = %v, want %v to %v", got, x.least, x.most)
			}
		})
	}
}

// The counters in memory have a monotonic clock, so a step of the machine's clock, which
// is that of the Limiter, neither locks a caller out for longer than a period nor gives
// the limit again.
func TestFaultC15AClockThatIsSetBack(t *testing.T) {
	t.Parallel()
	for name, algorithm := range map[string]ratelimit.Algorithm{
		"fixed window": ratelimit.FixedWindow, "GCRA": ratelimit.GCRA, "rolling": ratelimit.Rolling,
	} {
		for _, step := range []time.Duration{-time.Second, -time.Minute, -2 * time.Hour, -48 * time.Hour, 48 * time.Hour} {
			t.Run(name+", "+step.String(), func(t *testing.T) {
				t.Parallel()
				at, stepped := time.Date(2026, 3, 4, 5, 0, 0, 0, time.UTC), time.Duration(0)
				l := limiterOf(t, ratelimit.Tier{Limit: 5, Period: time.Minute, Algorithm: algorithm}, func() time.Time { return at.Add(stepped) }, func() time.Time { return at })
				_ = spendAll(t, l, 5)
				stepped = step
				admitted := 0
				for range 20 {
					if _, err := l.CheckLimit(httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)); err == nil {
						admitted++
					}
				}
				if admitted > 0 {
					t.Errorf("%d are admitted after the step, want none: no time has passed", admitted)
				}
				refused := spendAll(t, l, 20)
				if refused.RetryAfter > 66*time.Second {
					t.Errorf("Retry-After = %v after the step, want at most a period", refused.RetryAfter)
				}
				at = at.Add(66 * time.Second)
				if _, err := l.CheckLimit(httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)); err != nil {
					t.Errorf("a period later: %v", err)
				}
			})
		}
	}
}
