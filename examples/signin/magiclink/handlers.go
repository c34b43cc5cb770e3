package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/mail"
	"strings"
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

// config is what the app needs.
type config struct {
	origin    string // of the app, and of the links: never that of a request's Host header
	users     *memstore.Store
	addresses map[string]string           // the ID of the user with this e-mail address, in lower case
	mail      func(to, link string) error // sends a mail, within seconds
	log       *slog.Logger
	now       func() time.Time
}

type app struct {
	config
	auth  *middleware.Auth
	links links
	asked chan question
}

// question is a request for a link that has been answered, and is worked off in the
// background.
type question struct {
	address string
	browser string // the value of the browser's cookie
}

// newApp returns the app's routes. The mails are sent until ctx is done.
func newApp(ctx context.Context, c config) (http.Handler, error) {
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
		Tiers:   ratelimit.Tiers{ratelimit.Anonymous: {Limit: 300, Period: time.Hour, Algorithm: ratelimit.GCRA}, "free": {Limit: 500, Period: time.Hour, Algorithm: ratelimit.GCRA}},
		Cookies: &middleware.Cookies{RefreshPath: "/auth", Access: "session", Refresh: "refresh"},
	})
	if err != nil {
		return nil, err
	}
	// Everybody may ask, so each address may ask so many times only. The links of one user
	// are limited besides, where their caller does not see it: see links.add.
	limit, err := auth.Limits(ratelimit.LimitConfig{WithoutTier: true, Rules: []ratelimit.Rule{
		{Name: "links", Limit: 10, Period: 10 * time.Minute, By: ratelimit.ByAddress()},
	}})
	if err != nil {
		return nil, err
	}
	a := &app{config: c, auth: auth, links: links{all: map[digest]link{}}, asked: make(chan question, 64)}
	go a.sendLinks(ctx)

	mux := http.NewServeMux()
	mux.Handle("GET /{$}", auth.OptionalBearer(http.HandlerFunc(a.start)))
	mux.Handle("POST /links", limit.Limit(http.HandlerFunc(a.ask)))
	mux.HandleFunc("GET /confirm", page(confirmPage))
	mux.HandleFunc("GET /confirm.js", confirmScript)
	mux.Handle("POST /confirm", limit.Limit(http.HandlerFunc(a.confirm)))
	mux.HandleFunc("/auth/refresh", auth.Refresh)
	mux.HandleFunc("/auth/logout", auth.Logout)
	// No page of another site sends a form to any of them.
	return http.NewCrossOriginProtection().Handler(mux), nil
}

// ask answers a request for a link. It does not look the address up: so its answer,
// and the time that it takes, are the same for each address.
func (a *app) ask(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 4096)
	address, err := mail.ParseAddress(r.PostFormValue("email"))
	if err != nil || len(address.Address) > 254 {
		http.Error(w, "This is no e-mail address.", http.StatusBadRequest)
		return
	}
	select {
	case a.asked <- question{strings.ToLower(address.Address), browserOf(w, r)}:
		page(sentPage)(w, r)
	default:
		w.Header().Set("Retry-After", "5")
		http.Error(w, "Please try again.", http.StatusServiceUnavailable)
	}
}

// sendLinks sends the links that were asked for, one after the other.
func (a *app) sendLinks(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case q := <-a.asked:
			if err := a.sendLink(ctx, q); err != nil {
				a.log.ErrorContext(ctx, "a link was not sent", "err", err)
			}
		}
	}
}

func (a *app) sendLink(ctx context.Context, q question) error {
	user, err := a.users.User(ctx, a.addresses[q.address])
	if errors.Is(err, store.ErrNotFound) {
		return nil // no mail is sent to an address that has no account
	}
	if err != nil {
		return err
	}
	token, now := newSecret(), a.now()
	sent := link{userID: user.ID, version: user.CredentialVersion, browser: sha256.Sum256([]byte(q.browser)), until: now.Add(lifetime)}
	if !a.links.add(token, sent, now) {
		return nil
	}
	// Behind "#", so that the token is in no log of a server or proxy and in no Referer.
	return a.mail(q.address, a.origin+"/confirm#"+token)
}

// confirm opens a session for a link. A program that looks at links in mails opens the
// page, and gets no further: it does not send the form, and has not the cookie.
func (a *app) confirm(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 4096)
	browser, err := r.Cookie(browserCookie)
	if err != nil {
		http.Error(w, notUsable, http.StatusForbidden)
		return
	}
	// It is used up first: after a failure of the store the user asks for another link.
	link, ok := a.links.use(r.PostFormValue("token"), browser.Value, a.now())
	if !ok {
		http.Error(w, notUsable, http.StatusForbidden)
		return
	}
	pair, err := a.auth.CheckSignIn(r, tokens.SignInRequest{
		UserID:            link.userID,
		CredentialVersion: link.version,
		Methods:           []string{"email"}, // RFC 8176 has no name for it
	})
	if err != nil {
		a.auth.Refused(wire.RouteLogin, err).Write(w)
		return
	}
	a.auth.Granted(pair).SetHeader(w.Header()) // the cookies of the session
	http.SetCookie(w, newBrowserCookie("", -1))
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

const notUsable = "This link cannot be used: it is older than 10 minutes, was used before, or was asked for in another browser. Please ask for a new one."

const browserCookie = "__Host-asked"

// browserOf returns what tells this browser from all others: the value of a cookie,
// which it sets if there is none. Of a link and this cookie neither is of use without
// the other, so a link that is read over somebody's shoulder, or that an attacker
// sends to a victim, is refused.
func browserOf(w http.ResponseWriter, r *http.Request) string {
	value := newSecret()
	if c, err := r.Cookie(browserCookie); err == nil && len(c.Value) == len(value) {
		value = c.Value // of an earlier link, which can still be used
	}
	http.SetCookie(w, newBrowserCookie(value, int(lifetime/time.Second)))
	return value
}

func newBrowserCookie(value string, maxAge int) *http.Cookie {
	return &http.Cookie{
		Name: browserCookie, Value: value, Path: "/", MaxAge: maxAge, Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	}
}

func (a *app) start(w http.ResponseWriter, r *http.Request) {
	if p, ok := tokens.PrincipalFrom(r.Context()); ok {
		page(`<p>You are logged in as `+html.EscapeString(p.Subject)+`.</p><form method="post" action="/auth/logout"><button>Log out</button></form>`)(w, r)
		return
	}
	page(startPage)(w, r)
}

const (
	startPage   = `<form method="post" action="/links"><label>E-mail <input name="email" type="email" autocomplete="email" required></label> <button>Send me a link</button></form>`
	sentPage    = `<p>If there is an account with this address, a link is on its way. It works for 10 minutes, in this browser.</p>`
	confirmPage = `<form method="post" action="/confirm"><input name="token" type="hidden"><button>Log in</button></form><script src="/confirm.js"></script>`
)

// confirmScript moves the token from the address to the form.
func confirmScript(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
	_, _ = io.WriteString(w, `document.querySelector("[name=token]").value = location.hash.slice(1);
history.replaceState(null, "", location.pathname); // the token is not in the history either
`)
}

// page writes a page that loads nothing of others, sends no form to others, and is
// shown in no frame.
func page(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		_, _ = io.WriteString(w, `<!DOCTYPE html><meta charset="utf-8"><title>Log in</title>`+body)
	}
}
