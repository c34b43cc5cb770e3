package ratelimit_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
)

// A host that has its own login mounts a Limiter alone.
func Example() {
	limiter := must(ratelimit.New(ratelimit.Config{
		ClientIP: clientip.RemoteAddr,
		Identify: identify,
		Tiers: ratelimit.Tiers{
			ratelimit.Anonymous: {Limit: 1, Period: time.Minute},
			"free":              {Limit: 2, Period: time.Hour},
		},
	}))
	h := login(limiter.Limit(http.HandlerFunc(hello)))

	for _, user := range []string{"", "", "ada", "ada", "ada"} {
		w := get(h, "/", user)
		fmt.Printf("%q %d %s\n", user, w.Code, w.Header().Get("RateLimit"))
	}
	// Output:
	// "" 200 "anonymous";r=0;t=60
	// "" 429 "anonymous";r=0;t=60
	// "ada" 200 "free";r=1;t=3600
	// "ada" 200 "free";r=0;t=3600
	// "ada" 429 "free";r=0;t=3600
}

// Users of one account share its limit, and a tier may multiply it by the number of
// seats, up to Max.
func ExampleTiers() {
	limiter := must(ratelimit.New(ratelimit.Config{
		ClientIP: clientip.RemoteAddr,
		Tiers: ratelimit.Tiers{
			"team": {Limit: 500, Period: time.Hour, PerSeat: true, Max: 5000},
		},
	}))
	for _, seats := range []int{1, 3, 50} {
		quota := must(limiter.Inspect(context.Background(), ratelimit.Caller{User: "ada", Account: "chess", Tier: "team", Seats: seats}))
		fmt.Println(seats, "seats:", quota.Usage[0].Policy.Limit, "requests")
	}
	// Output:
	// 1 seats: 500 requests
	// 3 seats: 1500 requests
	// 50 seats: 5000 requests
}

// A route has a rule beside the tier. A request that one of them refuses spends
// nothing of the other.
func ExampleLimiter_Limits() {
	limiter := free()
	search := must(limiter.Limits(ratelimit.LimitConfig{
		Rules: []ratelimit.Rule{{Name: "search", Limit: 1, Period: time.Minute, By: ratelimit.ByUser()}},
	}))
	mux := http.NewServeMux()
	mux.Handle("/search", search.Limit(http.HandlerFunc(hello)))
	mux.Handle("/me", limiter.Limit(http.HandlerFunc(hello)))

	for _, path := range []string{"/search", "/search", "/me"} {
		w := get(login(mux), path, "ada")
		fmt.Println(path, w.Code, w.Header().Get("RateLimit"))
	}
	// Output:
	// /search 200 "search";r=0;t=60
	// /search 429 "search";r=0;t=60
	// /me 200 "free";r=98;t=3600
}

// The handler reports what its answer has cost when it knows.
func ExampleAddCost() {
	limiter := must(free().Limits(ratelimit.LimitConfig{
		Rules: []ratelimit.Rule{{Name: "rows", Limit: 1000, Period: time.Hour, Late: true, Unit: "rows"}},
	}))
	h := login(limiter.Limit(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		ratelimit.AddCost(r.Context(), "rows", 950)
	})))
	for range 3 {
		w := get(h, "/", "ada")
		fmt.Println(w.Code, w.Header().Get("RateLimit"))
	}
	// Output:
	// 200 "free";r=99;t=3600
	// 200 "rows";r=50;t=3600
	// 429 "rows";r=0;t=3600
}

// A caller reads their own quota, and support staff read and reset it.
func ExampleLimiter_Quota() {
	limiter := free()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /quota", limiter.Quota) // costs nothing
	mux.Handle("/", limiter.Limit(http.HandlerFunc(hello)))

	get(login(mux), "/", "ada")
	fmt.Println(get(login(mux), "/quota", "ada").Header().Get("RateLimit"))

	ctx, ada := context.Background(), ratelimit.Caller{User: "ada", Tier: "free"}
	fmt.Println(limiter.Reset(ctx, ada))
	quota := must(limiter.Inspect(ctx, ada))
	fmt.Println(quota.Usage[0].Policy.Name, quota.Usage[0].Remaining)
	// Output:
	// "free";r=99;t=3600
	// <nil>
	// free 100
}

// A Limiter in front of the login sees no user: it counts every caller by address.
// Mount it behind the login.
func ExampleLimiter_Limit_wrong() {
	limiter := free()
	h := limiter.Limit(login(http.HandlerFunc(hello)))
	w := get(h, "/", "ada")
	fmt.Println(w.Code, w.Header().Get("RateLimit"))
	// Output:
	// 200 "anonymous";r=9;t=60
}

func free() *ratelimit.Limiter {
	return must(ratelimit.New(ratelimit.Config{
		ClientIP: clientip.RemoteAddr,
		Identify: identify,
		Tiers: ratelimit.Tiers{
			ratelimit.Anonymous: {Limit: 10, Period: time.Minute},
			"free":              {Limit: 100, Period: time.Hour},
		},
	}))
}

// identify returns the caller whom the host's login has put into the context.
func identify(r *http.Request) (ratelimit.Caller, error) {
	user, _ := r.Context().Value(userKey{}).(string)
	return ratelimit.Caller{User: user, Tier: "free"}, nil
}

type userKey struct{}

// login stands for the host's own login.
func login(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), userKey{}, r.Header.Get("User"))))
	})
}

func hello(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, "hello") }

// get sends a GET by a user; "" is not logged in.
func get(h http.Handler, path, user string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, path, http.NoBody)
	r.Header.Set("User", user)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
