package echov4_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/sallyport-go/sallyport/middleware/echov4"
)

func TestFaultA3ARequestThatReachesLimitIsCounted(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND"} {
		for name, headers := range map[string][]string{
			"with the headers of a preflight":    {"Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers"},
			"without the headers of a preflight": nil,
		} {
			t.Run(method+" over a spent limit, 2000 times, "+name+", reaches no handler", func(t *testing.T) {
				t.Parallel()
				h := open(t)
				login(t, h)
				e := echo.New()
				reached := 0
				handle := func(c echo.Context) error { reached++; return c.NoContent(http.StatusOK) }
				auth := echov4.New(h.auth)
				e.Match([]string{method}, "/account", handle, auth.Protect)
				e.Match([]string{method}, "/address", handle, auth.Limit)
				for path, limit := range map[string]int{"/account": 4, "/address": 2} {
					for i := range limit + 2000 {
						r := httptest.NewRequestWithContext(t.Context(), method, path, http.NoBody)
						for _, name := range headers {
							r.Header.Set(name, "https://shop.example")
						}
						if path == "/account" {
							r.Header.Set("Authorization", "Bearer "+h.words["access"])
						}
						w := httptest.NewRecorder()
						e.ServeHTTP(w, r)
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
