// Package adaptertest has what the tests of the adapters for web frameworks share: a
// fixture, requests in a table, and the comparison of an adapter's answers with those
// of net/http.
package adaptertest

import (
	"context"
	"crypto/sha256"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/memstore"
	"github.com/sallyport-go/sallyport/store/passwords"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

// Password is that of each user of a [Fixture].
const Password = "correct-horse-battery"

// Alice and the others are the users of a [Fixture]. Alice shares her account's quota and holds scopes; bob has neither account nor
// scopes; carol's tier is not configured, and dave's tier has a limit of zero.
var (
	Alice = store.User{ID: "u-alice", Login: "alice", Account: "acme", Tier: "free", Seats: 2, Scopes: []string{"read", "write"}}
	bob   = store.User{ID: "u-bob", Login: "bob", Tier: "premium", Seats: 1}
	carol = store.User{ID: "u-carol", Login: "carol", Tier: "gone", Seats: 1}
	dave  = store.User{ID: "u-dave", Login: "dave", Tier: "suspended", Seats: 1}
)

// Tiers are those of a [Fixture].
var Tiers = ratelimit.Tiers{
	ratelimit.Anonymous: {Limit: 2, Period: time.Hour},
	"free":              {Limit: 2, Period: time.Hour, PerSeat: true}, // four for alice's two seats
	"premium":           {Limit: 1000, Period: time.Hour},
	"suspended":         {Limit: 0, Period: time.Minute},
}

// Config is the configuration of a fixture.
type Config struct {
	Tokens tokens.Config
	Auth   middleware.Config
}

// Fixture is an Auth with its store, counters and clock. It shares nothing with
// another fixture. Its clock stands still until a test moves it.
type Fixture struct {
	Auth      *middleware.Auth
	Authority *tokens.Authority
	Store     *failingStore
	Counters  *fakeCounters
	Clock     *clock
	Words     map[string]string // what {access} and {refresh} stand for in requests
}

// Open returns a Fixture whose configuration the edits have changed.
func Open(t *testing.T, edits ...func(*Config)) *Fixture {
	t.Helper()
	hasher, err := passwords.New(passwords.Config{Memory: 8, Time: 1, Threads: 1, InsecureParameters: true})
	if err != nil {
		t.Fatal(err)
	}
	h := &Fixture{Clock: &clock{now: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)}, Words: map[string]string{}}
	memory, err := memstore.New(memstore.Config{Passwords: hasher, Now: h.Clock.Time})
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range []store.User{Alice, bob, carol, dave} {
		if err := memory.AddUser(t.Context(), u, Password); err != nil {
			t.Fatal(err)
		}
	}
	h.Store = &failingStore{Store: memory}
	h.Counters = &fakeCounters{now: h.Clock.Time, windows: map[string]window{}}
	c := Config{
		Tokens: tokens.Config{
			Store: h.Store, APIKeys: h.Store, Issuer: "https://issuer.example", Audience: "https://api.example",
			Keys:        []keys.Key{{ID: "hs", Algorithm: "HS256", Secret: secret("access")}},
			RefreshKeys: []keys.Secret{secret("refresh")},
			Now:         h.Clock.Time,
		},
		Auth: middleware.Config{
			Tiers: Tiers, ClientIP: clientip.RemoteAddr,
			Counters: h.Counters, Realm: "shop", Now: h.Clock.Time,
		},
	}
	for _, edit := range edits {
		edit(&c)
	}
	if h.Authority, err = tokens.New(c.Tokens); err != nil {
		t.Fatal(err)
	}
	c.Auth.Tokens = h.Authority
	if h.Auth, err = middleware.New(c.Auth); err != nil {
		t.Fatal(err)
	}
	return h
}

// Fill replaces {access}, {refresh} and the like with the fixture's values.
func (h *Fixture) Fill(text string) string {
	for word, value := range h.Words {
		text = strings.ReplaceAll(text, "{"+word+"}", value)
	}
	return text
}

// Login logs a user in. The tokens are {access} and {refresh} from then on.
func (h *Fixture) Login(t *testing.T, r tokens.LoginRequest) {
	t.Helper()
	r.Password = Password
	p, err := h.Authority.Login(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	h.Words["access"], h.Words["refresh"] = string(p.AccessToken), string(p.RefreshToken)
	h.Words["sid"] = p.Principal.SessionID
}

// Refresh uses {refresh} for a new pair. The used token is {spent} from then on.
func (h *Fixture) Refresh(t *testing.T) {
	t.Helper()
	p, err := h.Authority.Refresh(t.Context(), tokens.RefreshRequest{Token: tokens.Secret(h.Words["refresh"])})
	if err != nil {
		t.Fatal(err)
	}
	h.Words["spent"] = h.Words["refresh"]
	h.Words["access"], h.Words["refresh"] = string(p.AccessToken), string(p.RefreshToken)
}

// Spend sends n requests that the rate limit counts.
func (h *Fixture) Spend(t *testing.T, n int, r *http.Request) {
	t.Helper()
	for range n {
		if _, err := h.Auth.CheckLimit(r); err != nil {
			t.Fatal(err)
		}
	}
}

// secret returns 32 bytes that depend on the name alone.
func secret(name string) keys.Secret {
	sum := sha256.Sum256([]byte(name))
	return keys.Secret(sum[:])
}

// clock is a clock that only Move moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Time() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// failingStore is a store that returns failure, if it is set. A test sets it before
// its request.
type failingStore struct {
	*memstore.Store
	Failure error
}

func (s *failingStore) Authenticate(ctx context.Context, login, password string) (store.User, error) {
	if s.Failure != nil {
		return store.User{}, s.Failure
	}
	return s.Store.Authenticate(ctx, login, password)
}

func (s *failingStore) Session(ctx context.Context, id string) (store.Session, error) {
	if s.Failure != nil {
		return store.Session{}, s.Failure
	}
	return s.Store.Session(ctx, id)
}

func (s *failingStore) UserSessions(ctx context.Context, userID string, after store.Cursor, limit int) ([]store.Session, error) {
	if s.Failure != nil {
		return nil, s.Failure
	}
	return s.Store.UserSessions(ctx, userID, after, limit)
}

func (s *failingStore) RevokeUserSessions(ctx context.Context, userID, except string, at, since time.Time) ([]string, error) {
	if s.Failure != nil {
		return nil, s.Failure
	}
	return s.Store.RevokeUserSessions(ctx, userID, except, at, since)
}

func (s *failingStore) APIKeyByID(ctx context.Context, id string) (store.APIKey, error) {
	if s.Failure != nil {
		return store.APIKey{}, s.Failure
	}
	return s.Store.APIKeyByID(ctx, id)
}

func (s *failingStore) APIKey(ctx context.Context, digest store.Digest) (store.APIKey, error) {
	if s.Failure != nil {
		return store.APIKey{}, s.Failure
	}
	return s.Store.APIKey(ctx, digest)
}
