// Package simplejwt is a host that takes over the users of an API on Django with
// djangorestframework-simplejwt: their tokens, their hashes and their clients.
// docs/migrate/django-simplejwt.md tells how.
package simplejwt

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/sallyport-go/sallyport/examples/migrate/oldtokens"
	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/passwords"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

// User is a row of Django's table auth_user.
type User struct {
	ID       int    `json:"id"`
	Username string `json:"username"`
	Hash     string `json:"password"`
	IsActive bool   `json:"is_active"`
}

// Config configures the host.
type Config struct {
	// Users are the rows of the table.
	Users []User

	// Secret is Django's SECRET_KEY, or the SIGNING_KEY of simplejwt, of at least 32 bytes.
	Secret string

	// Blacklist is simplejwt's.
	Blacklist Blacklist

	// Rotate is ROTATE_REFRESH_TOKENS with BLACKLIST_AFTER_ROTATION.
	Rotate bool

	// RefreshKey is a new secret.
	RefreshKey keys.Secret

	// Sessions and Hasher are Sallyport's.
	Sessions store.Sessions
	Hasher   *passwords.Hasher

	// SwitchedAt is when Django has issued its last token.
	SwitchedAt time.Time

	// Now is the clock.
	Now func() time.Time
}

// The lifetimes of simplejwt's tokens.
const (
	accessLifetime  = 5 * time.Minute
	refreshLifetime = 24 * time.Hour
)

// New returns the host's handler.
func New(config Config) (http.Handler, error) {
	authority, err := tokens.New(tokens.Config{
		Store:       users{config.Sessions, config},
		Issuer:      "https://api.example",
		Audience:    "https://api.example",
		Keys:        []keys.Key{{Algorithm: "HS256", Secret: keys.Secret(config.Secret)}},
		RefreshKeys: []keys.Secret{config.RefreshKey},
		AccessTTL:   accessLifetime,
		Claims:      claims,
		Now:         config.Now,
	})
	if err != nil {
		return nil, err
	}
	auth, err := middleware.New(middleware.Config{
		Tokens:   authority,
		ClientIP: clientip.RemoteAddr,
		Tiers:    ratelimit.Tiers{"standard": {Limit: 1000, Period: time.Hour}},
		Dialect:  newDialect(),
		Realm:    "api",
		Now:      config.Now,
	})
	if err != nil {
		return nil, err
	}
	old := oldtokens.Verifier{
		Method: jwt.SigningMethodHS256, Key: []byte(config.Secret), Principal: principal,
		Until: config.SwitchedAt.Add(accessLifetime), Now: config.Now,
	}
	refresh := refresher{auth: auth, authority: authority, old: old, blacklist: config.Blacklist, rotate: config.Rotate}
	refresh.old.Until = config.SwitchedAt.Add(refreshLifetime)

	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/token/{$}", auth.Login)
	mux.Handle("POST /api/token/refresh/{$}", refresh)
	mux.Handle("GET /api/me/{$}", old.Protect(auth)(http.HandlerFunc(config.me)))
	return mux, nil
}

// principal returns who the claims of an old access token name.
func principal(claims jwt.MapClaims) (tokens.Principal, error) {
	user, ok := userOf(claims, "access")
	if !ok {
		return tokens.Principal{}, errors.New("not an access token")
	}
	return tokens.Principal{Subject: user, Tier: "standard"}, nil
}

// claims are what Django reads in an access token.
func claims(_ context.Context, u store.User) (map[string]any, error) {
	id, err := strconv.Atoi(u.ID)
	return map[string]any{"token_type": "access", "user_id": id}, err
}

// me answers as the route of the old API.
func (config Config) me(w http.ResponseWriter, r *http.Request) {
	p, _ := tokens.PrincipalFrom(r.Context())
	u, ok := config.user(func(u User) bool { return strconv.Itoa(u.ID) == p.Subject })
	if !ok {
		http.Error(w, "the user is gone", http.StatusGone)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"id": u.ID, "username": u.Username}) // it fails only if the client has disconnected
}

func (config Config) user(is func(User) bool) (User, bool) {
	for _, u := range config.Users {
		if u.IsActive && is(u) {
			return u, true
		}
	}
	return User{}, false
}

// users is the store.
type users struct {
	store.Sessions

	config Config
}

// Authenticate verifies Django's hashes, and does not replace them yet, so that Django can
// still read them.
func (u users) Authenticate(ctx context.Context, login, password string) (store.User, error) {
	row, err := u.row(func(row User) bool { return row.Username == login })
	found, _, err := u.config.Hasher.Authenticate(ctx, password, row.user(), row.Hash, err)
	return found, err
}

// User returns the user as they are now.
func (u users) User(ctx context.Context, id string) (store.User, error) {
	if err := ctx.Err(); err != nil {
		return store.User{}, err
	}
	row, err := u.row(func(row User) bool { return strconv.Itoa(row.ID) == id })
	if err != nil {
		return store.User{}, err
	}
	return row.user(), nil
}

func (u users) row(is func(User) bool) (User, error) {
	row, ok := u.config.user(is)
	if !ok {
		return User{}, store.ErrNotFound
	}
	return row, nil
}

func (u User) user() store.User {
	return store.User{ID: strconv.Itoa(u.ID), Login: u.Username, Tier: "standard"}
}
