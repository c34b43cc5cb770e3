package ratelimit_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
)

// outage are counters that fail while they are down.
type outage struct {
	ratelimit.Counters

	down atomic.Bool
}

var errDown = errors.New("the counters are down")

func (o *outage) Take(ctx context.Context, charges []ratelimit.Charge, dst []ratelimit.Status) (ratelimit.Decision, error) {
	if o.down.Load() {
		return ratelimit.Decision{}, errDown
	}
	return o.Counters.Take(ctx, charges, dst)
}

// An inner Limiter charges what it costs more than the outer one to the same counter.
// When a Limiter further in rejects the request, each counter gets back what it was
// charged, and no more.
func TestWhatNestedLimitersCharge(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		onFailure ratelimit.FailurePolicy
		down      bool
		served    int64 // what the request costs the shared counter if it is served
	}{
		"both charge the counter":                                       {ratelimit.FailClosed, false, 3},
		"the counters fail, and the inner one charges the local ones":   {ratelimit.FailLocal, true, 1},
		"the counters fail, and the inner one admits without a charge":  {ratelimit.FailOpen, true, 1},
		"the inner one would charge the local ones, but nothing fails":  {ratelimit.FailLocal, false, 3},
		"the inner one would admit without a charge, but nothing fails": {ratelimit.FailOpen, false, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			counters := &outage{Counters: ratelimit.Memory()}
			l, err := ratelimit.New(ratelimit.Config{
				ClientIP: clientip.RemoteAddr, Counters: counters, Nodes: 1, Events: func(context.Context, ratelimit.Event) {},
				Tiers: ratelimit.Tiers{ratelimit.Anonymous: {Limit: 100, Period: time.Hour}},
			})
			if err != nil {
				t.Fatal(err)
			}
			limits := func(c ratelimit.LimitConfig) func(http.Handler) http.Handler {
				inner, err := l.Limits(c)
				if err != nil {
					t.Fatal(err)
				}
				return inner.Limit
			}
			costly := limits(ratelimit.LimitConfig{OnCounterFailure: test.onFailure, Cost: func(*http.Request) int64 { return 3 }})
			never := limits(ratelimit.LimitConfig{WithoutTier: true, Rules: []ratelimit.Rule{{Name: "never", Limit: 0, Period: time.Hour}}})
			setDown := func(down bool, next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					counters.down.Store(down)
					next.ServeHTTP(w, r)
				})
			}
			request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
			ok := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
			try := func(h http.Handler, status int) {
				w := httptest.NewRecorder()
				l.Limit(setDown(test.down, costly(setDown(false, h)))).ServeHTTP(w, request)
				if w.Code != status {
					t.Errorf("status = %d %s, want %d", w.Code, w.Body, status)
				}
			}
			for range 5 { // otherwise a refund that is too large would find nothing more to give back
				l.Limit(ok).ServeHTTP(httptest.NewRecorder(), request)
			}
			try(never(ok), http.StatusTooManyRequests)
			if n := remaining(t, l, request); n != 95 {
				t.Errorf("%d remain after a rejected request, want 95", n)
			}
			try(ok, http.StatusOK)
			if n := remaining(t, l, request); n != 95-test.served {
				t.Errorf("%d remain after a request that was served, want %d", n, 95-test.served)
			}
		})
	}
}

// In the format of the next draft, RateLimit-Partition names the policies that count
// an authenticated caller by user: in a response, in Quota and in Inspect.
func TestPartition(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		caller ratelimit.Caller
		want   string
	}{
		"a user with an account": {ratelimit.Caller{User: "u", Account: "acme", Tier: "free"}, `"writes";user_id, "reads";user_id`},
		"a user without one":     {ratelimit.Caller{User: "u", Tier: "free"}, `"writes";user_id, "reads";user_id`},
		"an account, no user":    {ratelimit.Caller{Account: "acme", Tier: "free"}, ""},
		"an unknown caller":      {ratelimit.Caller{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hour := func(name string, by ratelimit.By) ratelimit.Rule {
				return ratelimit.Rule{Name: name, Limit: 10, Period: time.Hour, By: by}
			}
			l, err := ratelimit.New(ratelimit.Config{
				ClientIP: clientip.RemoteAddr, Headers: ratelimit.Headers{Draft: ratelimit.DraftNext},
				Identify: func(*http.Request) (ratelimit.Caller, error) { return test.caller, nil },
				Tiers:    ratelimit.Tiers{ratelimit.Anonymous: {Limit: 10, Period: time.Hour}, "free": {Limit: 10, Period: time.Hour}},
				Limit: ratelimit.LimitConfig{Rules: []ratelimit.Rule{
					hour("writes", ratelimit.ByUser()), hour("all", ratelimit.ByAccount()), hour("reads", ratelimit.ByUser()),
				}},
			})
			if err != nil {
				t.Fatal(err)
			}
			request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
			w := httptest.NewRecorder()
			l.Limit(http.NotFoundHandler()).ServeHTTP(w, request)
			quota := httptest.NewRecorder()
			l.Quota(quota, request)
			headers := map[string]http.Header{"a response": w.Header(), "Quota": quota.Header()}
			if test.caller.User != "" {
				q, err := l.Inspect(t.Context(), test.caller)
				if err != nil {
					t.Fatal(err)
				}
				headers["Inspect"] = http.Header{}
				q.SetHeader(headers["Inspect"])
			}
			for from, h := range headers {
				if got := h.Get("RateLimit-Partition"); got != test.want || len(h.Values("RateLimit-Partition")) > 1 || h.Get("RateLimit") == "" {
					t.Errorf("%s has the partitions %q, want %q: %v", from, got, test.want, h)
				}
			}
		})
	}
}

// The counters of FailLocal go by the clock of the Config.
func TestTheLocalCountersGoByTheClockOfTheConfig(t *testing.T) {
	t.Parallel()
	var clock hands
	counters := &outage{Counters: ratelimit.Memory()}
	counters.down.Store(true)
	l, err := ratelimit.New(ratelimit.Config{
		ClientIP: clientip.RemoteAddr, Counters: counters, Nodes: 1, OnCounterFailure: ratelimit.FailLocal, Now: clock.now,
		Events: func(context.Context, ratelimit.Event) {},
		Tiers:  ratelimit.Tiers{ratelimit.Anonymous: {Limit: 1, Period: time.Hour}},
	})
	if err != nil {
		t.Fatal(err)
	}
	call := func(want int) {
		t.Helper()
		w := httptest.NewRecorder()
		l.Limit(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody))
		if w.Code != want {
			t.Errorf("status = %d, want %d", w.Code, want)
		}
	}
	call(http.StatusOK)
	call(http.StatusTooManyRequests)
	clock.pass(time.Hour)
	call(http.StatusOK)
	call(http.StatusTooManyRequests)
}
