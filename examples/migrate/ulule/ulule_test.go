package ulule_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/examples/migrate/ulule"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
)

// call is a request: its line, such as "GET /search", the address and the customer.
type call struct{ line, from, customer string }

const (
	home   = "203.0.113.9:4711"
	office = "[2001:db8::1]:4711"
)

// traffic has each limit reached, by several callers.
var traffic = slices.Concat(
	slices.Repeat([]call{{"GET /search", home, ""}}, 8),
	slices.Repeat([]call{{"GET /search", office, "acme"}}, 12),
	slices.Repeat([]call{{"GET /search", home, "bolt"}}, 4), // of the same address
	slices.Repeat([]call{{"POST /report", home, "acme"}}, 2),
	slices.Repeat([]call{{"POST /report", office, "acme"}}, 2), // of the same customer
	slices.Repeat([]call{{"POST /report", home, "bolt"}}, 1),
	slices.Repeat([]call{{"GET /health", home, ""}}, 12),
	[]call{{"POST /report", home, ""}},
)

func (c call) to(t *testing.T, server http.Handler) *httptest.ResponseRecorder {
	t.Helper()
	method, path, _ := strings.Cut(c.line, " ")
	r := httptest.NewRequestWithContext(t.Context(), method, path, http.NoBody)
	r.RemoteAddr = c.from
	if c.customer != "" {
		r.Header.Set("Api-Token", "token of "+c.customer)
	}
	r.Header.Set("X-Forwarded-For", "198.51.100.77") // what a client may write
	w := httptest.NewRecorder()
	server.ServeHTTP(w, r)
	return w
}

func after(t *testing.T) http.Handler {
	t.Helper()
	h, err := ulule.After()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// Each request has the answer that it had: the status, the body, what is left and when
// it begins anew, now and in the next window.
func TestEachAnswerIsAsBefore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		old, current := ulule.Before(), after(t)
		for window := range 2 {
			rejected := 0
			for i, c := range traffic {
				want, got := c.to(t, old), c.to(t, current)
				if got.Code != want.Code || got.Body.String() != want.Body.String() {
					t.Errorf("window %d, request %d, %+v: %d %q, want %d %q", window, i, c, got.Code, got.Body, want.Code, want.Body)
				}
				for _, name := range []string{"X-RateLimit-Limit", "X-RateLimit-Remaining"} {
					if got.Header().Get(name) != want.Header().Get(name) {
						t.Errorf("window %d, request %d, %+v: %s: %q, want %q", window, i, c, name, got.Header().Get(name), want.Header().Get(name))
					}
				}
				if a, b := seconds(t, got), seconds(t, want); a < b || a > b+1 { // ulule rounds down
					t.Errorf("window %d, request %d, %+v: X-RateLimit-Reset: %d, want %d", window, i, c, a, b)
				}
				if got.Code == http.StatusTooManyRequests {
					rejected++
					if got.Header().Get("Retry-After") == "" {
						t.Errorf("request %d has no Retry-After", i)
					}
				}
			}
			if rejected != 2+2+1 {
				t.Errorf("window %d: %d requests were rejected", window, rejected)
			}
			time.Sleep(time.Hour + 1) // ulule/limiter counts the last nanosecond as part of the window
		}
	})
}

func seconds(t *testing.T, w *httptest.ResponseRecorder) int {
	t.Helper()
	text := w.Header().Get("X-RateLimit-Reset")
	if text == "" {
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// In shadow mode the answers are those of ulule/limiter, header by header, and as the
// limits are the same there is nothing that package ratelimit would have rejected.
func TestTheShadowChangesNoAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var seen []ratelimit.Event
		both, err := ulule.Between(func(_ context.Context, e ratelimit.Event) { seen = append(seen, e) })
		if err != nil {
			t.Fatal(err)
		}
		old := ulule.Before()
		for i, c := range traffic {
			want, got := c.to(t, old), c.to(t, both)
			if got.Code != want.Code || got.Body.String() != want.Body.String() || len(got.Header()) != len(want.Header()) {
				t.Errorf("request %d, %+v: %d %q %v, want %d %q %v", i, c, got.Code, got.Body, got.Header(), want.Code, want.Body, want.Header())
			}
		}
		if len(seen) > 0 {
			t.Errorf("the shadow reports %+v", seen)
		}
	})
}
