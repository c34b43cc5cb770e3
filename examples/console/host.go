package main

import (
	"embed"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"time"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/memstore"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

//go:embed web
var web embed.FS

// config is what the host needs.
type config struct {
	origin           string
	store            *memstore.Store // a host that is to remember sessions uses one of sqlstore or redisstore
	signing, refresh keys.Secret
	log              *slog.Logger
	now              func() time.Time
}

// newHost serves the page, what it calls, and the API that the keys are for.
func newHost(c config) (http.Handler, error) {
	authority, err := tokens.New(tokens.Config{
		Store: c.store, APIKeys: c.store,
		Revocations: c.store, // a device that is signed out is out at once
		Issuer:      c.origin, Audience: c.origin,
		Keys:        []keys.Key{{Algorithm: "HS256", Secret: c.signing}},
		RefreshKeys: []keys.Secret{c.refresh},
		AccessTTL:   15 * time.Minute,
		RetryGrace:  30 * time.Second, // an answer that is lost does not end the session
		Events:      events.Log(c.log), Now: c.now,
	})
	if err != nil {
		return nil, err
	}
	burst := []ratelimit.Window{{Limit: 20, Period: 10 * time.Second}}
	auth, err := middleware.New(middleware.Config{
		Tokens: authority, ClientIP: clientip.RemoteAddr, Now: c.now,
		Tiers: ratelimit.Tiers{
			"free":    {Limit: 500, Period: time.Hour, Algorithm: ratelimit.GCRA, PerSeat: true, Max: 5000, Also: burst},
			"premium": {Limit: 5000, Period: time.Hour, Algorithm: ratelimit.GCRA, PerSeat: true, Also: burst},
		},
		Cookies: &middleware.Cookies{RefreshPath: "/auth", Remember: "remember_me", ReplaceSession: true},
	})
	if err != nil {
		return nil, err
	}
	page, err := pages()
	if err != nil {
		return nil, err
	}
	h := &host{auth, c.store}
	mux := http.NewServeMux()
	mux.Handle("GET /", page)
	mux.HandleFunc("POST /auth/login", auth.Login)
	mux.HandleFunc("POST /auth/refresh", auth.Refresh)
	mux.HandleFunc("POST /auth/logout", auth.Logout)

	// what the page shows; none of it is counted
	mux.Handle("GET /account", auth.Bearer(http.HandlerFunc(h.account)))
	mux.Handle("GET /account/quota", auth.Bearer(http.HandlerFunc(auth.Quota)))
	mux.HandleFunc("GET /account/sessions", auth.Sessions)
	mux.HandleFunc("DELETE /account/sessions", auth.EndOtherSessions)
	mux.HandleFunc("DELETE /account/sessions/{id}", auth.EndSession)
	mux.HandleFunc("GET /account/api-keys", auth.APIKeys)
	mux.HandleFunc("POST /account/api-keys", auth.CreateAPIKey)
	mux.HandleFunc("DELETE /account/api-keys/{id}", auth.RevokeAPIKey)

	// scripts exchange a key for an access token, and call the API
	mux.HandleFunc("POST /oauth/token", auth.WithoutCookies().Token)
	mux.Handle("GET /api/hello", auth.Protect(auth.RequireScope("read")(http.HandlerFunc(hello))))
	return mux, nil
}

type host struct {
	auth  *middleware.Auth
	users *memstore.Store
}

// account returns the user, and the plan of their access token: a new one is in the next
// token.
func (h *host) account(w http.ResponseWriter, r *http.Request) {
	p, _ := tokens.PrincipalFrom(r.Context())
	u, err := h.users.User(r.Context(), p.Subject)
	if errors.Is(err, store.ErrNotFound) { // deleted, or locked out: the page asks for a login
		err = tokens.ErrInvalidToken
	}
	if err != nil {
		h.auth.Refused(wire.RouteAPI, err).Write(w)
		return
	}
	reply(w, map[string]any{"id": u.ID, "login": u.Login, "tier": p.Tier, "seats": p.Seats, "scopes": p.Scopes()})
}

// hello stands for the API.
func hello(w http.ResponseWriter, r *http.Request) {
	p, _ := tokens.PrincipalFrom(r.Context())
	reply(w, map[string]string{"hello": p.Subject})
}

func reply(w http.ResponseWriter, v any) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	_ = json.NewEncoder(w).Encode(v) // the client may have disconnected
}

// policy lets the page run and show what it comes with, and call this host. No script
// can make markup of a text.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// pages serves the folder web.
func pages() (http.Handler, error) {
	folder, err := fs.Sub(web, "web")
	if err != nil {
		return nil, err
	}
	files := http.FileServerFS(folder)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-cache")
		files.ServeHTTP(w, r)
	}), nil
}
