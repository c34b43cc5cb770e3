package ratelimit_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
)

func TestNoContext(t *testing.T) {
	t.Parallel()
	tier := ratelimit.Tier{Limit: 100, Period: time.Hour, Concurrent: 1}
	without := ratelimit.LimitConfig{NoContext: true}

	t.Run("the request itself is served, counted, and takes its place until it is answered", func(t *testing.T) {
		t.Parallel()
		l := openLimiter(t, tier)
		lean := limits(t, l, without)
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
		for range 2 {
			w := httptest.NewRecorder()
			lean.Limit(http.HandlerFunc(func(_ http.ResponseWriter, served *http.Request) {
				if served != r {
					t.Error("a copy is served")
				}
				if ratelimit.AddCost(served.Context(), ratelimit.Anonymous, 1) {
					t.Error("AddCost finds the request")
				}
				if _, err := lean.CheckLimit(r); err == nil {
					t.Error("a second request at once is admitted")
				}
			})).ServeHTTP(w, r)
			if w.Header().Get("X-RateLimit-Limit") != "100" {
				t.Errorf("headers = %v", w.Header())
			}
		}
		if n := remaining(t, l, r); n != 98 {
			t.Errorf("remaining = %d, want 98", n)
		}
	})

	t.Run("a Limiter in front is found all the same", func(t *testing.T) {
		t.Parallel()
		l := openLimiter(t, ratelimit.Tier{Limit: 100, Period: time.Hour})
		lean := limits(t, l, without)
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
		l.Limit(lean.Limit(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if !ratelimit.AddCost(r.Context(), ratelimit.Anonymous, 1) {
				t.Error("AddCost does not find the request")
			}
		}))).ServeHTTP(httptest.NewRecorder(), r)
		if n := remaining(t, l, r); n != 98 {
			t.Errorf("remaining = %d, want 98: one request, and a cost of 1", n)
		}
	})

	t.Run("a Reconfigure switches it", func(t *testing.T) {
		t.Parallel()
		l := openLimiter(t, tier)
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
		for _, bare := range []bool{true, false} {
			if err := l.Reconfigure(t.Context(), ratelimit.Settings{Limit: &ratelimit.LimitConfig{NoContext: bare}}); err != nil {
				t.Fatal(err)
			}
			l.Limit(http.HandlerFunc(func(_ http.ResponseWriter, served *http.Request) {
				if (served == r) != bare {
					t.Errorf("NoContext is %v, and the request itself is served: %v", bare, served == r)
				}
			})).ServeHTTP(httptest.NewRecorder(), r)
		}
	})
}

// limits returns a Limiter of the same New.
func limits(t *testing.T, l *ratelimit.Limiter, c ratelimit.LimitConfig) *ratelimit.Limiter {
	t.Helper()
	other, err := l.Limits(c)
	if err != nil {
		t.Fatal(err)
	}
	return other
}

// What a request costs that is served as it is: the Pass with the lists of its headers,
// and their text.
func TestNoContextIsTwoSmallAllocations(t *testing.T) { //nolint:paralleltest // others would be counted too
	l := limits(t, openLimiter(t, ratelimit.Tier{Limit: 1 << 40, Period: time.Hour}), ratelimit.LimitConfig{NoContext: true})
	h := l.Limit(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
	w := httptest.NewRecorder()
	const runs = 1000
	if n := testing.AllocsPerRun(runs, func() { h.ServeHTTP(w, r) }); n > 2 && !raced {
		t.Errorf("%v allocations, want 2", n)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range runs {
		h.ServeHTTP(w, r)
	}
	runtime.ReadMemStats(&after)
	if n := (after.TotalAlloc - before.TotalAlloc) / runs; n > 200 && !raced {
		t.Errorf("%d bytes, want 200 or fewer", n)
	}
}

// A request is counted at the time when the host's functions have returned, by the
// counters and in its headers.
func TestARequestIsCountedWhenItsCallerIsKnown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		slow := 1500 * time.Millisecond
		l, err := ratelimit.New(ratelimit.Config{
			Tiers:    ratelimit.Tiers{ratelimit.Anonymous: {Limit: 1, Period: 2 * time.Second}},
			ClientIP: clientip.RemoteAddr,
			Identify: func(*http.Request) (ratelimit.Caller, error) {
				time.Sleep(slow)
				return ratelimit.Caller{}, nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		ok := l.Limit(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		began := time.Now()
		for at, test := range []struct {
			pause time.Duration
			code  int
			ends  time.Duration // of the window
		}{
			{0, http.StatusOK, 3500 * time.Millisecond},
			{0, http.StatusTooManyRequests, 3500 * time.Millisecond},                      // at 3 s
			{0, http.StatusOK, 6500 * time.Millisecond},                                   // at 4.5 s
			{499 * time.Millisecond, http.StatusTooManyRequests, 6500 * time.Millisecond}, // at 6.499 s
		} {
			time.Sleep(test.pause)
			w := httptest.NewRecorder()
			ok.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody))
			reset := strconv.FormatInt(began.Add(test.ends+time.Second-1).Unix(), 10)
			if w.Code != test.code || w.Header().Get("X-RateLimit-Reset") != reset {
				t.Errorf("request %d after %v: %d, reset %s, want %d, %s", at, time.Since(began), w.Code, w.Header().Get("X-RateLimit-Reset"), test.code, reset)
			}
		}
	})
}

// The Source of a hashed counter is the one that other counters get by name.
func TestHashedSourcesAreThoseByName(t *testing.T) {
	t.Parallel()
	for _, network := range []string{
		"192.0.2.255/32", "192.0.2.128/25", "192.0.2.0/24", "192.0.2.0/23", "128.0.0.0/1",
		"2001:db8:1:2::/64", "2001:db8:1:ffff:ffff:ffff:ffff:ffff/128", "2001:db8:1:8000::/49", "2001:db8:1::/48", "2001:db8::/32", "8000::/1",
	} {
		if net := netip.MustParsePrefix(network); !ratelimit.HashesItsSource(net) {
			t.Errorf("%s has another source", network)
		}
	}
}
