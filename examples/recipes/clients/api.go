package main

import (
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/memstore"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

// config is what the API needs.
type config struct {
	origin string
	pages  []string // the origins of the front ends, such as "https://app.example.com"
	users  *memstore.Store
	log    *slog.Logger
	now    func() time.Time
}

// registered are the clients. Neither can keep a secret, so neither has one: the client_id
// says which application a session is of, and binds its refresh tokens to it.
func registered() []store.Client {
	grants := []string{tokens.GrantPassword, tokens.GrantRefresh}
	return []store.Client{
		{ID: "web", Name: "Web", Grants: grants, Grace: 30 * time.Second},
		{ID: "phone", Name: "Mobile app", Grants: grants, Grace: 5 * time.Minute}, // networks of phones come and go
	}
}

func newAuth(c config) (*middleware.Auth, error) {
	authority, err := tokens.New(tokens.Config{
		Store: c.users, Revocations: c.users, Clients: c.users, Issuer: c.origin, Audience: c.origin,
		Keys:        []keys.Key{{Algorithm: "HS256", Secret: keys.NewSecret()}},
		RefreshKeys: []keys.Secret{keys.NewSecret()},
		IdleTTL:     60 * 24 * time.Hour, // for so long a phone may be offline, or lie in a drawer
		SessionTTL:  365 * 24 * time.Hour,
		MaxSessions: 20,
		Events:      events.Log(c.log), Now: c.now,
	})
	if err != nil {
		return nil, err
	}
	return middleware.New(middleware.Config{
		Tokens: authority, ClientIP: clientip.RemoteAddr, Now: c.now,
		Tiers: ratelimit.Tiers{"free": {Limit: 60, Period: time.Minute, Algorithm: ratelimit.GCRA}},
	})
}

// newAPI returns the API's routes.
func newAPI(c config) (http.Handler, error) {
	auth, err := newAuth(c)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/login", auth.Login)
	mux.HandleFunc("/refresh", auth.Refresh)
	mux.HandleFunc("/logout", auth.Logout)
	mux.Handle("GET /me", auth.Protect(http.HandlerFunc(me)))
	mux.Handle("GET /sessions", auth.Protect(http.HandlerFunc(auth.Sessions)))
	mux.Handle("DELETE /sessions/{id}", auth.Protect(http.HandlerFunc(auth.EndSession)))
	mux.Handle("GET /reports", auth.Protect(auth.RequireScope("reports")(http.HandlerFunc(me))))
	return shared(c.pages, mux), nil
}

func me(w http.ResponseWriter, r *http.Request) {
	p, _ := tokens.PrincipalFrom(r.Context())
	_, _ = fmt.Fprintln(w, p.Subject)
}
