package echov4_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/sallyport-go/sallyport/middleware/authtest"
	"github.com/sallyport-go/sallyport/middleware/echov4"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
)

// discarded is a response that is thrown away.
type discarded struct {
	header http.Header
	status int
}

func (d *discarded) Header() http.Header         { return d.header }
func (d *discarded) WriteHeader(status int)      { d.status = status }
func (d *discarded) Write(b []byte) (int, error) { return len(b), nil }

// limiting returns the same limit on an Echo app and on net/http.
func limiting(t testing.TB, limit int64) (onEcho, onHTTP http.Handler) {
	t.Helper()
	f := authtest.New(t, func(c *authtest.Config) {
		c.Auth.Tiers = ratelimit.Tiers{ratelimit.Anonymous: {Limit: limit, Period: time.Hour}}
		c.Auth.Counters = ratelimit.Memory() // what a host has: those of a Fixture are wrapped
	})
	e := echo.New()
	e.GET("/", func(echo.Context) error { return nil }, echov4.New(f.Auth).Limit)
	return e, f.Auth.Limit(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
}

// F36: what a limit costs an Echo app beside net/http. The rest is Echo's: it makes two
// functions of a route's middleware with each request, and a refusal is an error for its
// error handler, which encodes it.
func TestF36ALimitOnEchoCostsLittleMoreThanOnHTTP(t *testing.T) { //nolint:paralleltest // others would be counted too
	for _, test := range []struct {
		name  string
		limit int64
		more  float64
	}{
		{"admitted", 1 << 30, 2},
		{"refused", 0, 6},
	} {
		onEcho, onHTTP := limiting(t, test.limit)
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
		cost := func(h http.Handler) float64 {
			w := &discarded{header: http.Header{}}
			return testing.AllocsPerRun(1000, func() {
				clear(w.header)
				h.ServeHTTP(w, r)
			})
		}
		plain, echos := cost(onHTTP), cost(onEcho)
		t.Logf("%s: %v allocations on net/http, %v on Echo", test.name, plain, echos)
		if echos > plain+test.more && !raced {
			t.Errorf("%s: %v allocations on Echo and %v on net/http, want at most %v more", test.name, echos, plain, test.more)
		}
	}
}

// BenchmarkLimit measures a limit on Echo beside net/http. Run it with -benchmem.
func BenchmarkLimit(b *testing.B) {
	for name, limit := range map[string]int64{"admitted": 1 << 30, "refused": 0} {
		onEcho, onHTTP := limiting(b, limit)
		for on, handler := range map[string]http.Handler{"Echo": onEcho, "http": onHTTP} {
			b.Run(name+"/"+on, func(b *testing.B) {
				r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/", http.NoBody)
				w := &discarded{header: http.Header{}}
				b.ReportAllocs()
				for b.Loop() {
					clear(w.header)
					handler.ServeHTTP(w, r)
				}
			})
		}
	}
}
