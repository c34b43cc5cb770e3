package middleware_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/tokens"
)

// What the door adds to a request of alice's: run with -benchmem.
func BenchmarkDoor(b *testing.B) {
	d := open(b, func(c *config) { c.door.Tiers = middleware.Tiers{"free": {Limit: 1 << 60, Period: time.Hour}} })
	nothing := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/", http.NoBody)
	p := d.login(b, alice)
	r.Header.Set("Authorization", "Bearer "+string(p.AccessToken))
	known := r.WithContext(tokens.WithPrincipal(r.Context(), p.Principal))
	for _, gate := range []struct {
		name    string
		handler http.Handler
		request *http.Request
	}{
		{"nothing", nothing, r},
		{"Bearer", d.Bearer(nothing), r},
		{"Limit", d.Limit(nothing), known},
		{"Protect", d.Protect(nothing), r},
	} {
		b.Run(gate.name, func(b *testing.B) {
			b.ReportAllocs()
			w := httptest.NewRecorder()
			for b.Loop() {
				clear(w.Header())
				gate.handler.ServeHTTP(w, gate.request)
			}
		})
	}
}

// BenchmarkCounterMemory tells how many bytes the counters in memory hold for
// each caller, key and all.
func BenchmarkCounterMemory(b *testing.B) {
	const callers = 200_000
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		c := middleware.Memory()
		for i := range callers {
			charge := middleware.Charge{
				Key:    fmt.Sprintf("tier/3600/address/10.%d.%d.%d/32", i>>16, i>>8&255, i&255),
				Policy: middleware.Policy{Name: "anonymous", Limit: 100, Window: time.Hour}, Cost: 1,
			}
			if _, err := c.Take(b.Context(), []middleware.Charge{charge}); err != nil {
				b.Fatal(err)
			}
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/callers, "B/counter")
		runtime.KeepAlive(c)
	}
}
