// Package authtest is for the tests of a host: an Auth in one line, access tokens for
// any user, one clock, and what a refusal must look like.
//
//	func TestNotes(t *testing.T) {
//		f := authtest.New(t)
//		app := routes(f.Auth) // the host's own handlers
//		w := httptest.NewRecorder()
//		app.ServeHTTP(w, f.As(t, httptest.NewRequest("GET", "/notes", nil), authtest.User{Scopes: []string{"read"}}))
//		...
//		authtest.WantRefusal(t, w.Result(), authtest.Refusal{Status: 403, Code: "insufficient_scope"})
//	}
//
// Everything is in memory: there is no connection, no goroutine and no wait, so it also
// works in a bubble of testing/synctest. It imports no test
// framework, not even package testing, so it may be used from any.
package authtest

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/netip"
	"sync"
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

// TB is what this package needs of a *testing.T, *testing.B or *testing.F. Fatalf must
// not return.
type TB interface {
	// Helper marks its caller as one whose line is not that of a failure.
	Helper()

	// Errorf fails the test, which goes on.
	Errorf(format string, args ...any)

	// Fatalf fails the test and ends it.
	Fatalf(format string, args ...any)
}

// Config is the configuration of a Fixture, which New has filled in. The functions
// that are passed to New change it.
type Config struct {
	// Tokens is the configuration of Fixture.Tokens. Its Store, its APIKeys and its
	// keys are set. Its Store and its Now must not be changed. If its APIKeys are not set
	// to nil, its KeyOwner is called for owners of API keys that are no User of the test;
	// without one such an owner does not exist.
	Tokens tokens.Config

	// Auth is the configuration of Fixture.Auth. Its Tokens and its Now must not be
	// changed. Tiers are 100 requests an hour for anonymous callers, 500 for the tier
	// "free" and 5000 for "premium"; the client's address is that of the connection, or
	// 192.0.2.1 if the request has none.
	Auth middleware.Config

	// Store is the store of the Fixture, for other fields of Tokens, for example
	// Revocations. It must not be changed.
	Store *memstore.Store

	// Now is the clock before Advance, for tokens, store, limits and counters. Set it
	// to time.Now in a bubble of testing/synctest in which the test sleeps. Nil: a clock
	// that stands still at the time when New was called, in whole seconds.
	Now func() time.Time
}

// Fixture is an Auth with all that it needs. Create it with New. It shares nothing
// with another Fixture. It is safe for concurrent use.
type Fixture struct {
	// Auth is what the host's handlers are mounted with.
	Auth *middleware.Auth

	// Tokens issues and verifies the tokens of Auth.
	Tokens *tokens.Authority

	// Store has the users, sessions and API keys.
	Store *memstore.Store

	config   Config
	counters *counters // nil: the host has set others

	logins sync.Mutex // held while a user is changed and logs in

	mu       sync.Mutex
	advanced time.Duration
	claims   map[string]map[string]any // by the subject of the tokens
	owners   map[store.Owner]store.User
}

// New returns a Fixture whose Config the edits have changed, in this order. The
// configuration of the host can be used as it is: assign its fields, for example
// Tiers, Dialect and Limit. A Config that is wrong fails the test with all that is
// wrong with it.
func New(tb TB, edits ...func(*Config)) *Fixture {
	tb.Helper()
	f := &Fixture{claims: map[string]map[string]any{}, owners: map[store.Owner]store.User{}}
	if err := f.open(edits); err != nil {
		tb.Fatalf("authtest: %v", err)
	}
	return f
}

func (f *Fixture) open(edits []func(*Config)) error {
	// Hashes cost next to nothing: what they protect is no secret.
	hasher, err := passwords.New(passwords.Config{Memory: 8, Time: 1, Threads: 1, InsecureParameters: true})
	if err != nil {
		return err
	}
	if f.Store, err = memstore.New(memstore.Config{Passwords: hasher, Now: f.Now}); err != nil {
		return err
	}
	began := time.Now().Truncate(time.Second) //nolint:forbidigo // the clock of the test begins at the machine's
	f.config = Config{
		Store: f.Store,
		Now:   func() time.Time { return began },
		Tokens: tokens.Config{
			Store: f.Store, APIKeys: f.Store, Issuer: "https://issuer.example", Audience: "https://api.example",
			Keys:        []keys.Key{{Algorithm: "HS256", Secret: keys.NewSecret()}},
			RefreshKeys: []keys.Secret{keys.NewSecret()},
		},
		Auth: middleware.Config{
			ClientIP: clientIP,
			Tiers: ratelimit.Tiers{
				ratelimit.Anonymous: {Limit: 100, Period: time.Hour},
				"free":              {Limit: 500, Period: time.Hour},
				"premium":           {Limit: 5000, Period: time.Hour},
			},
		},
	}
	for _, edit := range edits {
		edit(&f.config)
	}
	c := &f.config
	if c.Now == nil {
		c.Now = func() time.Time { return began }
	}
	if err := f.check(); err != nil {
		return err
	}
	c.Tokens.Now, c.Auth.Now = f.Now, f.Now
	c.Tokens.Claims = f.withClaims(c.Tokens.Claims)
	if c.Tokens.APIKeys != nil {
		c.Tokens.KeyOwner = f.withOwners(c.Tokens.KeyOwner)
	}
	if c.Auth.Counters == nil {
		f.counters = &counters{now: f.Now}
		if err := f.counters.forget(); err != nil {
			return err
		}
		c.Auth.Counters = f.counters
	}
	if f.Tokens, err = tokens.New(c.Tokens); err != nil {
		return err
	}
	c.Auth.Tokens = f.Tokens
	f.Auth, err = middleware.New(c.Auth)
	return err
}

// check returns an error if an edit has changed what belongs to the Fixture.
func (f *Fixture) check() error {
	c := &f.config
	switch {
	case c.Store != f.Store, c.Tokens.Store != store.Store(f.Store):
		return errors.New("the store must not be changed: add users to Config.Store")
	case c.Tokens.Now != nil, c.Auth.Now != nil:
		return errors.New("Config.Tokens.Now and Config.Auth.Now must not be set: set Config.Now")
	case c.Auth.Tokens != nil, c.Auth.Verifier != nil:
		return errors.New("Config.Auth.Tokens and Config.Auth.Verifier must not be set: the Fixture makes the tokens")
	}
	return nil
}

// clientIP is the address of the connection. A request that was made without one is
// sent from an address of RFC 5737.
func clientIP(r *http.Request) (netip.Addr, error) {
	if r.RemoteAddr == "" {
		return netip.AddrFrom4([4]byte{192, 0, 2, 1}), nil
	}
	return clientip.RemoteAddr(r)
}

// Now returns the time of the Fixture: that of Config.Now, and what was advanced.
func (f *Fixture) Now() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.config.Now().Add(f.advanced)
}

// Advance advances the clock of tokens, store, limits and counters. It does not wait:
// a token expires, and a window of a limit ends, at once. d may be negative.
func (f *Fixture) Advance(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.advanced += d
}

// ResetLimits forgets everything that was counted: requests of all callers, failed
// logins and lockouts. The limits of one caller are reset by Auth.Reset. It fails the
// test if the host has set Config.Auth.Counters.
func (f *Fixture) ResetLimits(tb TB) {
	tb.Helper()
	if f.counters == nil {
		tb.Fatalf("authtest: ResetLimits needs the counters of the Fixture, and Config.Auth.Counters is set")
		return
	}
	if err := f.counters.forget(); err != nil {
		tb.Fatalf("authtest: %v", err)
	}
}

// withClaims returns the claims of the host's function and of the test.
func (f *Fixture) withClaims(host func(context.Context, store.User) (map[string]any, error)) func(context.Context, store.User) (map[string]any, error) {
	return func(ctx context.Context, u store.User) (map[string]any, error) {
		all := map[string]any{}
		if host != nil {
			claims, err := host(ctx, u)
			if err != nil {
				return nil, err
			}
			maps.Copy(all, claims)
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		maps.Copy(all, f.claims[u.ID])
		return all, nil
	}
}
