package adaptertest

import (
	"fmt"
	"net/http"
	"time"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/tokens"
)

// Mux mounts the fixture's routes on net/http.
func Mux(h *Fixture) http.Handler {
	a := h.Auth
	m := http.NewServeMux()
	m.HandleFunc("/login", a.Login)
	m.HandleFunc("/complete", a.CompleteLogin)
	m.HandleFunc("/signin", func(w http.ResponseWriter, r *http.Request) { a.SignIn(w, r, signedIn) })
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
	m.HandleFunc("/rotate/{id}", a.ReplaceAPIKey)
	host := http.HandlerFunc(Hello)
	m.Handle("/bearer", a.Bearer(host))
	m.Handle("/open", a.OptionalBearer(a.Limit(host)))
	m.Handle("/limited", a.Limit(host))
	m.Handle("/protected", a.Protect(host))
	m.Handle("/write", a.Protect(a.RequireScope("read", "write")(host)))
	m.Handle("/admin", a.Protect(a.RequireScope("read", "admin")(host)))
	m.Handle("/recent", a.Protect(a.RequireRecentLogin(time.Hour)(host)))
	m.Handle("/strong", a.Protect(a.RequireRecentLogin(5*time.Minute, "gold", "silver")(host)))
	m.Handle("/search", a.Protect(search(a).Limit(host)))
	m.Handle("/quota", a.OptionalBearer(http.HandlerFunc(a.Quota)))
	m.Handle("/noscope", a.RequireScope("read")(host))
	return m
}

// signedIn is the user whom the host's own route has authenticated.
var signedIn = tokens.SignInRequest{UserID: Alice.ID, Methods: []string{"hwk"}}

// Names are the handlers and middleware that each adapter has. C is the framework's
// context, H its handler, M its middleware.
type Names[C any, H ~func(C) error, M ~func(H) H] interface { //nolint:interfacebloat // it is the list of all names
	Login(c C) error
	CompleteLogin(c C) error
	SignIn(c C, s tokens.SignInRequest) error
	Refresh(c C) error
	Token(c C) error
	Logout(c C) error
	LogoutEverywhere(c C) error
	JWKS(c C) error
	Metadata(c C) error
	Revoke(c C) error
	Introspect(c C) error
	Sessions(c C) error
	EndSession(c C) error
	EndOtherSessions(c C) error
	APIKeys(c C) error
	CreateAPIKey(c C) error
	ReplaceAPIKey(c C) error
	RevokeAPIKey(c C) error
	Quota(c C) error
	Bearer(next H) H
	OptionalBearer(next H) H
	Limit(next H) H
	Protect(next H) H
	LimitBy(l *ratelimit.Limiter) M
	RequireScope(scopes ...string) M
	RequireRecentLogin(maxAge time.Duration, classes ...string) M
}

// Mount mounts the routes of [Mux] on a framework. a is the adapter's Auth, host is
// [Hello] as a handler of the framework, and on is how the app gets a route for all
// methods, with middleware of which the first is the outermost.
func Mount[C any, H ~func(C) error, M ~func(H) H](auth *middleware.Auth, a Names[C, H, M], host H, on func(path string, h H, m ...M)) {
	for path, h := range map[string]H{
		"/login": a.Login, "/complete": a.CompleteLogin, "/signin": func(c C) error { return a.SignIn(c, signedIn) }, "/refresh": a.Refresh, "/token": a.Token, "/logout": a.Logout, "/everywhere": a.LogoutEverywhere,
		"/jwks": a.JWKS, "/metadata": a.Metadata, "/revoke": a.Revoke, "/introspect": a.Introspect,
		"/sessions": a.Sessions, "/others": a.EndOtherSessions, "/sessions/:id": a.EndSession,
		"/keys": a.APIKeys, "/newkey": a.CreateAPIKey, "/keys/:id": a.RevokeAPIKey, "/rotate/:id": a.ReplaceAPIKey,
	} {
		on(path, h)
	}
	on("/bearer", host, a.Bearer)
	on("/open", host, a.OptionalBearer, a.Limit)
	on("/limited", host, a.Limit)
	on("/protected", host, a.Protect)
	on("/write", host, a.Protect, a.RequireScope("read", "write"))
	on("/admin", host, a.Protect, a.RequireScope("read", "admin"))
	on("/recent", host, a.Protect, a.RequireRecentLogin(time.Hour))
	on("/strong", host, a.Protect, a.RequireRecentLogin(5*time.Minute, "gold", "silver"))
	on("/search", host, a.Protect, a.LimitBy(search(auth)))
	on("/quota", a.Quota, a.OptionalBearer)
	on("/noscope", host, a.RequireScope("read"))
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

// Hello is the host's own handler, on each framework.
func Hello(w http.ResponseWriter, r *http.Request) {
	p, ok := tokens.PrincipalFrom(r.Context())
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = fmt.Fprintf(w, "principal %v %q %q %q %q", ok, p.Subject, p.Account, p.Tier, p.Scope)
}
