package main

import (
	"net/http"

	"github.com/gofiber/fiber/v3"
	"github.com/gofiber/fiber/v3/middleware/adaptor"

	"github.com/sallyport-go/sallyport/tokens"
)

// use makes a middleware of net/http one of fiber, and keeps the principal.
func use(m func(http.Handler) http.Handler) fiber.Handler {
	return func(c fiber.Ctx) error {
		passed := false
		next := func(_ http.ResponseWriter, r *http.Request) {
			user, _ := tokens.PrincipalFrom(r.Context())
			c.SetContext(tokens.WithPrincipal(c.Context(), user))
			passed = true
		}
		if err := adaptor.HTTPHandler(m(http.HandlerFunc(next)))(c); err != nil || !passed {
			return err
		}
		return c.Next()
	}
}
