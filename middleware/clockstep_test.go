package middleware_test

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/middleware/ratelimit"
)

// The clock of a node is set, forward or back, while an address is locked out: no time
// has passed, so the lockout neither ends nor gets longer, and who logs in from a known
// address still does.
func TestFaultC15ClockStepsAndBruteForceProtection(t *testing.T) {
	t.Parallel()
	for _, step := range []time.Duration{-48 * time.Hour, -time.Hour, -time.Minute, -time.Second, time.Second, time.Minute, time.Hour, 48 * time.Hour} {
		t.Run(step.String(), func(t *testing.T) {
			t.Parallel()
			clock := &movedClock{now: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)}
			d := open(t, withClock(clock), func(c *config) {
				c.auth.Counters = ratelimit.Memory() // by the monotonic clock, as without Config.Now: it does not step
			})
			wantStatus(t, d.try(t, "alice", password, home), http.StatusOK)
			const elsewhere = "198.51.100.9"
			checked := d.fail(t, "bob", elsewhere)
			wait := func() int {
				w := d.try(t, "bob", password, elsewhere)
				seconds, err := strconv.Atoi(w.Header().Get("Retry-After"))
				if w.Code != http.StatusTooManyRequests || err != nil {
					t.Errorf("bob, who is locked out there: %d, Retry-After %q", w.Code, w.Header().Get("Retry-After"))
				}
				return seconds
			}
			before := wait()
			clock.move(step)
			if after := wait(); after < before-30 || after > before {
				t.Errorf("after %d attempts bob had to wait %d s, and %d s after the step", checked, before, after)
			}
			wantStatus(t, d.try(t, "alice", password, home), http.StatusOK)
			wantStatus(t, d.try(t, "carol", "wrong", home), http.StatusBadRequest)
		})
	}
}

// The counters that an Auth makes for itself go by its clock.
func TestTheDefaultCountersGoByTheClockOfTheConfig(t *testing.T) {
	t.Parallel()
	clock := &stoppedClock{}
	clock.pass(24 * time.Hour)
	d := open(t, func(c *config) {
		c.tokens.Events = nil
		c.auth.Now = clock.now
		c.auth.Tiers = ratelimit.Tiers{"anonymous": {Limit: 1, Period: time.Hour}}
	})
	call := func(want int) {
		t.Helper()
		w := httptest.NewRecorder()
		d.Limit(handler).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody))
		wantStatus(t, w, want)
	}
	call(http.StatusOK)
	call(http.StatusTooManyRequests)
	clock.pass(time.Hour)
	call(http.StatusOK)
	call(http.StatusTooManyRequests)
}
