package chi

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/jwtauth/v5"
	"github.com/lestrrat-go/jwx/v2/jwt"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/passwords"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

// Config configures the API after the move.
type Config struct {
	Database *Database

	// Secret is that of jwtauth, of at least 32 bytes, so that the old servers accept
	// the new tokens.
	Secret []byte

	// RefreshKey is a new secret.
	RefreshKey keys.Secret

	// Sessions is shared by all new servers.
	Sessions store.Sessions

	// Hasher verifies the passwords.
	Hasher *passwords.Hasher

	// OldUntil is when the last old token has expired.
	OldUntil time.Time
}

// After is the API with Sallyport.
func After(config Config) (http.Handler, error) {
	all := users{config.Sessions, config.Database, config.Hasher}
	authority, err := tokens.New(tokens.Config{
		Store:       all,
		Issuer:      "https://articles.example",
		Audience:    "https://articles.example",
		Keys:        []keys.Key{{Algorithm: "HS256", Secret: keys.Secret(config.Secret)}},
		RefreshKeys: []keys.Secret{config.RefreshKey},
		AccessTTL:   lifetime, // until the clients refresh: then 1 h
		Claims:      all.claims,
	})
	if err != nil {
		return nil, err
	}
	auth, err := middleware.New(middleware.Config{
		Tokens:   authority,
		ClientIP: clientip.RemoteAddr,
		Tiers:    ratelimit.Tiers{"standard": {Limit: 100, Period: time.Minute, Algorithm: ratelimit.Rolling}},
		// JSON with email and password, and {"token": ...}, as the old login has it
		Dialect: wire.Lexik{Username: "email", Password: "password", RefreshTokens: true},
	})
	if err != nil {
		return nil, err
	}
	r := chi.NewRouter()
	r.Post("/login", auth.Login)     // as before, and with a refresh_token
	r.Post("/refresh", auth.Refresh) // new
	r.Post("/logout", auth.Logout)   // new
	r.Group(func(r chi.Router) {
		r.Use(protect(auth, jwtauth.New("HS256", config.Secret, nil), config.OldUntil))
		config.Database.routes(r)
	})
	return r, nil
}

// protect is auth.Protect, and lets old tokens through to jwtauth until a time. The
// handlers find the claims by jwtauth.FromContext for both.
func protect(auth *middleware.Auth, ja *jwtauth.JWTAuth, oldUntil time.Time) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		current := auth.Protect(withToken(next))
		old := chi.Chain(jwtauth.Verifier(ja), jwtauth.Authenticator(ja), withPrincipal, auth.Limit).Handler(next)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if time.Now().Before(oldUntil) && isOld(r) {
				old.ServeHTTP(w, r)
				return
			}
			current.ServeHTTP(w, r)
		})
	}
}

// isOld reports whether the request has a token that is not one of Sallyport's, whose
// type is at+jwt. It decides only which of the two verifies the token.
func isOld(r *http.Request) bool {
	token := cmp.Or(jwtauth.TokenFromHeader(r), jwtauth.TokenFromCookie(r))
	head, _, _ := strings.Cut(token, ".")
	text, err := base64.RawURLEncoding.DecodeString(head)
	var header struct {
		Type string `json:"typ"`
	}
	return err == nil && json.Unmarshal(text, &header) == nil && header.Type == "JWT"
}

// withToken gives the handlers a new token, which auth.Protect has verified, as jwtauth
// does.
func withToken(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, err := jwt.ParseInsecure([]byte(jwtauth.TokenFromHeader(r)))
		next.ServeHTTP(w, r.WithContext(jwtauth.NewContext(r.Context(), token, err)))
	})
}

// withPrincipal tells Sallyport who the user of an old token is, for the limits.
func withPrincipal(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, claims, _ := jwtauth.FromContext(r.Context())
		id, ok := claims["user_id"].(float64)
		if !ok {
			http.Error(w, jwtauth.ErrUnauthorized.Error(), http.StatusUnauthorized)
			return
		}
		p := tokens.Principal{Subject: strconv.FormatFloat(id, 'f', 0, 64), Tier: "standard", Restricted: true}
		next.ServeHTTP(w, middleware.WithPrincipal(r, p))
	})
}

// users is the store: the users are those of the API's own table, and the sessions are
// in a store of Sallyport's.
type users struct {
	store.Sessions

	db     *Database
	hasher *passwords.Hasher
}

// Authenticate verifies the bcrypt hashes that the table has. It does not replace them
// by argon2id hashes yet, so that the old servers can still read them.
func (u users) Authenticate(ctx context.Context, login, password string) (store.User, error) {
	row, err := u.row(func(row user) bool { return row.email == login })
	found, _, err := u.hasher.Authenticate(ctx, password, row.user(), row.hash, err)
	return found, err
}

// User returns the user as they are now, at each login and each refresh.
func (u users) User(ctx context.Context, id string) (store.User, error) {
	if err := ctx.Err(); err != nil {
		return store.User{}, err
	}
	row, err := u.row(func(row user) bool { return strconv.Itoa(row.id) == id })
	if err != nil {
		return store.User{}, err
	}
	return row.user(), nil
}

func (u users) row(is func(user) bool) (user, error) {
	row, ok := u.db.user(is)
	if !ok {
		return user{}, store.ErrNotFound
	}
	return row, nil
}

func (u user) user() store.User {
	return store.User{ID: strconv.Itoa(u.id), Login: u.email, Tier: "standard"}
}

// claims returns the claims that the handlers read.
func (u users) claims(_ context.Context, of store.User) (map[string]any, error) {
	row, err := u.row(func(row user) bool { return strconv.Itoa(row.id) == of.ID })
	if err != nil {
		return nil, err
	}
	return map[string]any{"user_id": row.id, "role": row.role}, nil
}
