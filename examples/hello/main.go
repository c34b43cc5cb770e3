// Command hello is the shortest host: one user and one protected route.
//
//	go run ./examples/hello
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/memstore"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

var addr = "127.0.0.1:8080"

func main() {
	users := must(memstore.New(memstore.Config{}))
	check(users.AddUser(context.Background(), store.User{ID: "1", Login: "ada", Tier: "free"}, "correct horse"))
	authority := must(tokens.New(tokens.Config{
		Store: users, Issuer: "https://api.example.com", Audience: "api",
		Keys:        []keys.Key{{Algorithm: "HS256", Secret: keys.NewSecret()}},
		RefreshKeys: []keys.Secret{keys.NewSecret()},
	}))
	auth := must(middleware.New(middleware.Config{
		Tokens: authority, ClientIP: clientip.RemoteAddr,
		// 500 requests at once, and then one every 7.2 s: 3600 s / 500
		Tiers: ratelimit.Tiers{"free": {Limit: 500, Period: time.Hour, Algorithm: ratelimit.GCRA}},
	}))
	http.HandleFunc("/login", auth.Login)
	http.HandleFunc("/refresh", auth.Refresh)
	http.Handle("/hello", auth.Protect(http.HandlerFunc(hello)))
	server := &http.Server{Addr: addr, ReadTimeout: 5 * time.Second}
	log.Fatal(server.ListenAndServe())
}

func hello(w http.ResponseWriter, r *http.Request) {
	p, _ := tokens.PrincipalFrom(r.Context())
	_, _ = fmt.Fprintf(w, "hello, %s\n", p.Subject)
}

func must[T any](v T, err error) T {
	check(err)
	return v
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
