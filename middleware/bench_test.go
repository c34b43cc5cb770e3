package middleware_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/tokens"
)

// BenchmarkHandlers measures what each handler adds to a request. Run it with -benchmem.
func BenchmarkHandlers(b *testing.B) {
	d := open(b, func(c *config) { c.auth.Tiers = ratelimit.Tiers{"free": {Limit: 1 << 60, Period: time.Hour}} })
	nothing := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/", http.NoBody)
	p := d.login(b, alice)
	r.Header.Set("Authorization", "Bearer "+string(p.AccessToken))
	known := r.WithContext(tokens.WithPrincipal(r.Context(), p.Principal))
	for _, test := range []struct {
		name    string
		handler http.Handler
		request *http.Request
	}{
		{"nothing", nothing, r},
		{"Bearer", d.Bearer(nothing), r},
		{"Limit", d.Limit(nothing), known},
		{"Protect", d.Protect(nothing), r},
	} {
		b.Run(test.name, func(b *testing.B) {
			b.ReportAllocs()
			w := httptest.NewRecorder()
			for b.Loop() {
				clear(w.Header())
				test.handler.ServeHTTP(w, test.request)
			}
		})
	}
}
