package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"time"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

// host is the application. It owns its users and uses Sallyport for its API.
type host struct {
	authority *tokens.Authority
	auth      *middleware.Auth
	apiKey    tokens.Secret
	apiSecret tokens.Secret // of the client that may introspect

	metadataPath string // empty: there is none
}

// newHost creates the host on s. It does not close s.
func newHost(ctx context.Context, o options, s stores, issuer string, log *slog.Logger) (*host, error) {
	signing, refresh, err := readKeys(o.keyFile)
	if err != nil {
		return nil, err
	}
	clients, apiSecret, err := register(ctx)
	if err != nil {
		return nil, err
	}
	authority, err := tokens.New(tokens.Config{
		Store:       s.store,
		APIKeys:     s.apiKeys,
		Revocations: s.revocations,
		Clients:     clients,
		// accepts any client ID; for the demo only
		InsecureUnregisteredClients: true,

		Issuer:      issuer,
		Audience:    "quickstart",
		Keys:        []keys.Key{signing},
		RefreshKeys: []keys.Secret{refresh},
		RetryGrace:  o.retryGrace,
		Events:      events.Log(log),
	})
	if err != nil {
		return nil, err
	}
	endpoints := middleware.Endpoints{ //nolint:gosec // paths, not credentials
		Token: "/oauth/token", JWKS: "/.well-known/jwks.json", Revoke: "/oauth/revoke", Introspect: "/oauth/introspect",
	}
	metadataPath, err := middleware.MetadataPath(issuer)
	if err != nil { // an http issuer that is not localhost: clients reject its metadata
		endpoints = middleware.Endpoints{}
	}
	auth, err := middleware.New(middleware.Config{
		Tokens:   authority,
		ClientIP: clientip.RemoteAddr,
		Tiers: ratelimit.Tiers{
			"anonymous": {Limit: 100, Period: time.Hour, Algorithm: ratelimit.GCRA},
			"free":      {Limit: 500, Period: time.Hour, Algorithm: ratelimit.GCRA, PerSeat: true, Max: 5000},
			"premium":   {Limit: 5000, Period: time.Hour, Algorithm: ratelimit.GCRA, PerSeat: true},
		},
		PasswordGrant: o.passwordGrant,
		Endpoints:     endpoints,
		MayIntrospect: func(_ context.Context, c store.Client) bool { return c.ID == introspector },
	})
	if err != nil {
		return nil, err
	}
	h := &host{authority: authority, auth: auth, apiSecret: apiSecret, metadataPath: metadataPath}
	if err := s.seed(ctx); err != nil {
		return nil, err
	}
	h.apiKey, _, err = authority.CreateAPIKey(ctx, store.Owner{ID: demoUsers[0].ID}, tokens.KeyOptions{
		Label: "quick start", Expires: time.Now().AddDate(0, 0, 90),
	})
	return h, err
}

// routes mounts the endpoints for three kinds of client, and the API.
func (h *host) routes() http.Handler {
	mux := http.NewServeMux()

	// the password flow of FastAPI applications with fastapi-users
	fastapi := h.auth.WithDialect(wire.FastAPI{})
	mux.HandleFunc("/auth/jwt/login", fastapi.Login)
	mux.HandleFunc("/auth/jwt/refresh", fastapi.Refresh)
	mux.HandleFunc("/auth/jwt/postman-refresh", h.auth.WithDialect(wire.PostmanRefresh{}).Refresh)
	mux.HandleFunc("/auth/jwt/logout", fastapi.Logout)
	mux.HandleFunc("/auth/jwt/logout-everywhere", fastapi.LogoutEverywhere)

	// the standard's endpoints
	oauth := h.auth
	mux.HandleFunc("/oauth/token", oauth.Token)
	mux.HandleFunc("/oauth/revoke", oauth.Revoke)
	mux.HandleFunc("/oauth/introspect", oauth.Introspect)

	// each user's own sessions and API keys
	mux.HandleFunc("GET /auth/sessions", oauth.Sessions)
	mux.HandleFunc("DELETE /auth/sessions", oauth.EndOtherSessions)
	mux.HandleFunc("DELETE /auth/sessions/{id}", oauth.EndSession)
	mux.HandleFunc("GET /auth/api-keys", oauth.APIKeys)
	mux.HandleFunc("POST /auth/api-keys", oauth.CreateAPIKey)
	mux.HandleFunc("POST /auth/api-keys/{id}", oauth.ReplaceAPIKey)
	mux.HandleFunc("DELETE /auth/api-keys/{id}", oauth.RevokeAPIKey)

	// discovery for clients and services
	mux.HandleFunc("/.well-known/jwks.json", oauth.JWKS)
	if h.metadataPath != "" {
		mux.HandleFunc(h.metadataPath, oauth.Metadata)
	}

	// the wire format of Symfony's LexikJWTAuthenticationBundle, on the same Auth
	symfony := h.auth.WithDialect(wire.Lexik{})
	mux.HandleFunc("/api/login_check", symfony.Login)
	mux.HandleFunc("/api/login_refresh", symfony.Refresh)

	// the API: the first route for users, the second for anonymous callers, too
	mux.Handle("GET /api/1.0/open/me", symfony.Protect(http.HandlerFunc(me)))
	mux.Handle("GET /api/1.0/open/search", symfony.OptionalBearer(symfony.Limit(http.HandlerFunc(search))))
	return mux
}

// me returns the caller.
func me(w http.ResponseWriter, r *http.Request) {
	p, _ := tokens.PrincipalFrom(r.Context())
	reply(w, map[string]any{"user": p.Subject, "account": p.Account, "tier": p.Tier, "seats": p.Seats, "scope": p.Scope})
}

// search returns no results, and the caller's subject or "anonymous".
func search(w http.ResponseWriter, r *http.Request) {
	who := ratelimit.Anonymous
	if p, ok := tokens.PrincipalFrom(r.Context()); ok {
		who = p.Subject
	}
	reply(w, map[string]any{"query": r.URL.Query().Get("q"), "for": who, "results": []string{}})
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the client may have disconnected
}
