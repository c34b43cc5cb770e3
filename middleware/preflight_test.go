package middleware_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/middleware/ratelimit"
)

// methods are those of HTTP, and one that no handler knows.
var methods = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
	http.MethodDelete, http.MethodOptions, http.MethodTrace, http.MethodConnect, "PROPFIND",
}

func TestFaultA3ARequestThatReachesLimitIsCounted(t *testing.T) {
	t.Parallel()
	preflight := http.Header{
		"Origin":                         {"https://shop.example"},
		"Access-Control-Request-Method":  {"PUT"},
		"Access-Control-Request-Headers": {"authorization"},
		"Sec-Fetch-Mode":                 {"cors"},
	}
	for name, headers := range map[string]http.Header{
		"with the headers of a preflight":    preflight,
		"without the headers of a preflight": {},
	} {
		for _, method := range methods {
			t.Run(method+" over a spent limit, 2000 times, "+name+", reaches no handler", func(t *testing.T) {
				t.Parallel()
				d := open(t, func(c *config) {
					c.auth.Tiers = ratelimit.Tiers{"free": {Limit: 1, Period: time.Hour}, "anonymous": {Limit: 1, Period: time.Hour}}
				})
				pair := d.login(t, alice)
				times := 2000
				if raced {
					times /= 10 // by one goroutine: the tests without the race detector send all
				}
				var reached atomic.Int64
				h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { reached.Add(1); w.WriteHeader(http.StatusOK) })
				mux := http.NewServeMux()
				mux.Handle("/account", d.Protect(h))
				mux.Handle("/address", d.Limit(h))
				for _, path := range []string{"/account", "/address"} {
					ask := func() int {
						r := httptest.NewRequestWithContext(t.Context(), method, path, http.NoBody)
						maps.Copy(r.Header, headers)
						if path == "/account" {
							r.Header.Set("Authorization", "Bearer "+string(pair.AccessToken))
						}
						w := httptest.NewRecorder()
						mux.ServeHTTP(w, r)
						return w.Code
					}
					if code := ask(); code != http.StatusOK || reached.Swap(0) != 1 {
						t.Fatalf("%s: the first request got %d and reached %d handlers", path, code, reached.Load())
					}
					for range times {
						if code := ask(); code != http.StatusTooManyRequests {
							t.Fatalf("%s: %d over the limit", path, code)
						}
					}
					if n := reached.Load(); n != 0 {
						t.Errorf("%s: %d requests over the limit reached the handler", path, n)
					}
				}
			})
		}
	}
}
