package main

import (
	"context"
	"crypto/sha256"
	"net/http"
	"sync"
)

// customer is a row of the archive's own table.
type customer struct {
	ID, Company, Plan string
	Seats             int
	Suspended         bool
}

// customers is the archive's table, by the SHA-256 digest of the API token: who
// reads the table learns no token.
type customers struct {
	mu      sync.RWMutex
	byToken map[[sha256.Size]byte]customer
}

func archive() *customers {
	c := &customers{byToken: map[[sha256.Size]byte]customer{}}
	c.set("token-of-ada", customer{ID: "1", Company: "harbour", Plan: "hobby", Seats: 1})
	c.set("token-of-bob", customer{ID: "2", Company: "harbour", Plan: "hobby", Seats: 1})
	c.set("token-of-cleo", customer{ID: "3", Company: "lens", Plan: "studio", Seats: 3})
	c.set("token-of-dan", customer{ID: "4", Company: "dan", Plan: "hobby", Suspended: true})
	return c
}

// set adds or replaces the customer who has this token.
func (c *customers) set(token string, row customer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.byToken[sha256.Sum256([]byte(token))] = row
}

// login is the archive's own: it refuses an unknown token, and puts the customer
// into the context of the request.
func (c *customers) login(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token := r.Header.Get("X-Api-Token")
		if token == "" {
			next.ServeHTTP(w, r)
			return
		}
		c.mu.RLock()
		row, ok := c.byToken[sha256.Sum256([]byte(token))]
		c.mu.RUnlock()
		if !ok {
			writeJSON(w, http.StatusUnauthorized, map[string]string{"error": "unknown token"})
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), customerKey{}, row)))
	})
}

type customerKey struct{}

func customerFrom(ctx context.Context) (customer, bool) {
	c, ok := ctx.Value(customerKey{}).(customer)
	return c, ok
}
