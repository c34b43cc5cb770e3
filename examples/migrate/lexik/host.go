// Package lexik is a host that takes over the users of an API on Symfony with
// LexikJWTAuthenticationBundle and JWTRefreshTokenBundle: their tokens, their hashes and
// their clients. docs/migrate/symfony-lexik.md tells how.
package lexik

import (
	"context"
	"encoding/json"
	"errors"
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

// User is a row of the table of users.
type User struct {
	Username string   `json:"username"`
	Hash     string   `json:"password"`
	Roles    []string `json:"roles"`
}

// Config configures the host.
type Config struct {
	// Users are the rows of the table.
	Users []User

	// PrivateKey and PublicKey are Lexik's secret_key and public_key, in PEM and without
	// a pass phrase.
	PrivateKey, PublicKey []byte

	// RefreshTokens are those of JWTRefreshTokenBundle, and SingleUse is its option.
	RefreshTokens RefreshTokens
	SingleUse     bool

	// RefreshKey is a new secret.
	RefreshKey keys.Secret

	// Sessions and Hasher are Sallyport's.
	Sessions store.Sessions
	Hasher   *passwords.Hasher

	// OldUntil is when the last access token of Lexik has expired.
	OldUntil time.Time

	// Now is the clock.
	Now func() time.Time
}

// New returns the host's handler.
func New(config Config) (http.Handler, error) {
	key, err := keys.FromPEM("RS256", config.PrivateKey)
	if err != nil {
		return nil, err
	}
	all := users{config.Sessions, config}
	authority, err := tokens.New(tokens.Config{
		Store:       all,
		Issuer:      "https://api.example",
		Audience:    "https://api.example",
		Keys:        []keys.Key{key},
		RefreshKeys: []keys.Secret{config.RefreshKey},
		Claims:      all.claims,
		Now:         config.Now,
	})
	if err != nil {
		return nil, err
	}
	auth, err := middleware.New(middleware.Config{
		Tokens:   authority,
		ClientIP: clientip.RemoteAddr,
		Tiers:    ratelimit.Tiers{"standard": {Limit: 1000, Period: time.Hour}},
		Dialect:  wire.Lexik{Username: "username", Password: "password", RefreshTokens: true},
		Now:      config.Now,
	})
	if err != nil {
		return nil, err
	}
	public, err := jwt.ParseRSAPublicKeyFromPEM(config.PublicKey)
	if err != nil {
		return nil, err
	}
	old := oldtokens.Verifier{
		Method: jwt.SigningMethodRS256, Key: public, Principal: principal,
		Until: config.OldUntil, Now: config.Now,
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/login_check", auth.Login)
	mux.Handle("POST /api/token/refresh", refresher{auth, authority, config.RefreshTokens, config.Now, config.SingleUse})
	mux.Handle("GET /api/me", old.Protect(auth)(http.HandlerFunc(me)))
	mux.Handle("GET /api/admin", old.Protect(auth)(auth.RequireScope("ROLE_ADMIN")(http.HandlerFunc(me))))
	return mux, nil
}

// access are the claims of Lexik's tokens, which new tokens have too.
type access struct {
	Username string   `json:"username"`
	Roles    []string `json:"roles"`
}

// principal returns who the claims of an old token name. The roles are scopes, so that
// RequireScope can ask for them.
func principal(claims jwt.MapClaims) (tokens.Principal, error) {
	name, _ := claims["username"].(string)
	all, _ := claims["roles"].([]any)
	roles := make([]string, 0, len(all))
	for _, one := range all {
		role, ok := one.(string)
		if !ok {
			return tokens.Principal{}, errors.New("a role is no string")
		}
		roles = append(roles, role)
	}
	return tokens.Principal{Subject: name, Tier: "standard", Scope: strings.Join(roles, " ")}, nil
}

// me answers as the route of the old API, from the claims of the token.
func me(w http.ResponseWriter, r *http.Request) {
	p, _ := tokens.PrincipalFrom(r.Context())
	var caller access
	if err := p.Claims(&caller); err != nil {
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(caller) // it fails only if the client has disconnected
}

// users is the store.
type users struct {
	store.Sessions

	config Config
}

// Authenticate verifies Symfony's hashes, and does not replace them yet, so that Symfony
// can still read them.
func (u users) Authenticate(ctx context.Context, login, password string) (store.User, error) {
	row, err := u.row(login)
	found, _, err := u.config.Hasher.Authenticate(ctx, password, row.user(), row.Hash, err)
	return found, err
}

// User returns the user as they are now.
func (u users) User(ctx context.Context, id string) (store.User, error) {
	if err := ctx.Err(); err != nil {
		return store.User{}, err
	}
	row, err := u.row(id)
	if err != nil {
		return store.User{}, err
	}
	return row.user(), nil
}

func (u users) row(name string) (User, error) {
	for _, row := range u.config.Users {
		if row.Username == name {
			return row, nil
		}
	}
	return User{}, store.ErrNotFound
}

func (u User) user() store.User {
	return store.User{ID: u.Username, Login: u.Username, Tier: "standard", Scopes: u.Roles}
}

// claims are what Symfony reads in an access token.
func (u users) claims(_ context.Context, of store.User) (map[string]any, error) {
	row, err := u.row(of.ID)
	return map[string]any{"username": row.Username, "roles": row.Roles}, err
}
