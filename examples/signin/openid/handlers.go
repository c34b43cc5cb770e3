package main

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"html"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/store/memstore"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

// config is what the app needs.
type config struct {
	origin                         string // of the app: never that of a request's Host header
	issuer, clientID, clientSecret string // of the provider
	users                          *memstore.Store
	log                            *slog.Logger
	now                            func() time.Time
}

type app struct {
	auth     *middleware.Auth
	provider *provider
	accounts *accounts
	log      *slog.Logger
}

func newApp(_ context.Context, c config) (http.Handler, error) {
	authority, err := tokens.New(tokens.Config{
		Store: c.users, Revocations: c.users, Issuer: c.origin, Audience: c.origin,
		Keys:        []keys.Key{{Algorithm: "HS256", Secret: keys.NewSecret()}},
		RefreshKeys: []keys.Secret{keys.NewSecret()},
		RetryGrace:  30 * time.Second, // the tabs of one browser refresh at the same moment
		Events:      events.Log(c.log), Now: c.now,
	})
	if err != nil {
		return nil, err
	}
	auth, err := middleware.New(middleware.Config{
		Tokens: authority, ClientIP: clientip.RemoteAddr, Now: c.now,
		Tiers: ratelimit.Tiers{"free": {Limit: 500, Period: time.Hour, Algorithm: ratelimit.GCRA}},
		Cookies: &middleware.Cookies{
			RefreshPath: "/auth",
			// The first page after the login is still a navigation that the provider's page
			// began: browsers do not send cookies that are strict with it.
			SameSite: http.SameSiteLaxMode,
		},
	})
	if err != nil {
		return nil, err
	}
	limit, err := auth.Limits(ratelimit.LimitConfig{WithoutTier: true, Rules: []ratelimit.Rule{
		{Name: "logins", Limit: 60, Period: 10 * time.Minute, By: ratelimit.ByAddress()},
	}})
	if err != nil {
		return nil, err
	}
	a := &app{auth: auth, provider: newProvider(c), accounts: &accounts{users: c.users, all: map[identity]string{}}, log: c.log}

	mux := http.NewServeMux()
	mux.Handle("GET /{$}", auth.OptionalBearer(http.HandlerFunc(home)))
	mux.Handle("GET /login", limit.Limit(http.HandlerFunc(a.login)))
	mux.Handle("GET /login/callback", limit.Limit(http.HandlerFunc(a.callback)))
	mux.HandleFunc("/auth/refresh", auth.Refresh)
	mux.HandleFunc("/auth/logout", auth.Logout)
	return mux, nil
}

// login sends the browser to the provider.
func (a *app) login(w http.ResponseWriter, r *http.Request) {
	d, err := a.provider.discover(r.Context())
	secret := newFlowSecret()
	f, derr := flowOf(secret)
	if err := errors.Join(err, derr); err != nil {
		a.fails(w, r, fmt.Errorf("%w: %w", errProvider, err))
		return
	}
	http.SetCookie(w, newFlowCookie(secret, 600))
	http.Redirect(w, r, d.loginURL(f), http.StatusSeeOther)
}

// callback is where the provider sends the browser back to.
func (a *app) callback(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Referrer-Policy", "no-referrer") // the code is in the URL of this answer
	w.Header().Set("Cache-Control", "no-store")
	answer := r.URL.Query()
	f, err := flowOfBrowser(r)
	if err != nil || len(answer["state"]) != 1 || subtle.ConstantTimeCompare([]byte(answer.Get("state")), []byte(f.state)) != 1 {
		// An attacker may have sent the browser here, to log it in as somebody else.
		a.fails(w, r, fmt.Errorf("%w: it was not begun in this browser", errRefused))
		return
	}
	http.SetCookie(w, newFlowCookie("", -1)) // a login is completed once
	person, err := a.provider.person(r.Context(), answer, f)
	if err != nil {
		a.fails(w, r, err)
		return
	}
	userID, err := a.accounts.user(r.Context(), person)
	if err != nil {
		a.fails(w, r, err)
		return
	}
	pair, err := a.auth.CheckSignIn(r, tokens.SignInRequest{
		UserID:          userID,
		AuthenticatedAt: person.authenticatedAt,
		Methods:         person.methods,
	})
	if err != nil {
		a.auth.Refused(wire.RouteLogin, err).Write(w)
		return
	}
	a.auth.Granted(pair).SetHeader(w.Header()) // the cookies of the session
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

const flowCookie = "__Host-login"

// newFlowCookie keeps the secret of a login in the browser that began it. It is lax,
// because the browser comes back from another site.
func newFlowCookie(secret string, maxAge int) *http.Cookie {
	return &http.Cookie{
		Name: flowCookie, Value: secret, Path: "/", MaxAge: maxAge, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
}

func flowOfBrowser(r *http.Request) (flow, error) {
	c, err := r.Cookie(flowCookie)
	if err != nil {
		return flow{}, err
	}
	return flowOf(c.Value)
}

// fails logs why a login has failed, and answers without it.
func (a *app) fails(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, errRefused) {
		a.log.WarnContext(r.Context(), "login refused", "err", err)
		page(w, http.StatusForbidden, `<p>The login was not completed. <a href="/login">Log in again</a></p>`)
		return
	}
	a.log.ErrorContext(r.Context(), "login failed", "err", err)
	w.Header().Set("Retry-After", "5")
	page(w, http.StatusServiceUnavailable, `<p>Logging in does not work at the moment. <a href="/login">Try again</a></p>`)
}

func home(w http.ResponseWriter, r *http.Request) {
	p, ok := tokens.PrincipalFrom(r.Context())
	if !ok {
		page(w, http.StatusOK, `<p><a href="/login">Log in</a></p>`)
		return
	}
	// The methods are the provider's text.
	who := html.EscapeString(p.Subject + ", with " + strings.Join(p.Methods(), " "))
	page(w, http.StatusOK, `<p>You are logged in as `+who+`.</p><form method="post" action="/auth/logout"><button>Log out</button></form>`)
}

// page writes a page that loads nothing, and is shown in no frame.
func page(w http.ResponseWriter, status int, body string) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, `<!DOCTYPE html><meta charset="utf-8"><title>App</title>`+body)
}
