package echov4_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
)

// step changes the fixture before a request.
type step func(*testing.T, *fixture)

// errDriver is a store's error whose text no answer may contain.
var errDriver = errors.New("dial tcp 10.0.0.7:5432: connection refused")

func login(t *testing.T, h *fixture) { h.login(t, tokens.LoginRequest{Login: "alice"}) }

func loginAs(name string) step {
	return func(t *testing.T, h *fixture) { h.login(t, tokens.LoginRequest{Login: name}) }
}

func loginFor(scopes ...string) step {
	return func(t *testing.T, h *fixture) { h.login(t, tokens.LoginRequest{Login: "alice", Scopes: scopes}) }
}

func loginBy(client string) step {
	return func(t *testing.T, h *fixture) { h.login(t, tokens.LoginRequest{Login: "alice", ClientID: client}) }
}

func refresh(t *testing.T, h *fixture) { h.refresh(t) }

// reuse presents {spent}, which ends its session.
func reuse(t *testing.T, h *fixture) {
	_, err := h.authority.Refresh(t.Context(), tokens.RefreshRequest{Token: tokens.Secret(h.words["spent"])})
	if !errors.Is(err, tokens.ErrReused) {
		t.Fatalf("error = %v, want %v", err, tokens.ErrReused)
	}
}

func logout(t *testing.T, h *fixture) {
	if err := h.authority.Logout(t.Context(), tokens.RefreshRequest{Token: tokens.Secret(h.words["refresh"])}); err != nil {
		t.Fatal(err)
	}
}

func later(d time.Duration) step {
	return func(_ *testing.T, h *fixture) { h.clock.move(d) }
}

// remove deletes alice.
func remove(t *testing.T, h *fixture) {
	if err := h.store.RemoveUser(t.Context(), alice.ID); err != nil {
		t.Fatal(err)
	}
}

// key creates an API key of alice's, {key}, that is valid for a day.
func key(t *testing.T, h *fixture) {
	text, k, err := h.authority.CreateAPIKey(t.Context(), alice.ID, "CI", []string{"read"}, h.clock.time().Add(24*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	h.words["key"], h.words["key id"] = string(text), k.ID
}

func revokeKey(t *testing.T, h *fixture) {
	if err := h.store.RevokeAPIKey(t.Context(), h.words["key id"], h.clock.time()); err != nil {
		t.Fatal(err)
	}
}

func storeFails(_ *testing.T, h *fixture) { h.store.failure = errDriver }

func storeIsSlow(_ *testing.T, h *fixture) {
	h.store.failure = fmt.Errorf("%w: %w", errDriver, context.DeadlineExceeded)
}

func countersFail(_ *testing.T, h *fixture) { h.counters.failure = errDriver }

// spend sends n requests with {access}.
func spend(n int) step {
	return func(t *testing.T, h *fixture) {
		p, err := h.authority.Verify(t.Context(), tokens.Secret(h.words["access"]))
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequestWithContext(tokens.WithPrincipal(t.Context(), p), "GET", "/", nil)
		h.spend(t, n, r)
	}
}

// spendFrom sends n requests from an address.
func spendFrom(address string, n int) step {
	return func(t *testing.T, h *fixture) {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
		r.RemoteAddr = address
		h.spend(t, n, r)
	}
}

// failedLogin sends a wrong password for alice from the address of the other requests.
func failedLogin(t *testing.T, h *fixture) {
	r := httptest.NewRequestWithContext(t.Context(), "POST", "/login", strings.NewReader("username=alice&password=wrong"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.RemoteAddr = "127.0.0.1:1"
	if _, err := h.auth.WithDialect(nil).CheckLogin(r); wire.AsError(err).Reason != wire.ReasonCredentials {
		t.Fatal(err)
	}
}

// Edits of a fixture's configuration.

// oneFailedLogin allows one failed login, on both login routes together.
func oneFailedLogin(c *config) {
	c.auth.PasswordGrant = true
	c.auth.BruteForce.Login = middleware.Budget{Burst: 1, Every: time.Minute}
}

func passwordGrant(c *config) { c.auth.PasswordGrant = true }

func grace(c *config) { c.tokens.RetryGrace = time.Minute }

func failOpen(c *config) { c.auth.OnCounterFailure = ratelimit.FailOpen }

func policies(c *config) {
	c.auth.Tiers = ratelimit.Tiers{"free": {
		Limit: 100, Period: time.Hour, Concurrent: 3, Also: []ratelimit.Window{{Limit: 2, Period: time.Second}},
	}}
}

func olderHeaders(c *config) { c.auth.Headers.Draft = ratelimit.Draft06 }

func noHeaders(c *config) {
	c.auth.Headers = ratelimit.Headers{Draft: ratelimit.NoDraft, NoXRateLimit: true, NoRetryAfter: true}
}

func noAnonymous(c *config) {
	c.auth.Tiers = ratelimit.Tiers{"free": {Limit: 2, Period: time.Hour}}
}

func tierOf(tier string, seats int, err error) func(*config) {
	return func(c *config) {
		c.auth.TierOf = func(context.Context, tokens.Principal) (string, int, error) { return tier, seats, err }
	}
}

// badClaims is a host that sets a registered claim, which is not allowed.
func badClaims(c *config) {
	c.tokens.Claims = func(context.Context, store.User) (map[string]any, error) { return map[string]any{"exp": 0}, nil }
}

func ownClaims(c *config) {
	c.tokens.Claims = func(_ context.Context, u store.User) (map[string]any, error) {
		return map[string]any{"shop": u.Account + "-<1>"}, nil
	}
}

// registering registers an app without a secret and an api that may introspect,
// and has a deny list.
func registering(c *config) {
	w := c.tokens.Store.(*failingStore)
	grants := []string{tokens.GrantPassword, tokens.GrantRefresh, tokens.GrantExchange}
	for _, one := range []store.Client{
		{ID: "app", Grants: grants},
		{ID: "mute"},
		{ID: "api", Secrets: []store.Digest{sha256.Sum256([]byte("secret"))}},
	} {
		if err := w.SetClient(context.Background(), one); err != nil {
			panic(err)
		}
	}
	c.tokens.Clients, c.tokens.Revocations = w, w
	c.auth.PasswordGrant = true
	c.auth.MayIntrospect = func(_ context.Context, c store.Client) bool { return c.ID == "api" }
}
