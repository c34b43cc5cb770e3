package middleware_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
)

// Failed attempts are limited by default. This host allows fewer than the default for
// one login from one address.
func ExampleBruteForce() {
	auth, err := middleware.New(middleware.Config{
		Tokens: ada(), ClientIP: clientip.RemoteAddr,
		Tiers: ratelimit.Tiers{"free": {Limit: 500, Period: time.Hour, Algorithm: ratelimit.GCRA}},
		BruteForce: middleware.BruteForce{
			Pair: middleware.Budget{Burst: 2, Every: time.Minute},
		},
	})
	if err != nil {
		panic(err)
	}
	for range 3 {
		r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/login", strings.NewReader("username=ada&password=wrong"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		auth.Login(w, r)
		fmt.Println(w.Code, w.Header().Get("Retry-After") != "")
	}
	// Output:
	// 400 false
	// 400 false
	// 429 true
}
