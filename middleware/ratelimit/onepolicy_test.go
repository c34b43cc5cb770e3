package ratelimit_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
)

// TestHeadersOfOnePolicyAreThoseOfItsQuota compares the headers that are prepared for
// requests under one policy with the Quota of the same request.
func TestHeadersOfOnePolicyAreThoseOfItsQuota(t *testing.T) {
	t.Parallel()
	began := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	for _, algorithm := range []ratelimit.Algorithm{ratelimit.FixedWindow, ratelimit.GCRA, ratelimit.Rolling} {
		now := began
		clock := func() time.Time { return now }
		l, err := ratelimit.New(ratelimit.Config{
			Tiers:    ratelimit.Tiers{ratelimit.Anonymous: {Limit: 12, Period: 7 * time.Second, Algorithm: algorithm}},
			ClientIP: clientip.RemoteAddr, Now: clock, Counters: must(ratelimit.NewMemory(ratelimit.MemoryConfig{Now: clock})),
		})
		if err != nil {
			t.Fatal(err)
		}
		for range 40 {
			pass, err := l.CheckLimit(httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody))
			var q ratelimit.Quota
			got := http.Header{}
			if refused, ok := errors.AsType[*ratelimit.Error](err); ok {
				q = *refused.Quota
				q.SetHeader(got)
			} else {
				q = pass.Quota()
				pass.SetHeader(got)
				pass.Done()
			}
			u := q.Usage[0]
			wait := u.ResetAfter
			if u.Violated {
				wait = u.RetryAfter
			}
			want := http.Header{
				"Ratelimit-Policy":      {`"anonymous";q=12;w=7`},
				"Ratelimit":             {fmt.Sprintf(`"anonymous";r=%d;t=%d`, u.Remaining, int64(math.Ceil(wait.Seconds())))},
				"X-Ratelimit-Limit":     {"12"},
				"X-Ratelimit-Remaining": {strconv.FormatInt(u.Remaining, 10)},
				"X-Ratelimit-Reset":     {strconv.FormatInt(q.At.Add(u.ResetAfter+time.Second-1).Unix(), 10)},
			}
			if !maps.EqualFunc(got, want, slices.Equal) {
				t.Errorf("algorithm %v, after %v:\n%v, want\n%v", algorithm, now.Sub(began), got, want)
			}
			now = now.Add(123_456_789 * time.Nanosecond)
		}
	}
}

// TestTheClockOfALimiterIsRight compares the time of a Quota with that of the system.
func TestTheClockOfALimiterIsRight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, err := ratelimit.New(ratelimit.Config{
			Tiers:    ratelimit.Tiers{ratelimit.Anonymous: {Limit: 100, Period: time.Hour}},
			ClientIP: clientip.RemoteAddr, Counters: ratelimit.Memory(),
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, pause := range []time.Duration{0, time.Millisecond, 998 * time.Millisecond, time.Millisecond, time.Hour, 1} {
			time.Sleep(pause)
			q, err := l.CheckQuota(httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody))
			if now := time.Now(); err != nil || !q.At.Equal(now) {
				t.Errorf("after another %v it is %v, want %v (%v)", pause, q.At, now, err)
			}
		}
	})
}

// A request that is admitted under one policy sends no quota that would be untrue.
func TestOnePolicyWithoutHeaders(t *testing.T) {
	t.Parallel()
	down := &outage{Counters: ratelimit.Memory()}
	down.down.Store(true)
	for name, test := range map[string]struct {
		tier      ratelimit.Tier
		counters  ratelimit.Counters
		onFailure ratelimit.FailurePolicy
	}{
		"in shadow mode":                           {tier: ratelimit.Tier{Limit: 5, Period: time.Hour, Shadow: true}},
		"in shadow mode, over the limit":           {tier: ratelimit.Tier{Limit: 0, Period: time.Hour, Shadow: true}},
		"uncounted, because the counters fail":     {ratelimit.Tier{Limit: 5, Period: time.Hour}, down, ratelimit.FailOpen},
		"counted by this node, as counters fail":   {ratelimit.Tier{Limit: 5, Period: time.Hour}, down, ratelimit.FailLocal},
		"over the limit of a route that is exempt": {tier: ratelimit.Tier{Limit: 0, Period: time.Hour}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := ratelimit.Config{
				Tiers: ratelimit.Tiers{ratelimit.Anonymous: test.tier}, ClientIP: clientip.RemoteAddr,
				Counters: test.counters, OnCounterFailure: test.onFailure, Nodes: 1, Events: func(context.Context, ratelimit.Event) {},
			}
			if name == "over the limit of a route that is exempt" {
				c.Limit.Cost = func(*http.Request) int64 { return 0 }
			}
			w := httptest.NewRecorder()
			must(ratelimit.New(c)).Limit(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).
				ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody))
			if w.Code != http.StatusOK || len(w.Header()) > 0 {
				t.Errorf("status = %d, headers = %v, want 200 and none", w.Code, w.Header())
			}
		})
	}
}
