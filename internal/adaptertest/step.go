package adaptertest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
)

// Step changes the fixture before a request.
type Step func(*testing.T, *Fixture)

// errDriver is a store's error whose text no answer may contain.
var errDriver = errors.New("dial tcp 10.0.0.7:5432: connection refused")

// Login logs alice in.
func Login(t *testing.T, h *Fixture) { h.Login(t, tokens.LoginRequest{Login: "alice"}) }

// LoginAs logs a user in.
func LoginAs(name string) Step {
	return func(t *testing.T, h *Fixture) { h.Login(t, tokens.LoginRequest{Login: name}) }
}

func loginFor(scopes ...string) Step {
	return func(t *testing.T, h *Fixture) { h.Login(t, tokens.LoginRequest{Login: "alice", Scopes: scopes}) }
}

func loginBy(client string) Step {
	return func(t *testing.T, h *Fixture) { h.Login(t, tokens.LoginRequest{Login: "alice", ClientID: client}) }
}

// Refresh uses {refresh}, which is {spent} then.
func Refresh(t *testing.T, h *Fixture) { h.Refresh(t) }

// reuse presents {spent}, which ends its session.
func reuse(t *testing.T, h *Fixture) {
	_, err := h.Authority.Refresh(t.Context(), tokens.RefreshRequest{Token: tokens.Secret(h.Words["spent"])})
	if !errors.Is(err, tokens.ErrReused) {
		t.Fatalf("error = %v, want %v", err, tokens.ErrReused)
	}
}

func logout(t *testing.T, h *Fixture) {
	if err := h.Authority.Logout(t.Context(), tokens.RefreshRequest{Token: tokens.Secret(h.Words["refresh"])}); err != nil {
		t.Fatal(err)
	}
}

func later(d time.Duration) Step {
	return func(_ *testing.T, h *Fixture) { h.Clock.Move(d) }
}

// remove deletes alice.
func remove(t *testing.T, h *Fixture) {
	if err := h.Store.RemoveUser(t.Context(), Alice.ID); err != nil {
		t.Fatal(err)
	}
}

// key creates an API key of alice's, {key}, that is valid for a day.
func key(t *testing.T, h *Fixture) {
	text, k, err := h.Authority.CreateAPIKey(t.Context(), store.Owner{ID: Alice.ID}, tokens.KeyOptions{Label: "CI", Scopes: []string{"read"}, Expires: h.Clock.Time().Add(24 * time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	h.Words["key"], h.Words["key id"] = string(text), k.ID
}

// networkKey creates an API key of alice's, {key}, that no request may use from where
// it comes from.
func networkKey(t *testing.T, h *Fixture) {
	text, _, err := h.Authority.CreateAPIKey(t.Context(), store.Owner{ID: Alice.ID}, tokens.KeyOptions{Networks: []netip.Prefix{netip.MustParsePrefix("203.0.113.77/32")}})
	if err != nil {
		t.Fatal(err)
	}
	h.Words["key"] = string(text)
}

// replaceKey gives {key id} a successor.
func replaceKey(t *testing.T, h *Fixture) {
	if _, _, err := h.Authority.ReplaceAPIKey(t.Context(), store.Owner{ID: Alice.ID}, h.Words["key id"], tokens.Replacement{}); err != nil {
		t.Fatal(err)
	}
}

func revokeKey(t *testing.T, h *Fixture) {
	if err := h.Store.RevokeAPIKey(t.Context(), h.Words["key id"], h.Clock.Time()); err != nil {
		t.Fatal(err)
	}
}

// StoreFails makes the store return errors.
func StoreFails(_ *testing.T, h *Fixture) { h.Store.Failure = errDriver }

func storeIsSlow(_ *testing.T, h *Fixture) {
	h.Store.Failure = fmt.Errorf("%w: %w", errDriver, context.DeadlineExceeded)
}

func countersFail(_ *testing.T, h *Fixture) { h.Counters.Failure = errDriver }

// Spend sends n requests with {access}.
func Spend(n int) Step {
	return func(t *testing.T, h *Fixture) {
		p, err := h.Authority.Verify(t.Context(), tokens.Secret(h.Words["access"]))
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequestWithContext(tokens.WithPrincipal(t.Context(), p), "GET", "/", nil)
		h.Spend(t, n, r)
	}
}

// spendFrom sends n requests from an address.
func spendFrom(address string, n int) Step {
	return func(t *testing.T, h *Fixture) {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
		r.RemoteAddr = address
		h.Spend(t, n, r)
	}
}

// failedLogin sends a wrong password for alice from the address of the other requests.
func failedLogin(t *testing.T, h *Fixture) {
	r := httptest.NewRequestWithContext(t.Context(), "POST", "/login", strings.NewReader("username=alice&password=wrong"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.RemoteAddr = "127.0.0.1:1"
	if _, err := h.Auth.WithDialect(nil).CheckLogin(r); wire.AsError(err).Reason != wire.ReasonCredentials {
		t.Fatal(err)
	}
}

// Edits of a fixture's configuration.

// oneFailedLogin allows one failed login, on both login routes together.
func oneFailedLogin(c *Config) {
	c.Auth.PasswordGrant = true
	c.Auth.BruteForce.Login = middleware.Budget{Burst: 1, Every: time.Minute}
}

func passwordGrant(c *Config) { c.Auth.PasswordGrant = true }

func grace(c *Config) { c.Tokens.RetryGrace = time.Minute }

func failOpen(c *Config) { c.Auth.OnCounterFailure = ratelimit.FailOpen }

func policies(c *Config) {
	c.Auth.Tiers = ratelimit.Tiers{"free": {
		Limit: 100, Period: time.Hour, Concurrent: 3, Also: []ratelimit.Window{{Limit: 2, Period: time.Second}},
	}}
}

func olderHeaders(c *Config) { c.Auth.Headers.Draft = ratelimit.Draft06 }

func noHeaders(c *Config) {
	c.Auth.Headers = ratelimit.Headers{Draft: ratelimit.NoDraft, NoXRateLimit: true, NoRetryAfter: true}
}

func noAnonymous(c *Config) {
	c.Auth.Tiers = ratelimit.Tiers{"free": {Limit: 2, Period: time.Hour}}
}

func tierOf(tier string, seats int, err error) func(*Config) {
	return func(c *Config) {
		c.Auth.TierOf = func(context.Context, tokens.Principal) (string, int, error) { return tier, seats, err }
	}
}

// badClaims is a host that sets a registered claim, which is not allowed.
func badClaims(c *Config) {
	c.Tokens.Claims = func(context.Context, store.User) (map[string]any, error) { return map[string]any{"exp": 0}, nil }
}

func ownClaims(c *Config) {
	c.Tokens.Claims = func(_ context.Context, u store.User) (map[string]any, error) {
		return map[string]any{"shop": u.Account + "-<1>"}, nil
	}
}

// secretive has a default client that must show a secret, which no login of Lexik can.
func secretive(c *Config) {
	registering(c)
	c.Tokens.DefaultClient = "api"
}

// registering registers an app without a secret and an api that may introspect,
// and has a deny list.
func registering(c *Config) {
	w := c.Tokens.Store.(*failingStore)
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
	c.Tokens.Clients, c.Tokens.Revocations = w, w
	c.Auth.PasswordGrant = true
	c.Auth.MayIntrospect = func(_ context.Context, c store.Client) bool { return c.ID == "api" }
}

// factored is a store whose users have a second factor.
type factored struct{ store.Store }

func (s factored) Authenticate(ctx context.Context, login, password string) (store.User, error) {
	u, err := s.Store.Authenticate(ctx, login, password)
	if err != nil {
		return store.User{}, err
	}
	return store.User{}, &store.SecondFactorError{UserID: u.ID, CredentialVersion: u.CredentialVersion, Methods: []string{"otp"}}
}

// twoFactors asks each user for a code, which is 123456.
func twoFactors(c *Config) {
	c.Tokens.Store = factored{c.Tokens.Store}
	c.Tokens.SecondFactor = func(_ context.Context, _, _, code string) ([]string, error) {
		if code != "123456" {
			return nil, store.ErrBadCredentials
		}
		return []string{"otp"}, nil
	}
}

// twoFactorsInCookies is twoFactors for a browser.
func twoFactorsInCookies(c *Config) {
	twoFactors(c)
	inCookies(c)
}

// firstStep logs alice in by her password. The step token is {step} from then on.
func firstStep(t *testing.T, h *Fixture) {
	t.Helper()
	_, err := h.Authority.Login(t.Context(), tokens.LoginRequest{Login: "alice", Password: Password})
	step, ok := errors.AsType[*tokens.StepError](err)
	if !ok {
		t.Fatal(err)
	}
	h.Words["step"] = string(step.Token)
}
