// Package ratelimitheaders_test parses the RateLimit headers with an independent
// parser of structured fields (RFC 9651).
package ratelimitheaders_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/dunglas/httpsfv"

	"github.com/sallyport-go/sallyport/middleware/authtest"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/tokens"
)

// F19: what is sent is a List of RFC 9651, whose items are named by Strings and
// whose numbers are Integers.
func TestF19TheHeadersAreStructuredFields(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"free", "a plan, with = and ; and 'quotes'", "50% off"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := limited(t, name, ratelimit.Draft11)
			for i := range 9 {
				r := httptest.NewRequestWithContext(
					tokens.WithPrincipal(t.Context(), tokens.Principal{Subject: "u", Tier: name}), http.MethodGet, "/", http.NoBody)
				w := httptest.NewRecorder()
				h.ServeHTTP(w, r)
				policies := list(t, w.Header().Values("RateLimit-Policy"), "q", "w")
				left := list(t, w.Header().Values("RateLimit"), "r", "t")
				if len(policies) != 5 || len(left) != 1 {
					t.Fatalf("request %d: %d policies, %d limits", i, len(policies), len(left))
				}
				if unit, _ := policies[4].Params.Get("qu"); policies[0].Value != name || unit != "content-bytes" {
					t.Errorf("request %d: policies %v", i, w.Header())
				}
			}
		})
	}
}

// The next version has other parameters, the cost of the request, and a field that
// says by what a policy counts.
func TestTheNextDraftIsStructuredFields(t *testing.T) {
	t.Parallel()
	h := limited(t, "free", ratelimit.DraftNext)
	for i := range 9 {
		r := httptest.NewRequestWithContext(
			tokens.WithPrincipal(t.Context(), tokens.Principal{Subject: "u", Tier: "free"}), http.MethodGet, "/", http.NoBody)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		policies := list(t, w.Header().Values("RateLimit-Policy"), "q", "w")
		left := list(t, w.Header().Values("RateLimit"), "a", "w", "c")
		partitions := list(t, w.Header().Values("RateLimit-Partition"))
		if len(policies) != 5 || len(left) != 1 || len(partitions) != 1 {
			t.Fatalf("request %d: %v", i, w.Header())
		}
		if by, ok := partitions[0].Params.Get("user_id"); partitions[0].Value != "writes" || !ok || by != true {
			t.Errorf("request %d: partitions %v", i, w.Header())
		}
		cost, _ := left[0].Params.Get("c")
		if want := map[bool]int64{true: 1, false: 0}[w.Code == http.StatusOK]; cost != want {
			t.Errorf("request %d: status %d, cost %v, want %d", i, w.Code, cost, want)
		}
		if _, ok := left[0].Params.Get("r"); ok || w.Header().Get("X-RateLimit-Limit") == "" {
			t.Errorf("request %d: %v", i, w.Header())
		}
	}
}

// list reads a List of Items that are Strings, each with these parameters, which
// are Integers of 0 or more.
func list(t *testing.T, values []string, params ...string) []httpsfv.Item {
	t.Helper()
	l, err := httpsfv.UnmarshalList(values)
	if err != nil {
		t.Fatalf("%q: %v", values, err)
	}
	items := make([]httpsfv.Item, 0, len(l))
	for _, member := range l {
		item, ok := member.(httpsfv.Item)
		if _, isString := item.Value.(string); !ok || !isString {
			t.Fatalf("%q: %v is no String", values, member)
		}
		for _, name := range params {
			value, there := item.Params.Get(name)
			if n, isInteger := value.(int64); there && (!isInteger || n < 0) || !there && name != "w" {
				t.Fatalf("%q: %s is %v", values, name, value)
			}
		}
		items = append(items, item)
	}
	if again, err := httpsfv.Marshal(l); err != nil || again != values[0] {
		t.Errorf("%q is %q in canonical form (%v)", values, again, err)
	}
	return items
}

// limited is a handler behind a limit by all kinds of policies.
func limited(t *testing.T, tier string, draft ratelimit.Draft) http.Handler {
	t.Helper()
	f := authtest.New(t, func(c *authtest.Config) {
		c.Auth.Headers = ratelimit.Headers{Draft: draft}
		c.Auth.Tiers = ratelimit.Tiers{tier: {
			Limit: 7, Period: time.Hour, Concurrent: 3, Also: []ratelimit.Window{{Limit: 6, Period: time.Minute}},
		}}
		c.Auth.Limit.Rules = []ratelimit.Rule{
			{Name: "writes", Limit: 100, Period: time.Minute, By: ratelimit.ByUser(), Cost: func(*http.Request) int64 { return 3 }},
			{Name: "bytes", Limit: 1 << 20, Period: time.Minute, Late: true, Unit: "content-bytes"},
		}
	})
	return f.Auth.Limit(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		ratelimit.AddCost(context.WithoutCancel(r.Context()), "bytes", 1000)
	}))
}
