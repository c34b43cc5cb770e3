package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/mail"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/memstore"
	"github.com/sallyport-go/sallyport/store/passwords"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

// config is what the app needs.
type config struct {
	origin string
	users  *memstore.Store
	mail   func(to, text string) error
	log    *slog.Logger
	now    func() time.Time
}

type app struct {
	config
	authority *tokens.Authority
	auth      *middleware.Auth
	links     links
	asked     chan question

	byAddress addresses
}

// question is a request for a mail that has been answered, and is worked off in the
// background.
type question struct {
	purpose purpose
	address string
}

// newApp returns the app's routes. The mails are sent until ctx is done.
func newApp(ctx context.Context, c config) (http.Handler, error) {
	authority, err := tokens.New(tokens.Config{
		Store: c.users, APIKeys: c.users, Revocations: c.users, Issuer: c.origin, Audience: c.origin,
		Keys:        []keys.Key{{Algorithm: "HS256", Secret: keys.NewSecret()}},
		RefreshKeys: []keys.Secret{keys.NewSecret()},
		Events:      events.Log(c.log), Now: c.now,
	})
	if err != nil {
		return nil, err
	}
	auth, err := middleware.New(middleware.Config{
		Tokens: authority, ClientIP: clientip.RemoteAddr, Now: c.now,
		Tiers: ratelimit.Tiers{"free": {Limit: 500, Period: time.Hour, Algorithm: ratelimit.GCRA}},
	})
	if err != nil {
		return nil, err
	}
	limit, err := auth.Limits(ratelimit.LimitConfig{WithoutTier: true, Rules: []ratelimit.Rule{
		{Name: "accounts", Limit: 10, Period: 10 * time.Minute, By: ratelimit.ByAddress()},
	}})
	if err != nil {
		return nil, err
	}
	a := &app{
		config: c, authority: authority, auth: auth, links: links{all: map[[32]byte]link{}}, asked: make(chan question, 64),
		byAddress: addresses{all: map[string]string{}},
	}
	go a.sendMails(ctx)

	mux := http.NewServeMux()
	mux.HandleFunc("/login", auth.Login)
	mux.HandleFunc("/refresh", auth.Refresh)
	mux.Handle("GET /me", auth.Protect(http.HandlerFunc(me)))
	mux.Handle("POST /register", limit.Limit(a.ask(toRegister)))
	mux.Handle("POST /register/confirm", limit.Limit(http.HandlerFunc(a.register)))
	mux.Handle("POST /password", auth.Protect(auth.RequireRecentLogin(5*time.Minute)(http.HandlerFunc(a.change))))
	mux.Handle("POST /password/reset", limit.Limit(a.ask(toReset)))
	mux.Handle("POST /password/reset/confirm", limit.Limit(http.HandlerFunc(a.reset)))
	return mux, nil
}

// ask answers each address alike, and looks it up after the answer: so it tells no caller
// who has an account.
func (a *app) ask(p purpose) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 4096)
		email := r.PostFormValue("email")
		address, err := mail.ParseAddress(email)
		// Neither a name before the address nor quotes in it: in the header of a mail, what
		// was quoted may be a second address.
		if err != nil || address.Address != email || len(email) > 254 {
			http.Error(w, "This is no e-mail address.", http.StatusBadRequest)
			return
		}
		select {
		case a.asked <- question{p, strings.ToLower(address.Address)}:
			w.WriteHeader(http.StatusAccepted)
		default:
			w.Header().Set("Retry-After", "5")
			http.Error(w, "Please try again.", http.StatusServiceUnavailable)
		}
	})
}

func (a *app) sendMails(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case q := <-a.asked:
			if err := a.sendMail(ctx, q); err != nil {
				a.log.ErrorContext(ctx, "a mail was not sent", "err", err)
			}
		}
	}
}

func (a *app) sendMail(ctx context.Context, q question) error {
	user, err := a.users.User(ctx, a.byAddress.user(q.address))
	unknown := errors.Is(err, store.ErrNotFound)
	if err != nil && !unknown {
		return err
	}
	if unknown && q.purpose == toReset {
		return nil
	}
	if !unknown && q.purpose == toRegister {
		q.purpose = toReset // they have an account, and did not know it
	}
	x := link{purpose: q.purpose, address: q.address, userID: user.ID, version: user.CredentialVersion}
	token := a.links.add(x, a.now())
	if token == "" {
		return nil
	}
	// Behind "#", so that the token is in no log and in no Referer.
	return a.mail(q.address, a.origin+"/"+string(q.purpose)+"#"+token)
}

// register creates the user. Their address is confirmed: the mail has arrived.
func (a *app) register(w http.ResponseWriter, r *http.Request) {
	link, password, ok := a.answered(w, r, toRegister)
	if !ok {
		return
	}
	user := store.User{ID: "u-" + newSecret()[:16], Login: link.address, Tier: "free"}
	if err := a.users.AddUser(r.Context(), user, password); err != nil {
		a.fails(w, r, err) // ErrConflict: another link of the same address came first
		return
	}
	a.byAddress.set(link.address, user.ID)
	w.WriteHeader(http.StatusNoContent)
}

// reset sets a new password. It does not log the user in: they do that with it, and show
// their second factor if they have one.
func (a *app) reset(w http.ResponseWriter, r *http.Request) {
	link, password, ok := a.answered(w, r, toReset)
	if !ok {
		return
	}
	user, err := a.users.User(r.Context(), link.userID)
	if err == nil && user.CredentialVersion != link.version {
		err = errUsed
	}
	if err != nil {
		a.fails(w, r, err)
		return
	}
	if err := a.users.SetPassword(r.Context(), user.ID, password); err != nil {
		a.fails(w, r, err)
		return
	}
	// The old password may be an attacker's by now, and with it an API key.
	if err := a.authority.PasswordChanged(r.Context(), user.ID, tokens.EndAPIKeys); err != nil {
		a.fails(w, r, err)
		return
	}
	a.tell(r, link.address)
	w.WriteHeader(http.StatusNoContent)
}

// change sets a new password for a user who is logged in. It asks for no old one: the
// login of the last five minutes had that, and was protected against brute force.
func (a *app) change(w http.ResponseWriter, r *http.Request) {
	p, _ := tokens.PrincipalFrom(r.Context())
	r.Body = http.MaxBytesReader(w, r.Body, 8192)
	user, err := a.users.User(r.Context(), p.Subject)
	if err != nil {
		a.fails(w, r, err)
		return
	}
	password := r.PostFormValue("password")
	if why := unfit(password, user.Login); why != "" {
		http.Error(w, why, http.StatusBadRequest)
		return
	}
	if err := a.users.SetPassword(r.Context(), user.ID, password); err != nil {
		a.fails(w, r, err)
		return
	}
	// All sessions end, also this one, so the user gets another. API keys stay: the user
	// has them in programs.
	if err := a.authority.PasswordChanged(r.Context(), user.ID); err != nil {
		a.fails(w, r, err)
		return
	}
	a.tell(r, user.Login)
	a.auth.SignIn(w, r, tokens.SignInRequest{UserID: user.ID, AuthenticatedAt: p.AuthenticatedAt, Methods: p.Methods()})
}

// answered returns a link, which it uses up, and the new password. A password that is
// unfit does not use it up.
func (a *app) answered(w http.ResponseWriter, r *http.Request, p purpose) (link, string, bool) {
	r.Body = http.MaxBytesReader(w, r.Body, 8192)
	password := r.PostFormValue("password")
	if why := unfit(password, ""); why != "" {
		http.Error(w, why, http.StatusBadRequest)
		return link{}, "", false
	}
	x, ok := a.links.use(r.PostFormValue("token"), p, a.now())
	if !ok {
		a.fails(w, r, errUsed)
	}
	return x, password, ok
}

// unfit says why a password is none, or "". NIST SP 800-63B asks for a length, and for no
// rules of composition. A host also looks it up in a list of passwords that have leaked.
func unfit(password, login string) string {
	switch {
	case utf8.RuneCountInString(password) < 15:
		return "A password has 15 characters or more."
	case len(password) > 4096 || !utf8.ValidString(password) || strings.ContainsRune(password, 0):
		return "This password is too long, or no text."
	case login != "" && strings.Contains(strings.ToLower(password), strings.ToLower(login)):
		return "The password must not contain the e-mail address."
	}
	return ""
}

var errUsed = errors.New("accounts: the link is used, expired, or of an older password")

func (a *app) fails(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case errors.Is(err, errUsed), errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrConflict):
		http.Error(w, "This link cannot be used. Please ask for a new one.", http.StatusForbidden)
	case errors.Is(err, passwords.ErrTooLong):
		http.Error(w, "This password is too long.", http.StatusBadRequest)
	default: // also passwords.ErrBusy
		a.log.ErrorContext(r.Context(), "accounts", "err", err)
		a.auth.Refused(wire.RouteAPI, tokens.ErrUnavailable).Write(w)
	}
}

// tell tells a user of a new password, in case that it was not them.
func (a *app) tell(r *http.Request, address string) {
	if err := a.mail(address, "Your password was changed."); err != nil {
		a.log.ErrorContext(r.Context(), "a mail was not sent", "err", err)
	}
}

func me(w http.ResponseWriter, r *http.Request) {
	p, _ := tokens.PrincipalFrom(r.Context())
	_, _ = w.Write([]byte(p.Subject))
}
