// Package fastapiusers is a host that takes over the users of an API on FastAPI with
// fastapi-users: their tokens, their hashes and their clients. docs/migrate/fastapi-users.md
// tells how.
package fastapiusers

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/sallyport-go/sallyport/examples/migrate/oldtokens"
	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/passwords"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

// audience is what fastapi-users writes into its tokens.
const audience = "fastapi-users:auth"

// User is a row of the table "user" of fastapi-users.
type User struct {
	ID       string `json:"id"` // a UUID
	Email    string `json:"email"`
	Hash     string `json:"hashed_password"`
	IsActive bool   `json:"is_active"`
}

// Config configures the host.
type Config struct {
	// Users are the rows of the table.
	Users []User

	// Secret is that of the JWTStrategy, of at least 32 bytes.
	Secret string

	// RefreshKey is a new secret.
	RefreshKey keys.Secret

	// Sessions and Hasher are Sallyport's.
	Sessions store.Sessions
	Hasher   *passwords.Hasher

	// OldUntil is when the last token of fastapi-users has expired.
	OldUntil time.Time

	// Now is the clock.
	Now func() time.Time
}

// New returns the host's handler.
func New(config Config) (http.Handler, error) {
	authority, err := tokens.New(tokens.Config{
		Store:       users{config.Sessions, config},
		Issuer:      "https://api.example",
		Audience:    audience, // so that fastapi-users accepts the new tokens
		Keys:        []keys.Key{{Algorithm: "HS256", Secret: keys.Secret(config.Secret)}},
		RefreshKeys: []keys.Secret{config.RefreshKey},
		Now:         config.Now,
	})
	if err != nil {
		return nil, err
	}
	auth, err := middleware.New(middleware.Config{
		Tokens:   authority,
		ClientIP: clientip.RemoteAddr,
		Tiers:    ratelimit.Tiers{"standard": {Limit: 1000, Period: time.Hour}},
		Dialect:  wire.FastAPI{},
		Now:      config.Now,
	})
	if err != nil {
		return nil, err
	}
	old := oldtokens.Verifier{
		Method: jwt.SigningMethodHS256, Key: []byte(config.Secret), Audience: audience,
		Principal: principal, Until: config.OldUntil, Now: config.Now,
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /auth/jwt/login", auth.Login)
	mux.HandleFunc("POST /auth/jwt/refresh", auth.Refresh) // new
	mux.Handle("POST /auth/jwt/logout", logout(auth, old))
	mux.Handle("GET /me", old.Protect(auth)(http.HandlerFunc(config.me)))
	return mux, nil
}

// principal returns who the claims of an old token name.
func principal(claims jwt.MapClaims) (tokens.Principal, error) {
	sub, err := claims.GetSubject()
	return tokens.Principal{Subject: sub, Tier: "standard"}, err
}

// logout answers a client with an old token as fastapi-users does: such a token cannot be
// invalidated, and there is no session to end.
func logout(auth *middleware.Auth, old oldtokens.Verifier) http.Handler {
	done := old.Protect(auth)(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		if oldtokens.IsOld(token) {
			done.ServeHTTP(w, r)
			return
		}
		auth.Logout(w, r)
	})
}

// me answers as the route of the old API.
func (config Config) me(w http.ResponseWriter, r *http.Request) {
	p, _ := tokens.PrincipalFrom(r.Context())
	u, ok := config.user(func(u User) bool { return u.ID == p.Subject })
	if !ok {
		http.Error(w, "the user is gone", http.StatusGone)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]string{"id": u.ID, "email": u.Email}) // it fails only if the client has disconnected
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

// Authenticate verifies the hashes of pwdlib, and does not replace them yet, so that the
// old servers can still read them. Addresses are compared without regard to case, as
// fastapi-users does.
func (u users) Authenticate(ctx context.Context, login, password string) (store.User, error) {
	row, err := u.row(func(row User) bool { return strings.EqualFold(row.Email, login) })
	found, _, err := u.config.Hasher.Authenticate(ctx, password, row.user(), row.Hash, err)
	return found, err
}

// User returns the user as they are now.
func (u users) User(ctx context.Context, id string) (store.User, error) {
	if err := ctx.Err(); err != nil {
		return store.User{}, err
	}
	row, err := u.row(func(row User) bool { return row.ID == id })
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

func (u User) user() store.User { return store.User{ID: u.ID, Login: u.Email, Tier: "standard"} }
