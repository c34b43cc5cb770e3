package echojwt

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/labstack/echo/v4"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/echov4"
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

	// Secret is that of echo-jwt, of at least 32 bytes, so that the old servers accept
	// the new tokens.
	Secret []byte

	// RefreshKey is a new secret.
	RefreshKey keys.Secret

	// Sessions, for example a sqlstore.Store, is shared by all new servers.
	Sessions store.Sessions

	// Hasher verifies the passwords.
	Hasher *passwords.Hasher

	// OldUntil is when the last old token has expired: the lifetime of the old tokens
	// after the last old server has stopped.
	OldUntil time.Time
}

// After is the API with Sallyport.
func After(config Config) (*echo.Echo, error) {
	auth, err := newAuth(config)
	if err != nil {
		return nil, err
	}
	e, a := echo.New(), api{config.Database}
	e.GET("/health", a.health)
	e.POST("/login", auth.Login)     // as before, and with a refresh_token
	e.POST("/refresh", auth.Refresh) // new
	e.POST("/logout", auth.Logout)   // new

	g := e.Group("", protect(auth, verified(config.Secret), config.OldUntil))
	g.GET("/me", a.me)
	g.GET("/tasks", a.list)
	g.POST("/tasks", a.add)
	g.PUT("/tasks/:id/done", a.done)
	g.DELETE("/tasks/:id", a.remove)
	g.GET("/admin/tasks", a.all)
	return e, nil
}

func newAuth(config Config) (*echov4.Auth, error) {
	all := users{config.Sessions, config.Database, config.Hasher}
	authority, err := tokens.New(tokens.Config{
		Store:       all,
		Issuer:      "https://tasks.example",
		Audience:    "https://tasks.example",
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
		Tiers:    ratelimit.Tiers{"standard": {Limit: 1000, Period: time.Hour, Algorithm: ratelimit.GCRA}},
		// {"token": ...}, as the old login answers
		Dialect: wire.Lexik{Username: "username", Password: "password", RefreshTokens: true},
	})
	if err != nil {
		return nil, err
	}
	return echov4.New(auth), nil
}

// protect is auth.Protect, and lets old tokens through to echo-jwt until a time. The
// handlers find a *jwt.Token under "user" for both.
func protect(auth *echov4.Auth, echoJWT echo.MiddlewareFunc, oldUntil time.Time) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		current := auth.Protect(withToken(next))
		old := echoJWT(withPrincipal(auth.Limit(next)))
		return func(c echo.Context) error {
			if time.Now().Before(oldUntil) && isOld(c.Request()) {
				return old(c)
			}
			return current(c)
		}
	}
}

// isOld reports whether the request has a token that is not one of Sallyport's, whose
// type is at+jwt. It decides only which of the two verifies the token.
func isOld(r *http.Request) bool {
	head, _, _ := strings.Cut(bearer(r), ".")
	text, err := base64.RawURLEncoding.DecodeString(head)
	var header struct {
		Type string `json:"typ"`
	}
	return err == nil && json.Unmarshal(text, &header) == nil && header.Type == "JWT"
}

func bearer(r *http.Request) string {
	_, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return token
}

// withToken gives the handlers a new token, which auth.Protect has verified, as echo-jwt
// does.
func withToken(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		token, _, err := jwt.NewParser().ParseUnverified(bearer(c.Request()), new(claims))
		if err != nil {
			return err
		}
		token.Valid = true
		c.Set("user", token)
		return next(c)
	}
}

// withPrincipal tells Sallyport who the user of an old token is, for the limits.
func withPrincipal(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		p := tokens.Principal{Subject: caller(c).Subject, Tier: "standard", Restricted: true}
		c.SetRequest(middleware.WithPrincipal(c.Request(), p))
		return next(c)
	}
}
