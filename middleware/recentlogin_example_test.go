package middleware_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/tokens"
)

// A route that changes the password wants a login of the last five minutes. This user
// has a session of an hour ago.
func ExampleAuth_RequireRecentLogin() {
	authority := ada()
	auth, err := middleware.New(middleware.Config{
		Tokens: authority, ClientIP: clientip.RemoteAddr,
		Tiers: ratelimit.Tiers{"free": {Limit: 500, Period: time.Hour, Algorithm: ratelimit.GCRA}},
	})
	if err != nil {
		panic(err)
	}
	changePassword := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux := http.NewServeMux()
	mux.Handle("PUT /password", auth.Protect(auth.RequireRecentLogin(5*time.Minute)(changePassword)))

	for _, age := range []time.Duration{time.Minute, time.Hour} {
		pair, err := authority.SignIn(context.Background(), tokens.SignInRequest{UserID: "1", AuthenticatedAt: time.Now().Add(-age)})
		if err != nil {
			panic(err)
		}
		r := httptest.NewRequestWithContext(context.Background(), http.MethodPut, "/password", http.NoBody)
		r.Header.Set("Authorization", "Bearer "+string(pair.AccessToken))
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		fmt.Println(w.Code)
		fmt.Println(w.Header().Get("WWW-Authenticate"))
	}
	// Output:
	// 204
	//
	// 401
	// Bearer realm="api", error="insufficient_user_authentication", error_description="A more recent or a stronger login is required", max_age="300"
}
