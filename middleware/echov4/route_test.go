package echov4_test

import (
	"fmt"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/echov4"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/tokens"
)

// mux mounts the fixture's routes on net/http.
func mux(h *fixture) http.Handler {
	a := h.auth
	m := http.NewServeMux()
	m.HandleFunc("/login", a.Login)
	m.HandleFunc("/refresh", a.Refresh)
	m.HandleFunc("/token", a.Token)
	m.HandleFunc("/logout", a.Logout)
	m.HandleFunc("/everywhere", a.LogoutEverywhere)
	m.HandleFunc("/jwks", a.JWKS)
	m.HandleFunc("/metadata", a.Metadata)
	m.HandleFunc("/revoke", a.Revoke)
	m.HandleFunc("/introspect", a.Introspect)
	m.HandleFunc("/sessions", a.Sessions)
	m.HandleFunc("/others", a.EndOtherSessions)
	m.HandleFunc("/sessions/{id}", a.EndSession)
	m.HandleFunc("/keys", a.APIKeys)
	m.HandleFunc("/newkey", a.CreateAPIKey)
	m.HandleFunc("/keys/{id}", a.RevokeAPIKey)
	host := http.HandlerFunc(hello)
	m.Handle("/bearer", a.Bearer(host))
	m.Handle("/open", a.OptionalBearer(a.Limit(host)))
	m.Handle("/limited", a.Limit(host))
	m.Handle("/protected", a.Protect(host))
	m.Handle("/write", a.Protect(a.RequireScope("read", "write")(host)))
	m.Handle("/admin", a.Protect(a.RequireScope("read", "admin")(host)))
	m.Handle("/search", a.Protect(search(a).Limit(host)))
	m.Handle("/quota", a.OptionalBearer(http.HandlerFunc(a.Quota)))
	m.Handle("/noscope", a.RequireScope("read")(host))
	return m
}

// mount mounts the same routes on Echo.
func mount(e *echo.Echo, auth *middleware.Auth) {
	a := echov4.New(auth)
	e.Any("/login", a.Login)
	e.Any("/refresh", a.Refresh)
	e.Any("/token", a.Token)
	e.Any("/logout", a.Logout)
	e.Any("/everywhere", a.LogoutEverywhere)
	e.Any("/jwks", a.JWKS)
	e.Any("/metadata", a.Metadata)
	e.Any("/revoke", a.Revoke)
	e.Any("/introspect", a.Introspect)
	e.Any("/sessions", a.Sessions)
	e.Any("/others", a.EndOtherSessions)
	e.Any("/sessions/:id", a.EndSession)
	e.Any("/keys", a.APIKeys)
	e.Any("/newkey", a.CreateAPIKey)
	e.Any("/keys/:id", a.RevokeAPIKey)
	host := echo.WrapHandler(http.HandlerFunc(hello))
	e.Any("/bearer", host, a.Bearer)
	e.Any("/open", host, a.OptionalBearer, a.Limit)
	e.Any("/limited", host, a.Limit)
	e.Any("/protected", host, a.Protect)
	e.Any("/write", host, a.Protect, a.RequireScope("read", "write"))
	e.Any("/admin", host, a.Protect, a.RequireScope("read", "admin"))
	e.Any("/search", host, a.Protect, a.LimitBy(search(auth)))
	e.Any("/quota", a.Quota, a.OptionalBearer)
	e.Any("/noscope", host, a.RequireScope("read"))
}

// search returns a limit of cost two that fails closed.
func search(auth *middleware.Auth) *ratelimit.Limiter {
	l, err := auth.Limits(ratelimit.LimitConfig{
		Rules:            []ratelimit.Rule{{Name: "search", Limit: 5, Period: time.Minute, By: ratelimit.ByUser()}},
		Cost:             func(*http.Request) int64 { return 2 },
		OnCounterFailure: ratelimit.FailClosed,
	})
	if err != nil {
		panic(err)
	}
	return l
}

// hello is the host's own handler on net/http and on Echo.
func hello(w http.ResponseWriter, r *http.Request) {
	p, ok := tokens.PrincipalFrom(r.Context())
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = fmt.Fprintf(w, "principal %v %q %q %q %q", ok, p.Subject, p.Account, p.Tier, p.Scope)
}

func protected(h *fixture) echo.MiddlewareFunc { return echov4.New(h.auth).Protect }

func scoped(h *fixture, scopes ...string) echo.MiddlewareFunc {
	return echov4.New(h.auth).RequireScope(scopes...)
}
