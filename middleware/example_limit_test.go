package middleware_test

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/tokens"
)

// A tier may have several windows. A request is counted in all of them or in
// none.
func ExampleTier() {
	auth, err := middleware.New(middleware.Config{
		Tokens: ada(), ClientIP: clientip.RemoteAddr,
		Tiers: ratelimit.Tiers{
			"free": {
				Limit: 500, Period: time.Hour, Algorithm: ratelimit.GCRA, PerSeat: true, Max: 5000,
				Also:       []ratelimit.Window{{Limit: 10, Period: time.Second}}, // 10 a second, too
				Concurrent: 4,                                                    // requests in flight
			},
		},
	})
	if err != nil {
		panic(err)
	}
	w := get(auth.Protect(http.HandlerFunc(hello)), "/", token(auth))
	fmt.Println(w.Header().Get("RateLimit-Policy"))
	// Output: "free";q=500;w=3600, "free-second";q=10;w=1, "free-concurrent";q=4;qu="concurrent-requests"
}

// A route has a rule beside the tier: what one user may search.
func ExampleAuth_Limits() {
	auth := adas()
	search, err := auth.Limits(ratelimit.LimitConfig{
		Rules: []ratelimit.Rule{{Name: "search", Limit: 10, Period: time.Minute, By: ratelimit.ByUser()}},
		Cost: func(r *http.Request) int64 { // of the tier's too
			if r.URL.Query().Has("deep") {
				return 10
			}
			return 1
		},
	})
	if err != nil {
		panic(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/search", auth.Bearer(search.Limit(http.HandlerFunc(hello))))
	mux.Handle("/me", auth.Protect(http.HandlerFunc(hello)))
	ada := token(auth)
	for _, path := range []string{"/search?deep", "/search", "/me"} {
		w := get(mux, path, ada)
		fmt.Println(path, w.Code, w.Header().Get("RateLimit"))
	}
	// Output:
	// /search?deep 200 "search";r=0;t=60
	// /search 429 "search";r=0;t=60
	// /me 200 "free";r=489;t=80
}

// A handler tells what its answer has cost, when it knows.
func ExampleAddCost() {
	auth := adas()
	export, err := auth.Limits(ratelimit.LimitConfig{
		Rules: []ratelimit.Rule{{Name: "rows", Limit: 1000, Period: time.Hour, Algorithm: ratelimit.FixedWindow, Late: true, Unit: "rows"}},
	})
	if err != nil {
		panic(err)
	}
	h := auth.Bearer(export.Limit(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		rows := 600 // of some query
		ratelimit.AddCost(r.Context(), "rows", int64(rows))
	})))
	ada := token(auth)
	for range 3 {
		w := get(h, "/", ada)
		fmt.Println(w.Code, w.Header().Get("RateLimit"))
	}
	// Output:
	// 200 "free";r=499;t=8
	// 200 "rows";r=400;t=3600
	// 429 "rows";r=0;t=3600
}

// A request that failed by the host's own fault costs nothing.
func ExampleAddCost_refund() {
	auth := adas()
	h := auth.Protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ratelimit.AddCost(r.Context(), "free", -1)
		w.WriteHeader(http.StatusBadGateway)
	}))
	ada := token(auth)
	for range 2 {
		w := get(h, "/", ada)
		fmt.Println(w.Code, w.Header().Get("X-RateLimit-Remaining"))
	}
	// Output:
	// 502 499
	// 502 499
}

// One customer has a deal of their own, which counts from the next request on.
func ExampleConfig_override() {
	deals := map[string]int64{"1": 20_000} // from the host's database, by user
	auth, err := middleware.New(middleware.Config{
		Tokens: ada(), ClientIP: clientip.RemoteAddr,
		Tiers: ratelimit.Tiers{"free": {Limit: 500, Period: time.Hour, Algorithm: ratelimit.GCRA}},
		Override: func(_ context.Context, p tokens.Principal, own ratelimit.Tier) (ratelimit.Tier, error) {
			if limit, ok := deals[p.Subject]; ok {
				own.Limit = limit
			}
			return own, nil
		},
	})
	if err != nil {
		panic(err)
	}
	h, ada := auth.Protect(http.HandlerFunc(hello)), token(auth)
	fmt.Println(get(h, "/", ada).Header().Get("X-RateLimit-Limit"))
	delete(deals, "1")
	fmt.Println(get(h, "/", ada).Header().Get("X-RateLimit-Limit"))
	// Output:
	// 20000
	// 500
}

// Callers see how they stand, and support staff see it too.
func ExampleAuth_Quota() {
	auth := adas()
	mux := http.NewServeMux()
	mux.Handle("GET /quota", auth.Bearer(http.HandlerFunc(auth.Quota)))
	w := get(mux, "/quota", token(auth))
	fmt.Println(w.Code, w.Header().Get("RateLimit"))

	caller := middleware.CallerOf(tokens.Principal{Subject: "1", Tier: "free"})
	quota, err := auth.Inspect(context.Background(), caller)
	if err != nil {
		panic(err)
	}
	fmt.Println(quota.Usage[0].Policy.Name, quota.Usage[0].Remaining)
	fmt.Println(auth.Reset(context.Background(), caller))
	// Output:
	// 200 "free";r=500;t=0
	// free 500
	// <nil>
}

func hello(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, "hello") }

// token is an access token of ada's.
func token(auth *middleware.Auth) string {
	p, err := auth.CheckLogin(login())
	if err != nil {
		panic(err)
	}
	return string(p.AccessToken)
}
