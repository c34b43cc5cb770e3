package ratelimit_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
)

// TestHeadersOfOnePolicyAreThoseOfItsQuota compares the headers that Limit writes, which
// are prepared for requests under one policy, with those of the Quota of the same request.
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
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
			pass, err := l.CheckLimit(r)
			if err != nil {
				now = now.Add(time.Second)
				continue
			}
			got, want := http.Header{}, http.Header{}
			pass.SetHeader(got)
			pass.Quota().SetHeader(want)
			if len(got) != 5 || !maps.EqualFunc(got, want, slices.Equal) {
				t.Errorf("algorithm %v, after %v:\n%v, want\n%v", algorithm, now.Sub(began), got, want)
			}
			pass.Done()
			now = now.Add(123_456_789 * time.Nanosecond)
		}
	}
}
