// Command echov5 is an API on Echo v5 with login, refresh and a rate limit.
package main

import (
	"context"
	"log"
	"net/http"
	"time"

	"github.com/labstack/echo/v5"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/echov5"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/memstore"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

func main() {
	e := echo.New()
	e.IPExtractor = echo.ExtractIPDirect()
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
		Tokens: authority, ClientIP: echov5.ClientIP(e.IPExtractor),
		// 10 requests at once, and then one every 6 minutes: 1 h / 10
		Tiers: ratelimit.Tiers{"free": {Limit: 10, Period: time.Hour, Algorithm: ratelimit.GCRA}},
	}))
	routes := echov5.New(auth)
	e.POST("/login", routes.Login)
	e.POST("/refresh", routes.Refresh)
	e.GET("/hello", hello, routes.Protect)
	log.Fatal(e.Start("127.0.0.1:8080"))
}

func hello(c *echo.Context) error {
	user, _ := echov5.Principal(c)
	return c.String(http.StatusOK, "hello, "+user.Subject+"\n")
}

func must[T any](v T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return v
}
