// Package openapi_test sends every operation what it answers, and holds the answers
// against the document that describes them, by a validator of others.
package openapi_test

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/openapi"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/memstore"
	"github.com/sallyport-go/sallyport/store/passwords"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

const password = "correct horse"

var (
	alice = store.User{ID: "u-alice", Login: "alice", Account: "a-alice", Tier: "free", Seats: 1, Scopes: []string{"read", "write"}}
	zero  = store.User{ID: "u-zero", Login: "zero", Account: "a-zero", Tier: "closed", Seats: 1, Scopes: []string{"read"}}
	bob   = store.User{ID: "u-bob", Login: "bob", Account: "a-bob", Tier: "free", Seats: 1, Scopes: []string{"read", "write"}}
	lost  = store.User{ID: "u-lost", Login: "lost", Account: "a-lost", Tier: "renamed", Seats: 1, Scopes: []string{"read"}}
)

// failing is a store that fails while it is down, and refuses some users.
type failing struct {
	*memstore.Store

	down atomic.Bool
}

var errDown = errors.New("the database is down")

func (s *failing) err() error {
	if s.down.Load() {
		return errDown
	}
	return nil
}

func asked[T any](s *failing, f func() (T, error)) (T, error) {
	if err := s.err(); err != nil {
		var nothing T
		return nothing, err
	}
	return f()
}

func (s *failing) Authenticate(ctx context.Context, login, secret string) (store.User, error) {
	return asked(s, func() (store.User, error) {
		switch login {
		case "locked":
			return store.User{}, &store.RefusalError{UserID: "u-locked", Code: "locked", Description: "The account is locked"}
		case "factor":
			u, err := s.Store.User(ctx, alice.ID)
			return store.User{}, cmp.Or[error](err, &store.SecondFactorError{UserID: alice.ID, CredentialVersion: u.CredentialVersion, Methods: []string{"otp"}})
		}
		return s.Store.Authenticate(ctx, login, secret)
	})
}

func (s *failing) User(ctx context.Context, id string) (store.User, error) {
	return asked(s, func() (store.User, error) { return s.Store.User(ctx, id) })
}

func (s *failing) Session(ctx context.Context, id string) (store.Session, error) {
	return asked(s, func() (store.Session, error) { return s.Store.Session(ctx, id) })
}

func (s *failing) UserSessions(ctx context.Context, user string, after store.Cursor, limit int) ([]store.Session, error) {
	return asked(s, func() ([]store.Session, error) { return s.Store.UserSessions(ctx, user, after, limit) })
}

func (s *failing) RevokeUserSessions(ctx context.Context, user, except string, at, since time.Time) ([]string, error) {
	return asked(s, func() ([]string, error) { return s.Store.RevokeUserSessions(ctx, user, except, at, since) })
}

func (s *failing) APIKey(ctx context.Context, digest store.Digest) (store.APIKey, error) {
	return asked(s, func() (store.APIKey, error) { return s.Store.APIKey(ctx, digest) })
}

func (s *failing) SessionDenied(ctx context.Context, sid string) (bool, error) {
	return asked(s, func() (bool, error) { return s.Store.SessionDenied(ctx, sid) })
}

func (s *failing) Client(ctx context.Context, id string) (store.Client, error) {
	return asked(s, func() (store.Client, error) { return s.Store.Client(ctx, id) })
}

// failingCounters are counters that fail while the store is down.
type failingCounters struct {
	ratelimit.Counters

	down *atomic.Bool
}

func (c *failingCounters) Take(ctx context.Context, charges []ratelimit.Charge, dst []ratelimit.Status) (ratelimit.Decision, error) {
	if c.down.Load() {
		return ratelimit.Decision{}, errDown
	}
	return c.Counters.Take(ctx, charges, dst)
}

// config is what a setup may change.
type config struct {
	tokens tokens.Config
	auth   middleware.Config
}

// host is a server with all operations in one wire format.
type host struct {
	store     *failing
	authority *tokens.Authority
	auth      *middleware.Auth
	mux       *http.ServeMux
	document  *openapi.Document
	routes    []openapi.Route
	clock     atomic.Int64 // what was added to the time, in seconds
	badClaims atomic.Bool
	secret    tokens.Secret // of the client "app"
}

var handlers = map[openapi.Operation]func(*middleware.Auth) http.HandlerFunc{
	openapi.Login:            func(a *middleware.Auth) http.HandlerFunc { return a.Login },
	openapi.CompleteLogin:    func(a *middleware.Auth) http.HandlerFunc { return a.CompleteLogin },
	openapi.Refresh:          func(a *middleware.Auth) http.HandlerFunc { return a.Refresh },
	openapi.Logout:           func(a *middleware.Auth) http.HandlerFunc { return a.Logout },
	openapi.LogoutEverywhere: func(a *middleware.Auth) http.HandlerFunc { return a.LogoutEverywhere },
	openapi.Token:            func(a *middleware.Auth) http.HandlerFunc { return a.Token },
	openapi.Revoke:           func(a *middleware.Auth) http.HandlerFunc { return a.Revoke },
	openapi.Introspect:       func(a *middleware.Auth) http.HandlerFunc { return a.Introspect },
	openapi.Sessions:         func(a *middleware.Auth) http.HandlerFunc { return a.Sessions },
	openapi.EndSession:       func(a *middleware.Auth) http.HandlerFunc { return a.EndSession },
	openapi.EndOtherSessions: func(a *middleware.Auth) http.HandlerFunc { return a.EndOtherSessions },
	openapi.APIKeys:          func(a *middleware.Auth) http.HandlerFunc { return a.APIKeys },
	openapi.CreateAPIKey:     func(a *middleware.Auth) http.HandlerFunc { return a.CreateAPIKey },
	openapi.ReplaceAPIKey:    func(a *middleware.Auth) http.HandlerFunc { return a.ReplaceAPIKey },
	openapi.RevokeAPIKey:     func(a *middleware.Auth) http.HandlerFunc { return a.RevokeAPIKey },
	openapi.Quota:            func(a *middleware.Auth) http.HandlerFunc { return a.Quota },
	openapi.JWKS:             func(a *middleware.Auth) http.HandlerFunc { return a.JWKS },
	openapi.Metadata:         func(a *middleware.Auth) http.HandlerFunc { return a.Metadata },
	"": func(*middleware.Auth) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`{"hello":"world"}`))
		}
	},
}

// all are the routes of every operation.
func all(a *middleware.Auth) []openapi.Route {
	return []openapi.Route{
		{Path: "/auth/login", Operation: openapi.Login, Auth: a},
		{Path: "/auth/complete", Operation: openapi.CompleteLogin, Auth: a},
		{Path: "/auth/refresh", Operation: openapi.Refresh, Auth: a},
		{Path: "/auth/logout", Operation: openapi.Logout, Auth: a},
		{Path: "/auth/logout-everywhere", Operation: openapi.LogoutEverywhere, Auth: a},
		{Path: "/auth/token", Operation: openapi.Token, Auth: a},
		{Path: "/auth/revoke", Operation: openapi.Revoke, Auth: a},
		{Path: "/auth/introspect", Operation: openapi.Introspect, Auth: a},
		{Path: "/auth/sessions", Operation: openapi.Sessions, Auth: a},
		{Path: "/auth/sessions", Operation: openapi.EndOtherSessions, Auth: a},
		{Path: "/auth/sessions/{id}", Operation: openapi.EndSession, Auth: a},
		{Path: "/auth/keys", Operation: openapi.APIKeys, Auth: a},
		{Path: "/auth/keys", Operation: openapi.CreateAPIKey, Auth: a},
		{Path: "/auth/keys/{id}", Operation: openapi.ReplaceAPIKey, Auth: a},
		{Path: "/auth/keys/{id}", Operation: openapi.RevokeAPIKey, Auth: a},
		{Path: "/quota", Operation: openapi.Quota, Guard: openapi.Bearer, Auth: a},
		{Path: "/jwks", Operation: openapi.JWKS, Auth: a},
		{Path: "/metadata", Operation: openapi.Metadata, Auth: a},
		{Path: "/me", Method: "GET", Guard: openapi.Protect, Scopes: []string{"write"}, RecentLogin: time.Hour, Auth: a, Object: own},
		{Path: "/search", Method: "GET", Guard: openapi.OptionalProtect, Auth: a, Object: own},
		{Path: "/open", Method: "GET", Guard: openapi.Limit, Auth: a, Object: own},
	}
}

// own describes what the host's own handler answers.
var own = map[string]any{"responses": map[string]any{"2XX": map[string]any{
	"description": "OK", "content": map[string]any{"application/json": map[string]any{"schema": map[string]any{"type": "object", "properties": map[string]any{"hello": map[string]any{"type": "string"}}}}},
}}}

func open(t *testing.T, d wire.Dialect, edits ...func(*config)) *host {
	t.Helper()
	hasher, err := passwords.New(passwords.Config{Memory: 8, Time: 1, Threads: 1, InsecureParameters: true})
	check(t, err)
	memory, err := memstore.New(memstore.Config{Passwords: hasher})
	check(t, err)
	h := &host{store: &failing{Store: memory}, mux: http.NewServeMux()}
	for _, u := range []store.User{alice, bob, zero, lost} {
		check(t, memory.AddUser(t.Context(), u, password))
	}
	secret, digest := tokens.NewClientSecret()
	h.secret = secret
	grants := []string{tokens.GrantPassword, tokens.GrantRefresh, tokens.GrantExchange}
	check(t, memory.SetClient(t.Context(), store.Client{ID: "app", Secrets: []store.Digest{digest}, Grants: grants}))
	check(t, memory.SetClient(t.Context(), store.Client{ID: "public", Grants: grants}))
	check(t, memory.SetClient(t.Context(), store.Client{ID: "few", Secrets: []store.Digest{digest}}))
	c := config{
		tokens: tokens.Config{
			Store: h.store, APIKeys: h.store, Revocations: h.store,
			Issuer: "https://issuer.example", Audience: "https://api.example",
			Keys:         []keys.Key{{Algorithm: "EdDSA", Private: newKey(t)}},
			RefreshKeys:  []keys.Secret{keys.NewSecret()},
			SecondFactor: h.secondFactor,
			Claims:       h.claims,
			Events:       func(context.Context, events.Event) {},
			Now:          h.now,
		},
		auth: middleware.Config{
			ClientIP: clientip.RemoteAddr, PasswordGrant: true, Now: h.now, Dialect: d,
			Tiers: ratelimit.Tiers{
				"anonymous": {Limit: 1, Period: time.Hour},
				"free":      {Limit: 500, Period: time.Hour},
				"closed":    {Limit: 0, Period: time.Hour},
			},
			Endpoints: middleware.Endpoints{Token: "/auth/token", JWKS: "/jwks", Revoke: "/auth/revoke"},
			BruteForce: middleware.BruteForce{
				Address: middleware.Budget{Burst: 1, Every: time.Hour}, Token: middleware.Budget{Burst: 1, Every: time.Hour},
				Login: middleware.Budget{Burst: 1000, Every: time.Second},
			},
		},
	}
	counters, err := ratelimit.NewMemory(ratelimit.MemoryConfig{})
	check(t, err)
	c.auth.Counters = &failingCounters{counters, &h.store.down}
	for _, edit := range edits {
		edit(&c)
	}
	h.authority, err = tokens.New(c.tokens)
	check(t, err)
	c.auth.Tokens = h.authority
	h.auth, err = middleware.New(c.auth)
	check(t, err)
	h.routes = all(h.auth)
	h.mount(t)
	return h
}

// mount mounts the routes that the Auth can serve, and describes them.
func (h *host) mount(t *testing.T) {
	t.Helper()
	var served []openapi.Route
	for _, r := range h.routes {
		if _, err := openapi.New(openapi.Config{Title: "t", Version: "1", Routes: []openapi.Route{r}}); err != nil {
			continue
		}
		served = append(served, r)
	}
	h.routes = served
	d, err := openapi.New(openapi.Config{Title: "Every operation", Version: "1", Routes: served})
	check(t, err)
	h.document = d
	paths := d.Value()["paths"].(map[string]any)
	for _, r := range served {
		var handler http.Handler = handlers[r.Operation](r.Auth)
		if r.RecentLogin > 0 {
			handler = r.Auth.RequireRecentLogin(r.RecentLogin)(handler)
		}
		if len(r.Scopes) > 0 {
			handler = r.Auth.RequireScope(r.Scopes...)(handler)
		}
		switch r.Guard {
		case openapi.Bearer:
			handler = r.Auth.Bearer(handler)
		case openapi.OptionalBearer:
			handler = r.Auth.OptionalBearer(handler)
		case openapi.Limit:
			handler = r.Auth.Limit(handler)
		case openapi.Protect:
			handler = r.Auth.Protect(handler)
		case openapi.OptionalProtect:
			handler = r.Auth.OptionalBearer(r.Auth.Limit(handler))
		}
		h.mux.Handle(methodOf(paths, r)+" "+r.Path, handler)
	}
}

func (h *host) now() time.Time { return time.Now().Add(time.Duration(h.clock.Load()) * time.Second) }

func (*host) secondFactor(_ context.Context, _, _, code string) ([]string, error) {
	if code != "123456" {
		return nil, store.ErrBadCredentials
	}
	return []string{"otp"}, nil
}

func (h *host) claims(context.Context, store.User) (map[string]any, error) {
	if h.badClaims.Load() {
		return map[string]any{"iss": "another"}, nil
	}
	return nil, nil
}

func (h *host) serve(r *http.Request) *http.Response {
	w := httptest.NewRecorder()
	h.mux.ServeHTTP(w, r)
	return w.Result()
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
