package tokens_test

import (
	"crypto/sha256"
	"errors"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/internal/eventtest"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

const (
	issuer   = "https://issuer.example"
	audience = "https://api.example"
	password = tokens.Secret("correct horse & battery")
)

// alice holds scopes, bob lives as in a host that has none.
var (
	alice = store.User{ID: "u-alice", Login: "alice", Account: "acme", Tier: "free", Seats: 3, Scopes: []string{"read", "write", "admin"}}
	bob   = store.User{ID: "u-bob", Login: "bob", Tier: "premium", Seats: 1}
)

// fixture is an Authority on a store that can be spied on, with a clock that can be
// moved and a journal of its events.
type fixture struct {
	*tokens.Authority
	config  tokens.Config
	store   *storeSpy
	clock   *clock
	journal *eventtest.Journal
}

func open(tb testing.TB, edits ...func(*tokens.Config)) *fixture {
	tb.Helper()
	r := &fixture{store: newStoreSpy(tb), clock: &clock{now: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)}, journal: &eventtest.Journal{}}
	for _, u := range []store.User{alice, bob} {
		if err := r.store.memory.AddUser(tb.Context(), u, string(password)); err != nil {
			tb.Fatal(err)
		}
	}
	r.config = tokens.Config{
		Store: r.store, APIKeys: r.store, Issuer: issuer, Audience: audience,
		Keys:        []keys.Key{{ID: "hs", Algorithm: "HS256", Secret: secret("access", 32)}},
		RefreshKeys: []keys.Secret{secret("refresh", 32)},
		Now:         r.clock.time, Events: r.journal.Note,
	}
	for _, edit := range edits {
		edit(&r.config)
	}
	r.Authority = authority(tb, r.config)
	return r
}

func authority(tb testing.TB, c tokens.Config) *tokens.Authority {
	tb.Helper()
	a, err := tokens.New(c)
	if err != nil {
		tb.Fatal(err)
	}
	return a
}

func graceOf(d time.Duration) func(*tokens.Config) {
	return func(c *tokens.Config) { c.RetryGrace = d }
}

// login lets alice in.
func (r *fixture) login(tb testing.TB) tokens.Pair {
	tb.Helper()
	return r.loginWith(tb, tokens.LoginRequest{Login: "alice", Password: password})
}

func (r *fixture) loginWith(tb testing.TB, req tokens.LoginRequest) tokens.Pair {
	tb.Helper()
	p, err := r.Login(tb.Context(), req)
	if err != nil {
		tb.Fatalf("Login: %v", err)
	}
	return p
}

func (r *fixture) refresh(tb testing.TB, token tokens.Secret) tokens.Pair {
	tb.Helper()
	return r.refreshWith(tb, tokens.RefreshRequest{Token: token})
}

func (r *fixture) refreshWith(tb testing.TB, req tokens.RefreshRequest) tokens.Pair {
	tb.Helper()
	p, err := r.Refresh(tb.Context(), req)
	if err != nil {
		tb.Fatalf("Refresh: %v", err)
	}
	return p
}

// refused wants the refresh of a token to fail with err.
func (r *fixture) refused(tb testing.TB, token tokens.Secret, err error) {
	tb.Helper()
	r.refusedWith(tb, tokens.RefreshRequest{Token: token}, err)
}

func (r *fixture) refusedWith(tb testing.TB, req tokens.RefreshRequest, want error) {
	tb.Helper()
	p, err := r.Refresh(tb.Context(), req)
	wantError(tb, err, want)
	if !reflect.DeepEqual(p, tokens.Pair{}) {
		tb.Error("the refusal came with a pair")
	}
}

func (r *fixture) verify(tb testing.TB, token tokens.Secret) tokens.Principal {
	tb.Helper()
	p, err := r.Verify(tb.Context(), token)
	if err != nil {
		tb.Fatalf("Verify: %v", err)
	}
	return p
}

// unchanged wants the store to hold after f what it held before.
func (r *fixture) unchanged(tb testing.TB, f func()) {
	tb.Helper()
	before := r.store.rows(tb)
	f()
	if after := r.store.rows(tb); !reflect.DeepEqual(before, after) {
		tb.Errorf("the store changed\nfrom %+v\nto   %+v", before, after)
	}
}

// withdrawn wants f to leave one session more than there were, which is revoked,
// and all else as it was.
func (r *fixture) withdrawn(tb testing.TB, f func()) {
	tb.Helper()
	before := r.store.rows(tb)
	f()
	after := r.store.rows(tb)
	n := len(before.Sessions)
	if len(after.Sessions) != n+1 || after.Sessions[n].RevokedAt.IsZero() {
		tb.Errorf("the sessions are %+v, want one that is revoked after %+v", after.Sessions, before.Sessions)
		return
	}
	after.Sessions = slices.Delete(after.Sessions, n, n+1)
	if len(after.Sessions) == 0 {
		after.Sessions = nil
	}
	if !reflect.DeepEqual(before, after) {
		tb.Errorf("the store changed\nfrom %+v\nto   %+v", before, after)
	}
}

// kinds of refusal, of which an error is exactly one.
var kinds = []error{
	tokens.ErrMalformed, tokens.ErrInvalidClient, tokens.ErrUnauthorizedClient, tokens.ErrBadCredentials, tokens.ErrRefused, tokens.ErrSecondFactor, tokens.ErrInvalidScope, tokens.ErrExpiredRefresh,
	tokens.ErrRevokedRefresh, tokens.ErrReused, tokens.ErrWrongClient, tokens.ErrInvalidToken,
	tokens.ErrExpiredToken, tokens.ErrInvalidKey, tokens.ErrReplaced, tokens.ErrUnsupportedToken, tokens.ErrNoSession, tokens.ErrUnavailable, tokens.ErrClaims,
}

// wantError wants err to be of the kind want, and of no other.
func wantError(tb testing.TB, err, want error) {
	tb.Helper()
	if !errors.Is(err, want) {
		tb.Errorf("error = %v, want %v", err, want)
		return
	}
	for _, kind := range kinds {
		if errors.Is(err, kind) && !errors.Is(want, kind) {
			tb.Errorf("error = %v, want %v, and it is %v as well", err, want, kind)
		}
	}
	if errors.Is(err, tokens.ErrInvalidRefresh) && !errors.Is(want, tokens.ErrInvalidRefresh) {
		tb.Errorf("error = %v, want %v, and it is an ErrInvalidRefresh as well", err, want)
	}
}

// secret makes n bytes, always the same for a name.
func secret(name string, n int) keys.Secret {
	var b []byte
	for sum := sha256.Sum256([]byte(name)); len(b) < n; sum = sha256.Sum256(sum[:]) {
		b = append(b, sum[:]...)
	}
	return keys.Secret(b[:n])
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
