package main

import (
	"embed"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/store/memstore"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

// config is what the app needs.
type config struct {
	domain string // passkeys belong to it, for good: "example.com"
	origin string // the only one whose pages may use them: "https://app.example.com"
	users  *memstore.Store
	log    *slog.Logger
	now    func() time.Time
}

type app struct {
	auth       *middleware.Auth
	webauthn   *webauthn.WebAuthn
	users      *memstore.Store
	passkeys   *passkeys
	ceremonies *ceremonies
	log        *slog.Logger
}

func newApp(c config) (http.Handler, error) {
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
		Tiers:   ratelimit.Tiers{"free": {Limit: 500, Period: time.Hour, Algorithm: ratelimit.GCRA}},
		Cookies: &middleware.Cookies{RefreshPath: "/auth"},
	})
	if err != nil {
		return nil, err
	}
	limit, err := auth.Limits(ratelimit.LimitConfig{WithoutTier: true, Rules: []ratelimit.Rule{
		{Name: "passkeys", Limit: 60, Period: 10 * time.Minute, By: ratelimit.ByAddress()},
	}})
	if err != nil {
		return nil, err
	}
	w, err := webauthn.New(&webauthn.Config{
		RPID: c.domain, RPDisplayName: "Example", RPOrigins: []string{c.origin},
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			ResidentKey:      protocol.ResidentKeyRequirementRequired, // the user types no name
			UserVerification: protocol.VerificationRequired,           // a PIN or a finger: two factors
		},
	})
	if err != nil {
		return nil, err
	}
	a := &app{
		auth: auth, webauthn: w, users: c.users, log: c.log,
		passkeys: &passkeys{all: map[string]*account{}}, ceremonies: &ceremonies{now: c.now, all: map[[32]byte]ceremony{}},
	}

	mux := http.NewServeMux()
	mux.Handle("/", http.FileServerFS(pages))
	mux.Handle("GET /me", auth.Protect(http.HandlerFunc(me)))
	mux.HandleFunc("/auth/login", auth.Login) // the first time, with the password
	mux.HandleFunc("/auth/refresh", auth.Refresh)
	mux.HandleFunc("/auth/logout", auth.Logout)
	mux.Handle("POST /auth/passkey/begin", limit.Limit(http.HandlerFunc(a.beginLogin)))
	mux.Handle("POST /auth/passkey", limit.Limit(http.HandlerFunc(a.login)))
	// A passkey that an attacker adds opens sessions for good, so it takes a login of the last minutes.
	recent := auth.RequireRecentLogin(5 * time.Minute)
	mux.Handle("POST /passkeys/begin", auth.Protect(recent(http.HandlerFunc(a.beginRegistration))))
	mux.Handle("POST /passkeys", auth.Protect(recent(http.HandlerFunc(a.register))))
	return http.NewCrossOriginProtection().Handler(mux), nil
}

// beginRegistration answers with what the browser needs to make a passkey.
func (a *app) beginRegistration(w http.ResponseWriter, r *http.Request) {
	me, ok := a.me(w, r)
	if !ok {
		return
	}
	// An authenticator that has a passkey of this user already makes no second one.
	known := webauthn.WithExclusions(webauthn.Credentials(me.keys).CredentialDescriptors())
	options, session, err := a.webauthn.BeginRegistration(me, known)
	a.challenge(w, r, options, session, err)
}

// register stores the passkey that the browser has made.
func (a *app) register(w http.ResponseWriter, r *http.Request) {
	me, ok := a.me(w, r)
	if !ok {
		return
	}
	session, ok := a.ceremonies.take(w, r)
	if !ok {
		a.refuses(w, r, errNoChallenge)
		return
	}
	answer, err := protocol.ParseCredentialCreationResponseBody(http.MaxBytesReader(w, r.Body, 64<<10))
	if err != nil {
		a.refuses(w, r, err)
		return
	}
	key, err := a.webauthn.CreateCredential(me, session, answer)
	if err != nil {
		a.refuses(w, r, err)
		return
	}
	if !a.passkeys.add(me.userID, *key) {
		a.refuses(w, r, errors.New("passkey: the ID is taken"))
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// beginLogin answers with a challenge. It is the same for all users: the passkey says
// whose it is.
func (a *app) beginLogin(w http.ResponseWriter, r *http.Request) {
	options, session, err := a.webauthn.BeginDiscoverableLogin()
	a.challenge(w, r, options, session, err)
}

// login opens a session for a passkey.
func (a *app) login(w http.ResponseWriter, r *http.Request) {
	session, ok := a.ceremonies.take(w, r)
	if !ok {
		a.refuses(w, r, errNoChallenge)
		return
	}
	answer, err := protocol.ParseCredentialRequestResponseBody(http.MaxBytesReader(w, r.Body, 64<<10))
	if err != nil {
		a.refuses(w, r, err)
		return
	}
	user, key, err := a.webauthn.ValidatePasskeyLogin(a.passkeys.byHandle, session, answer)
	if err != nil {
		a.refuses(w, r, err)
		return
	}
	owner, ok := user.(account)
	if !ok || !a.passkeys.used(owner.userID, key) {
		a.refuses(w, r, errCopied)
		return
	}
	a.auth.SignIn(w, r, tokens.SignInRequest{UserID: owner.userID, Methods: methodsOf(key)})
}

// methodsOf says what was shown, by the names of RFC 8176: a key in hardware or one that
// is copied between devices, a user who is there, and a PIN or a finger.
func methodsOf(key *webauthn.Credential) []string {
	if key.Flags.BackupEligible {
		return []string{"swk", "user", "mfa"}
	}
	return []string{"hwk", "user", "mfa"}
}

var (
	errNoChallenge = errors.New("passkey: this browser has no challenge to answer")
	errCopied      = errors.New("passkey: the sign count did not grow: the key was copied")
)

// me returns the account of the request's user.
func (a *app) me(w http.ResponseWriter, r *http.Request) (account, bool) {
	p, _ := tokens.PrincipalFrom(r.Context())
	user, err := a.users.User(r.Context(), p.Subject)
	if err != nil {
		a.log.ErrorContext(r.Context(), "passkey", "err", err)
		http.Error(w, "Please try again.", http.StatusServiceUnavailable)
		return account{}, false
	}
	return a.passkeys.account(user.ID, user.Login), true
}

// challenge sends the options that the library has made to the browser.
func (a *app) challenge(w http.ResponseWriter, r *http.Request, options any, session *webauthn.SessionData, err error) {
	if err != nil || !a.ceremonies.begin(w, session) {
		a.log.ErrorContext(r.Context(), "passkey: no challenge", "err", err)
		http.Error(w, "Please try again.", http.StatusServiceUnavailable)
		return
	}
	writeJSON(w, options)
}

// refuses answers each refusal alike.
func (a *app) refuses(w http.ResponseWriter, r *http.Request, err error) {
	a.log.WarnContext(r.Context(), "passkey refused", "err", err)
	http.Error(w, "The passkey was not accepted.", http.StatusForbidden)
}

func me(w http.ResponseWriter, r *http.Request) {
	p, _ := tokens.PrincipalFrom(r.Context())
	writeJSON(w, map[string]any{"user": p.Subject, "methods": p.Methods()})
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(v)
}

//go:embed pages
var embedded embed.FS

var pages, _ = fs.Sub(embedded, "pages")
