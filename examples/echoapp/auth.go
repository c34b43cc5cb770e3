package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"log/slog"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/echov4"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/store/memstore"
	"github.com/sallyport-go/sallyport/store/passwords"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

func newAuth(s *shop, clientIP echo.IPExtractor) (*echov4.Auth, error) {
	hasher, err := passwords.New(passwords.Config{})
	if err != nil {
		return nil, err
	}
	// Sessions are in memory, so a restart logs out all users. examples/ownstore keeps
	// them in the host's database.
	sessions, err := memstore.New(memstore.Config{Passwords: hasher})
	if err != nil {
		return nil, err
	}

	// The keys, too, are generated at start. In production every node has the same
	// signing key, read with keys.FromPEM from a file or a secret, and the same
	// refresh key.
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}

	// 2. The tokens: their store, issuer, audience and keys.
	authority, err := tokens.New(tokens.Config{
		Store:       users{sessions, s, hasher},
		Issuer:      "https://books.example",
		Audience:    "https://books.example/api",
		Keys:        []keys.Key{{Algorithm: "EdDSA", Private: private}},
		RefreshKeys: []keys.Secret{keys.NewSecret()},
		Events:      events.Log(slog.Default()),
	})
	if err != nil {
		return nil, err
	}

	// 3. The Auth: the rate limit of each plan, by the plan's name in the shop's table,
	// and where the client's address comes from.
	auth, err := middleware.New(middleware.Config{
		Tokens:   authority,
		ClientIP: echov4.ClientIP(clientIP),
		Tiers: ratelimit.Tiers{
			ratelimit.Anonymous: {Limit: 100, Period: time.Hour, Algorithm: ratelimit.GCRA},
			"basic":             {Limit: 500, Period: time.Hour, Algorithm: ratelimit.GCRA},
			"pro":               {Limit: 5000, Period: time.Hour, Algorithm: ratelimit.GCRA, PerSeat: true},
		},
	})
	if err != nil {
		return nil, err
	}
	return echov4.New(auth), nil
}

// mount is step 4: the shop's own routes, now behind middleware, and the three new
// ones.
func (s *shop) mount(e *echo.Echo, auth *echov4.Auth) {
	e.GET("/health", health) // unchanged: no authentication, no rate limit

	e.POST("/login", auth.Login)
	e.POST("/refresh", auth.Refresh)
	e.POST("/logout", auth.Logout)

	// anonymous callers are counted by address, customers by their company
	e.GET("/books", s.listBooks, auth.OptionalBearer, auth.Limit)

	// for customers: Protect is Bearer followed by Limit
	account := e.Group("/account", auth.Protect)
	account.GET("/orders", s.orders)

	// for clerks
	e.POST("/books", s.addBook, auth.Protect, auth.RequireScope("books:write"))
}
