package main

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/pquerna/otp/totp"

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
	origin string
	users  *memstore.Store
	log    *slog.Logger
	now    func() time.Time
}

type app struct {
	authority *tokens.Authority
	auth      *middleware.Auth
	users     *memstore.Store
	factors   *factors
	log       *slog.Logger
}

func newApp(c config) (http.Handler, error) {
	f := &factors{all: map[string]*factor{}, now: c.now}
	authority, err := tokens.New(tokens.Config{
		Store:        withFactors{c.users, f},
		SecondFactor: f.second,
		Revocations:  c.users, Issuer: c.origin, Audience: c.origin,
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
	a := &app{authority: authority, auth: auth, users: c.users, factors: f, log: c.log}

	mux := http.NewServeMux()
	mux.HandleFunc("/login", auth.Login)
	mux.HandleFunc("/login/complete", auth.CompleteLogin) // BruteForce counts wrong codes as wrong passwords
	mux.HandleFunc("/refresh", auth.Refresh)
	// A stolen access token of yesterday's login must not set up an app of the attacker's.
	recent := auth.RequireRecentLogin(5 * time.Minute)
	mux.Handle("POST /account/totp", auth.Protect(recent(http.HandlerFunc(a.enroll))))
	mux.Handle("POST /account/totp/confirm", auth.Protect(recent(http.HandlerFunc(a.confirm))))
	mux.Handle("GET /me", auth.Protect(http.HandlerFunc(me)))
	return mux, nil
}

// enroll answers with a new secret, for the user's authenticator app. It is not asked
// for before the user has shown a code of it.
func (a *app) enroll(w http.ResponseWriter, r *http.Request) {
	p, _ := tokens.PrincipalFrom(r.Context())
	user, err := a.users.User(r.Context(), p.Subject)
	if err != nil {
		a.fails(w, r, "user", err)
		return
	}
	key, err := totp.Generate(totp.GenerateOpts{Issuer: "Example", AccountName: user.Login})
	if err != nil {
		a.fails(w, r, "secret", err)
		return
	}
	if !a.factors.enroll(user.ID, key.Secret()) {
		http.Error(w, errActive.Error(), http.StatusConflict)
		return
	}
	w.Header().Set("Cache-Control", "no-store") // the URL has the secret in it
	writeJSON(w, map[string]string{"url": key.URL()})
}

// confirm makes the app active: the user has shown a code of it. The other sessions were
// opened with a password only, so they end. A host that keeps its own CredentialVersion
// changes it in the transaction that makes the app active, and that ends them too.
func (a *app) confirm(w http.ResponseWriter, r *http.Request) {
	p, _ := tokens.PrincipalFrom(r.Context())
	r.Body = http.MaxBytesReader(w, r.Body, 4096)
	err := a.factors.use(p.Subject, r.PostFormValue("code"), false)
	if errors.Is(err, store.ErrBadCredentials) {
		http.Error(w, "The code is wrong.", http.StatusBadRequest)
		return
	}
	if err != nil {
		a.fails(w, r, "code", err)
		return
	}
	if err := a.authority.EndOtherSessions(r.Context(), p); err != nil {
		a.auth.Refused(wire.RouteAPI, err).Write(w)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func me(w http.ResponseWriter, r *http.Request) {
	p, _ := tokens.PrincipalFrom(r.Context())
	writeJSON(w, map[string]any{"user": p.Subject, "methods": p.Methods()})
}

func (a *app) fails(w http.ResponseWriter, r *http.Request, what string, err error) {
	a.log.ErrorContext(r.Context(), "totp", "what", what, "err", err)
	http.Error(w, "Please try again.", http.StatusServiceUnavailable)
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false) // people copy the URL, which has a "&" in it
	_ = e.Encode(v)
}
