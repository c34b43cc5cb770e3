// Command fiber is an API on fiber with login, refresh and a rate limit.
package main

import (
	"context"
	"log"
	"time"

	"github.com/gofiber/fiber/v3"
	"github.com/gofiber/fiber/v3/middleware/adaptor"

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
	app := fiber.New(fiber.Config{ReadTimeout: 5 * time.Second})
	app.Post("/login", adaptor.HTTPHandlerFunc(auth.Login))
	app.Post("/refresh", adaptor.HTTPHandlerFunc(auth.Refresh))
	app.Get("/sessions", adaptor.HTTPHandlerFunc(auth.Sessions))
	app.Delete("/sessions/:id", adaptor.HTTPHandlerFunc(auth.EndSession))
	app.Get("/hello", use(auth.Protect), func(c fiber.Ctx) error {
		user, _ := tokens.PrincipalFrom(c.Context())
		return c.SendString("hello, " + user.Subject + "\n")
	})
	log.Fatal(app.Listen("127.0.0.1:8080"))
}

func must[T any](v T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return v
}
