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

func newDoor(s *shop, clientIP echo.IPExtractor) (*echov4.Auth, error) {
	hasher, err := passwords.New(passwords.Config{})
	if err != nil {
		return nil, err
	}
	// Sessions in memory: a restart logs everybody out. For one process that may
	// do; examples/ownstore has them in the host's database.
	sessions, err := memstore.New(memstore.Config{Passwords: hasher})
	if err != nil {
		return nil, err
	}

	// The key, too, is made at start. In production it is a file or a secret that
	// every node has, and keys.FromPEM reads it; so is the refresh key.
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}

	// 2. The tokens: whose they are, and what they are signed with.
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

	// 3. The door: how many requests each plan has, by the names that the shop's
	// table gives them, and whom the app trusts to say where a request comes from.
	door, err := middleware.New(middleware.Config{
		Tokens:   authority,
		ClientIP: echov4.ClientIP(clientIP),
		Tiers: ratelimit.Tiers{
			ratelimit.Anonymous: {Limit: 100, Period: time.Hour},
			"basic":             {Limit: 500, Period: time.Hour},
			"pro":               {Limit: 5000, Period: time.Hour, PerSeat: true},
		},
	})
	if err != nil {
		return nil, err
	}
	return echov4.New(door), nil
}

// mount is 4.: the routes that the shop had, now with a door before them, and
// the three that are new.
func (s *shop) mount(e *echo.Echo, door *echov4.Auth) {
	e.GET("/health", health) // as it was: nobody is asked, nothing is counted

	e.POST("/login", door.Login)
	e.POST("/refresh", door.Refresh)
	e.POST("/logout", door.Logout)

	// for anybody: strangers are counted by address, customers by their company
	e.GET("/books", s.listBooks, door.OptionalBearer, door.Limit)

	// for customers: Protect is Bearer, then Limit
	account := e.Group("/account", door.Protect)
	account.GET("/orders", s.orders)

	// for clerks
	e.POST("/books", s.addBook, door.Protect, door.RequireScope("books:write"))
}
