// Command chi is an API on chi with login, refresh and a rate limit.
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/memstore"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

func main() {
	users := must(memstore.New(memstore.Config{}))
	ada := store.User{ID: "1", Login: "ada", Tier: "free"}
	if err := users.AddUser(context.Background(), ada, "correct horse"); err != nil {
		log.Fatal(err)
	}
	authority := must(tokens.New(tokens.Config{
		Store: users, Issuer: "https://api.example.com", Audience: "api",
		Keys:        []keys.Key{{Algorithm: "HS256", Secret: keys.NewSecret()}},
		RefreshKeys: []keys.Secret{keys.NewSecret()},
	}))
	auth := must(middleware.New(middleware.Config{
		Tokens: authority, ClientIP: clientip.RemoteAddr,
		// 10 requests at once, and then one every 6 minutes: 1 h / 10
		Tiers: ratelimit.Tiers{"free": {Limit: 10, Period: time.Hour, Algorithm: ratelimit.GCRA}},
	}))

	r := chi.NewRouter()
	r.Post("/login", auth.Login)
	r.Post("/refresh", auth.Refresh)
	r.With(auth.Protect).Get("/hello", hello)
	server := &http.Server{Addr: "127.0.0.1:8080", Handler: r, ReadTimeout: 5 * time.Second}
	log.Fatal(server.ListenAndServe())
}

func hello(w http.ResponseWriter, r *http.Request) {
	user, _ := tokens.PrincipalFrom(r.Context())
	_, _ = fmt.Fprintf(w, "hello, %s\n", user.Subject)
}

func must[T any](v T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return v
}
