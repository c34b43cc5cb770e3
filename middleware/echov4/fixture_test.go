package echov4_test

import (
	"context"
	"crypto/sha256"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/echov4"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/memstore"
	"github.com/sallyport-go/sallyport/store/passwords"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

const (
	password = "correct-horse-battery"
	realm    = "shop"
)

// alice shares her account's quota and holds scopes; bob has neither account nor
// scopes; carol's tier is not configured, and dave's tier has a limit of zero.
var (
	alice = store.User{ID: "u-alice", Login: "alice", Account: "acme", Tier: "free", Seats: 2, Scopes: []string{"read", "write"}}
	bob   = store.User{ID: "u-bob", Login: "bob", Tier: "premium", Seats: 1}
	carol = store.User{ID: "u-carol", Login: "carol", Tier: "gone", Seats: 1}
	dave  = store.User{ID: "u-dave", Login: "dave", Tier: "suspended", Seats: 1}
)

var tiers = ratelimit.Tiers{
	ratelimit.Anonymous: {Limit: 2, Period: time.Hour},
	"free":              {Limit: 2, Period: time.Hour, PerSeat: true}, // four for alice's two seats
	"premium":           {Limit: 1000, Period: time.Hour},
	"suspended":         {Limit: 0, Period: time.Minute},
}

// config is the configuration of a fixture.
type config struct {
	tokens tokens.Config
	auth   middleware.Config
}

// fixture is an Auth with its store, counters and clock. It shares nothing with
// another fixture. Its clock stands still until a test moves it.
type fixture struct {
	auth      *middleware.Auth
	authority *tokens.Authority
	store     *failingStore
	counters  *fakeCounters
	clock     *clock
	words     map[string]string // what {access} and {refresh} stand for in requests
}

func open(t *testing.T, edits ...func(*config)) *fixture {
	t.Helper()
	hasher, err := passwords.New(passwords.Config{Memory: 64, Time: 1, Threads: 1, InsecureParameters: true})
	if err != nil {
		t.Fatal(err)
	}
	h := &fixture{clock: &clock{now: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)}, words: map[string]string{}}
	memory, err := memstore.New(memstore.Config{Passwords: hasher, Now: h.clock.time})
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range []store.User{alice, bob, carol, dave} {
		if err := memory.AddUser(t.Context(), u, password); err != nil {
			t.Fatal(err)
		}
	}
	h.store = &failingStore{Store: memory}
	h.counters = &fakeCounters{now: h.clock.time, windows: map[string]window{}}
	c := config{
		tokens: tokens.Config{
			Store: h.store, APIKeys: h.store, Issuer: "https://issuer.example", Audience: "https://api.example",
			Keys:        []keys.Key{{ID: "hs", Algorithm: "HS256", Secret: secret("access")}},
			RefreshKeys: []keys.Secret{secret("refresh")},
			Now:         h.clock.time,
		},
		auth: middleware.Config{
			Tiers: tiers, ClientIP: echov4.ClientIP(echo.ExtractIPDirect()),
			Counters: h.counters, Realm: realm, Now: h.clock.time,
		},
	}
	for _, edit := range edits {
		edit(&c)
	}
	if h.authority, err = tokens.New(c.tokens); err != nil {
		t.Fatal(err)
	}
	c.auth.Tokens = h.authority
	if h.auth, err = middleware.New(c.auth); err != nil {
		t.Fatal(err)
	}
	return h
}

// fill replaces {access}, {refresh} and the like with the fixture's values.
func (h *fixture) fill(text string) string {
	for word, value := range h.words {
		text = strings.ReplaceAll(text, "{"+word+"}", value)
	}
	return text
}

// login logs a user in. The tokens are {access} and {refresh} from then on.
func (h *fixture) login(t *testing.T, r tokens.LoginRequest) {
	t.Helper()
	r.Password = password
	p, err := h.authority.Login(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	h.words["access"], h.words["refresh"] = string(p.AccessToken), string(p.RefreshToken)
	h.words["sid"] = p.Principal.SessionID
}

// refresh uses {refresh} for a new pair. The used token is {spent} from then on.
func (h *fixture) refresh(t *testing.T) {
	t.Helper()
	p, err := h.authority.Refresh(t.Context(), tokens.RefreshRequest{Token: tokens.Secret(h.words["refresh"])})
	if err != nil {
		t.Fatal(err)
	}
	h.words["spent"] = h.words["refresh"]
	h.words["access"], h.words["refresh"] = string(p.AccessToken), string(p.RefreshToken)
}

// spend sends n requests that the rate limit counts.
func (h *fixture) spend(t *testing.T, n int, r *http.Request) {
	t.Helper()
	for range n {
		if _, err := h.auth.CheckLimit(r); err != nil {
			t.Fatal(err)
		}
	}
}

// secret returns 32 bytes that depend on the name alone.
func secret(name string) keys.Secret {
	sum := sha256.Sum256([]byte(name))
	return keys.Secret(sum[:])
}

// clock is a clock that only move moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) time() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// failingStore is a store that returns failure, if it is set. A test sets it before
// its request.
type failingStore struct {
	*memstore.Store
	failure error
}

func (s *failingStore) Authenticate(ctx context.Context, login, password string) (store.User, error) {
	if s.failure != nil {
		return store.User{}, s.failure
	}
	return s.Store.Authenticate(ctx, login, password)
}

func (s *failingStore) Session(ctx context.Context, id string) (store.Session, error) {
	if s.failure != nil {
		return store.Session{}, s.failure
	}
	return s.Store.Session(ctx, id)
}

func (s *failingStore) UserSessions(ctx context.Context, userID string) ([]store.Session, error) {
	if s.failure != nil {
		return nil, s.failure
	}
	return s.Store.UserSessions(ctx, userID)
}

func (s *failingStore) RevokeUserSessions(ctx context.Context, userID string, at, since time.Time) ([]string, error) {
	if s.failure != nil {
		return nil, s.failure
	}
	return s.Store.RevokeUserSessions(ctx, userID, at, since)
}

func (s *failingStore) APIKey(ctx context.Context, digest store.Digest) (store.APIKey, error) {
	if s.failure != nil {
		return store.APIKey{}, s.failure
	}
	return s.Store.APIKey(ctx, digest)
}
