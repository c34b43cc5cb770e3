package adapter_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/sallyport-go/sallyport/internal/adaptertest"
)

func TestFaultA3ARequestThatReachesLimitIsCounted(t *testing.T) {
	t.Parallel()
	both(t, v4.testPreflight, v5.testPreflight)
}

func (v version[C, H, M]) testPreflight(t *testing.T) {
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND"} {
		for name, headers := range map[string][]string{
			"with the headers of a preflight":    {"Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers"},
			"without the headers of a preflight": nil,
		} {
			t.Run(method+" over a spent limit, 2000 times, "+name+", reaches no handler", func(t *testing.T) {
				t.Parallel()
				h := adaptertest.Open(t)
				adaptertest.Login(t, h)
				app := v.newApp()
				times := 2000
				if raced {
					times /= 10 // by one goroutine: the tests without the race detector send all
				}
				reached := 0
				handle := v.wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached++ }))
				auth := v.newAuth(h.Auth)
				app.any("/account", handle, auth.Protect)
				app.any("/address", handle, auth.Limit)
				for path, limit := range map[string]int{"/account": 4, "/address": 2} {
					r := httptest.NewRequestWithContext(t.Context(), method, path, http.NoBody)
					for _, name := range headers {
						r.Header.Set(name, "https://shop.example")
					}
					if path == "/account" {
						r.Header.Set("Authorization", "Bearer "+h.Words["access"])
					}
					for i := range limit + times {
						w := httptest.NewRecorder()
						app.ServeHTTP(w, r)
						if over := i >= limit; over != (w.Code == http.StatusTooManyRequests) {
							t.Fatalf("%s: request %d got %d", path, i+1, w.Code)
						}
					}
					if reached != limit {
						t.Errorf("%s: %d requests reached the handler, want %d", path, reached, limit)
					}
					reached = 0
				}
			})
		}
	}
}
