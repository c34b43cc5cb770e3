package ratelimit_test

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
)

// openLimiter returns a Limiter with one tier, for callers without a token.
func openLimiter(t *testing.T, tier ratelimit.Tier) *ratelimit.Limiter {
	t.Helper()
	l, err := ratelimit.New(ratelimit.Config{Tiers: ratelimit.Tiers{ratelimit.Anonymous: tier}, ClientIP: clientip.RemoteAddr})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// remaining is what the next request finds left.
func remaining(t *testing.T, l *ratelimit.Limiter, r *http.Request) int64 {
	t.Helper()
	q, err := l.CheckQuota(r)
	if err != nil {
		t.Fatal(err)
	}
	return q.Usage[0].Remaining
}

func TestAnAnsweredRequest(t *testing.T) {
	t.Parallel()

	t.Run("its context adds no cost, to itself or to the request that comes next", func(t *testing.T) {
		t.Parallel()
		l := openLimiter(t, ratelimit.Tier{Limit: 100, Period: time.Hour})
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
		var answered *http.Request
		l.Limit(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { answered = r })).ServeHTTP(httptest.NewRecorder(), r)
		for range 3 { // one of them has the memory of the first
			l.Limit(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
				if ratelimit.AddCost(answered.Context(), ratelimit.Anonymous, 10) {
					t.Error("the context of an answered request adds cost")
				}
			})).ServeHTTP(httptest.NewRecorder(), r)
		}
		if n := remaining(t, l, r); n != 96 {
			t.Errorf("remaining = %d, want 96", n)
		}
	})

	t.Run("a request with its context is counted", func(t *testing.T) {
		t.Parallel()
		l := openLimiter(t, ratelimit.Tier{Limit: 100, Period: time.Hour})
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
		var answered *http.Request
		handler := l.Limit(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { answered = r }))
		handler.ServeHTTP(httptest.NewRecorder(), r)
		handler.ServeHTTP(httptest.NewRecorder(), answered)
		if n := remaining(t, l, r); n != 98 {
			t.Errorf("remaining = %d, want 98", n)
		}
	})

	t.Run("a Limiter further in that comes late counts on its own", func(t *testing.T) {
		t.Parallel()
		l := openLimiter(t, ratelimit.Tier{Limit: 100, Period: time.Hour})
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
		var late *ratelimit.Pass
		var lateErr error
		answered, ended := make(chan struct{}), make(chan struct{})
		l.Limit(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { // as in an http.TimeoutHandler
			inner, err := l.CheckLimit(r)
			if err != nil {
				t.Error(err)
				close(ended)
				return
			}
			go func() {
				defer close(ended)
				<-answered
				h := http.Header{}
				inner.SetHeader(h)
				if len(h) > 0 || len(inner.Quota().Usage) > 0 {
					t.Errorf("a request that was answered has the headers %v", h)
				}
				inner.Done()
				late, lateErr = l.CheckLimit(r)
			}()
		})).ServeHTTP(httptest.NewRecorder(), r)
		close(answered)
		<-ended
		if lateErr != nil || late == nil {
			t.Fatal(lateErr)
		}
		late.Done()
		if late.Quota().Usage[0].Remaining != 98 || remaining(t, l, r) != 98 {
			t.Errorf("remaining = %d and %d, want 98", late.Quota().Usage[0].Remaining, remaining(t, l, r))
		}
	})

	t.Run("a request with its context is counted after Done, too", func(t *testing.T) {
		t.Parallel()
		l := openLimiter(t, ratelimit.Tier{Limit: 100, Period: time.Hour})
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
		for range 2 {
			p, err := l.CheckLimit(r)
			if err != nil {
				t.Fatal(err)
			}
			p.Done()
			r = p.Request()
		}
		if n := remaining(t, l, r); n != 98 {
			t.Errorf("remaining = %d, want 98", n)
		}
	})

	t.Run("a Pass that was released knows nothing of the next request", func(t *testing.T) {
		t.Parallel()
		l := openLimiter(t, ratelimit.Tier{Limit: 100, Period: time.Hour, Concurrent: 10})
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
		released, err := l.CheckLimit(r)
		if err != nil {
			t.Fatal(err)
		}
		released.Release()
		next, err := l.CheckLimit(r)
		if err != nil {
			t.Fatal(err)
		}
		h := http.Header{}
		released.Release()
		released.Done()
		released.SetHeader(h)
		if released.Request() != nil || len(released.Quota().Usage) > 0 || len(h) > 0 {
			t.Errorf("request = %v, quota = %v, header = %v, want none", released.Request(), released.Quota(), h)
		}
		q, err := l.CheckQuota(r)
		if err != nil {
			t.Fatal(err)
		}
		if places := q.Usage[1].Remaining; places != 9 {
			t.Errorf("%d places are free while a request is answered, want 9", places)
		}
		next.Release()
	})

	t.Run("its headers stay as they are while others are answered", func(t *testing.T) {
		t.Parallel()
		l := openLimiter(t, ratelimit.Tier{Limit: 100, Period: time.Hour})
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
		handler := l.Limit(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		first := httptest.NewRecorder()
		handler.ServeHTTP(first, r)
		for range 10 {
			handler.ServeHTTP(httptest.NewRecorder(), r)
		}
		if got := first.Header().Get("X-RateLimit-Remaining"); got != "99" {
			t.Errorf("X-RateLimit-Remaining = %q, want 99", got)
		}
	})

	t.Run("places in flight, costs and refusals of many requests at once do not mix", func(t *testing.T) {
		t.Parallel()
		l := openLimiter(t, ratelimit.Tier{Limit: 1000, Period: time.Hour, Concurrent: 3})
		handler := l.Limit(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if !ratelimit.AddCost(r.Context(), ratelimit.Anonymous, 1) {
				t.Error("AddCost does not know the request")
			}
		}))
		var wg sync.WaitGroup
		var mu sync.Mutex
		admitted := int64(0)
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
		for range 16 {
			wg.Go(func() {
				for range 20 {
					w := httptest.NewRecorder()
					handler.ServeHTTP(w, r.Clone(t.Context()))
					if w.Code == http.StatusOK {
						mu.Lock()
						admitted++
						mu.Unlock()
					}
				}
			})
		}
		wg.Wait()
		q, err := l.CheckQuota(r)
		if err != nil {
			t.Fatal(err)
		}
		if left := q.Usage[0].Remaining; left != 1000-2*admitted {
			t.Errorf("%d were admitted at a cost of 2, and %d of 1000 are left", admitted, left)
		}
		if places := q.Usage[1].Remaining; places != 3 {
			t.Errorf("%d places are free, want all 3", places)
		}
	})
}
