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
// scopes; carol's tier is in no table, and dave's has nothing to spend.
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

// config is all that a house is made of.
type config struct {
	tokens tokens.Config
	door   middleware.Config
}

// house is a door with everything behind it: nothing is shared with another
// house, and its clock stands still until a test moves it.
type house struct {
	door      *middleware.Auth
	authority *tokens.Authority
	store     *shaky
	counters  *ledger
	clock     *clock
	words     map[string]string // what {access} and {refresh} stand for in requests
}

func open(t *testing.T, edits ...func(*config)) *house {
	t.Helper()
	hasher, err := passwords.New(passwords.Config{Memory: 64, Time: 1, Threads: 1, InsecureParameters: true})
	if err != nil {
		t.Fatal(err)
	}
	h := &house{clock: &clock{now: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)}, words: map[string]string{}}
	memory, err := memstore.New(memstore.Config{Passwords: hasher, Now: h.clock.time})
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range []store.User{alice, bob, carol, dave} {
		if err := memory.AddUser(t.Context(), u, password); err != nil {
			t.Fatal(err)
		}
	}
	h.store = &shaky{Store: memory}
	h.counters = &ledger{now: h.clock.time, windows: map[string]window{}}
	c := config{
		tokens: tokens.Config{
			Store: h.store, APIKeys: h.store, Issuer: "https://issuer.example", Audience: "https://api.example",
			Keys:        []keys.Key{{ID: "hs", Algorithm: "HS256", Secret: secret("access")}},
			RefreshKeys: []keys.Secret{secret("refresh")},
			Now:         h.clock.time,
		},
		door: middleware.Config{
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
	c.door.Tokens = h.authority
	if h.door, err = middleware.New(c.door); err != nil {
		t.Fatal(err)
	}
	return h
}

// fill puts what the house has handed out in the place of the words.
func (h *house) fill(text string) string {
	for word, value := range h.words {
		text = strings.ReplaceAll(text, "{"+word+"}", value)
	}
	return text
}

// login lets a user in, whose tokens are {access} and {refresh} from then on.
func (h *house) login(t *testing.T, r tokens.LoginRequest) {
	t.Helper()
	r.Password = password
	p, err := h.authority.Login(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	h.words["access"], h.words["refresh"] = string(p.AccessToken), string(p.RefreshToken)
	h.words["sid"] = p.Principal.SessionID
}

// refresh moves the session on; the token that did it is {spent}.
func (h *house) refresh(t *testing.T) {
	t.Helper()
	p, err := h.authority.Refresh(t.Context(), tokens.RefreshRequest{Token: tokens.Secret(h.words["refresh"])})
	if err != nil {
		t.Fatal(err)
	}
	h.words["spent"] = h.words["refresh"]
	h.words["access"], h.words["refresh"] = string(p.AccessToken), string(p.RefreshToken)
}

// spend makes requests that the limit counts.
func (h *house) spend(t *testing.T, n int, r *http.Request) {
	t.Helper()
	for range n {
		if _, err := h.door.CheckLimit(r); err != nil {
			t.Fatal(err)
		}
	}
}

// secret makes 32 bytes, always the same for a name.
func secret(name string) keys.Secret {
	sum := sha256.Sum256([]byte(name))
	return keys.Secret(sum[:])
}

// clock stands still until it is moved.
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

// shaky is a store that fails while it has a failure. That is set before the
// request that is to meet it.
type shaky struct {
	*memstore.Store
	failure error
}

func (s *shaky) Authenticate(ctx context.Context, login, password string) (store.User, error) {
	if s.failure != nil {
		return store.User{}, s.failure
	}
	return s.Store.Authenticate(ctx, login, password)
}

func (s *shaky) Session(ctx context.Context, id string) (store.Session, error) {
	if s.failure != nil {
		return store.Session{}, s.failure
	}
	return s.Store.Session(ctx, id)
}

func (s *shaky) UserSessions(ctx context.Context, userID string) ([]store.Session, error) {
	if s.failure != nil {
		return nil, s.failure
	}
	return s.Store.UserSessions(ctx, userID)
}

func (s *shaky) RevokeUserSessions(ctx context.Context, userID string, at, since time.Time) ([]string, error) {
	if s.failure != nil {
		return nil, s.failure
	}
	return s.Store.RevokeUserSessions(ctx, userID, at, since)
}

func (s *shaky) APIKey(ctx context.Context, digest store.Digest) (store.APIKey, error) {
	if s.failure != nil {
		return store.APIKey{}, s.failure
	}
	return s.Store.APIKey(ctx, digest)
}
