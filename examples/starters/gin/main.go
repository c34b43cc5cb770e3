// Command gin is an API on gin with login, refresh and a rate limit.
package main

import (
	"context"
	"log"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

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
	r := gin.Default()
	r.POST("/login", gin.WrapF(auth.Login))
	r.POST("/refresh", gin.WrapF(auth.Refresh))
	r.GET("/sessions", gin.WrapF(auth.Sessions))
	r.DELETE("/sessions/:id", gin.WrapF(auth.EndSession))
	r.GET("/hello", use(auth.Protect), func(c *gin.Context) {
		user, _ := tokens.PrincipalFrom(c.Request.Context())
		c.String(http.StatusOK, "hello, %s\n", user.Subject)
	})
	log.Fatal(r.Run("127.0.0.1:8080"))
}

func must[T any](v T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return v
}
