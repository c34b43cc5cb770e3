package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/labstack/echo/v5"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/echov5"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/memstore"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

func newAuth(ctx context.Context, clientIP echo.IPExtractor) (*echov5.Auth, error) {
	// 1. The users and their sessions, in memory: a restart logs out all users.
	users, err := memstore.New(memstore.Config{})
	if err != nil {
		return nil, err
	}
	ada := store.User{ID: "1", Login: "ada", Tier: "member", Scopes: []string{"loans:read"}}
	if err := users.AddUser(ctx, ada, "correct horse"); err != nil {
		return nil, err
	}

	// 2. The tokens: their store, issuer, audience and keys. The keys are generated at
	// start; in production every node has the same.
	authority, err := tokens.New(tokens.Config{
		Store:       users,
		Issuer:      "https://library.example",
		Audience:    "https://library.example/api",
		Keys:        []keys.Key{{Algorithm: "HS256", Secret: keys.NewSecret()}},
		RefreshKeys: []keys.Secret{keys.NewSecret()},
		Events:      events.Log(slog.Default()),
	})
	if err != nil {
		return nil, err
	}

	// 3. The Auth: the rate limits, and where the client's address comes from.
	auth, err := middleware.New(middleware.Config{
		Tokens:   authority,
		ClientIP: echov5.ClientIP(clientIP),
		Tiers: ratelimit.Tiers{
			ratelimit.Anonymous: {Limit: 100, Period: time.Hour, Algorithm: ratelimit.GCRA},
			"member":            {Limit: 500, Period: time.Hour, Algorithm: ratelimit.GCRA},
		},
	})
	if err != nil {
		return nil, err
	}
	return echov5.New(auth), nil
}

// mount is step 4: the routes, behind middleware.
func mount(e *echo.Echo, auth *echov5.Auth) {
	e.GET("/health", health) // no authentication, no rate limit

	e.POST("/login", auth.Login)
	e.POST("/refresh", auth.Refresh)
	e.POST("/logout", auth.Logout)

	// anonymous callers are counted by address, members by their ID
	e.GET("/books", listBooks, auth.OptionalBearer, auth.Limit)

	// Protect is Bearer followed by Limit
	account := e.Group("/account", auth.Protect)
	account.GET("/loans", listLoans, auth.RequireScope("loans:read"))
	account.GET("/fines", listLoans, auth.RequireScope("fines:read"))
	account.GET("/sessions", auth.Sessions)
	account.DELETE("/sessions/:id", auth.EndSession)
}
