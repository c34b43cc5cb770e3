package middleware_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/tokens"
)

// Protect makes one copy of the request, for the principal and for the Pass. Both are in
// its context, as behind Bearer and Limit.
func TestProtectIsBearerThenLimit(t *testing.T) {
	t.Parallel()
	protected := func(d *harness, next http.HandlerFunc) map[string]http.Handler {
		return map[string]http.Handler{"Protect": d.Protect(next), "Bearer, Limit": d.Bearer(d.Limit(next))}
	}
	for _, name := range []string{"Protect", "Bearer, Limit"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := open(t, func(c *config) { c.auth.Tiers = ratelimit.Tiers{"free": {Limit: 10, Period: time.Hour}} })
			token := string(d.login(t, alice).AccessToken)
			ask := func(h http.Handler, token string) *httptest.ResponseRecorder {
				r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
				r.Header.Set("Authorization", "Bearer "+token)
				w := httptest.NewRecorder()
				h.ServeHTTP(w, r)
				return w
			}
			var p tokens.Principal
			var added bool
			h := protected(d, func(_ http.ResponseWriter, r *http.Request) {
				p, _ = tokens.PrincipalFrom(r.Context())
				added = ratelimit.AddCost(r.Context(), "free", 2)
			})[name]
			if w := ask(h, token); w.Header().Get("X-RateLimit-Remaining") != "9" || p.Subject == "" || !added {
				t.Errorf("headers = %v, principal = %v, added = %v", w.Header(), p, added)
			}
			if w := ask(h, token); w.Header().Get("X-RateLimit-Remaining") != "6" {
				t.Errorf("after a cost of 1, and 2 more: %v", w.Header())
			}
			if w := ask(h, "forged"); w.Code != http.StatusUnauthorized || w.Header().Get("X-RateLimit-Limit") != "" {
				t.Errorf("a forged token: %d %v", w.Code, w.Header())
			}
			nested := protected(d, protected(d, func(http.ResponseWriter, *http.Request) {})[name].ServeHTTP)[name]
			if w := ask(nested, token); w.Header().Get("X-RateLimit-Remaining") != "3" {
				t.Errorf("nested: %v, want a charge of 1", w.Header())
			}
			for range 3 {
				ask(h, token)
			}
			p = tokens.Principal{}
			if w := ask(h, token); w.Code != http.StatusTooManyRequests || p.Subject != "" {
				t.Errorf("over the limit: %d, served %v", w.Code, p)
			}
		})
	}
}

// A function of the host that is asked while a request is counted finds the Pass of the
// Limiter further out, and not the one that is being made.
func TestAddCostWhileARequestIsCounted(t *testing.T) {
	t.Parallel()
	var added bool
	d := open(t, func(c *config) {
		c.auth.Tiers = ratelimit.Tiers{"free": {Limit: 10, Period: time.Hour}}
		c.auth.Limit = ratelimit.LimitConfig{Rules: []ratelimit.Rule{{
			Name: "host", Limit: 10, Period: time.Hour,
			By: ratelimit.ByKey(func(r *http.Request) (string, error) {
				added = ratelimit.AddCost(r.Context(), "outer", 1)
				return "k", nil
			}),
		}}}
	})
	outer, err := d.Limits(ratelimit.LimitConfig{WithoutTier: true, Rules: []ratelimit.Rule{{Name: "outer", Limit: 10, Period: time.Hour}}})
	if err != nil {
		t.Fatal(err)
	}
	nothing := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	for name, want := range map[string]bool{"outer": true, "none": false} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
		r.Header.Set("Authorization", "Bearer "+string(d.login(t, alice).AccessToken))
		h := d.Protect(nothing)
		if want {
			h = outer.Limit(h)
		}
		h.ServeHTTP(httptest.NewRecorder(), r)
		if added != want {
			t.Errorf("%s: added = %v, want %v", name, added, want)
		}
	}
}

// What a request with a good token costs: the principal's claims, the request with its
// context, and for a limit the text of its headers.
func TestAGoodTokenIsTwoAllocations(t *testing.T) { //nolint:paralleltest // others would be counted too
	d := open(t, func(c *config) { c.auth.Tiers = ratelimit.Tiers{"free": {Limit: 1 << 40, Period: time.Hour}} })
	nothing := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
	r.Header.Set("Authorization", "Bearer "+string(d.login(t, alice).AccessToken))
	for _, test := range []struct {
		name string
		h    http.Handler
		most float64
		size uint64
	}{
		{"Bearer", d.Bearer(nothing), 2, 1000},
		{"Protect", d.Protect(nothing), 3, 1200},
	} {
		w := &discarded{header: http.Header{}}
		if n := testing.AllocsPerRun(1000, func() { test.h.ServeHTTP(w, r) }); n > test.most && !raced {
			t.Errorf("%s: %v allocations, want %v", test.name, n, test.most)
		}
		if n := bytesPerRun(1000, func() { test.h.ServeHTTP(w, r) }); n > test.size && !raced {
			t.Errorf("%s: %d bytes, want %d or fewer", test.name, n, test.size)
		} else {
			t.Log(test.name, n, "bytes")
		}
	}
}
