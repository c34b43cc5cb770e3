package ginjwt

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	ginjwt "github.com/appleboy/gin-jwt/v2"
	"github.com/gin-gonic/gin"

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

	// Secret is that of gin-jwt, of at least 32 bytes, so that the old servers accept
	// the new tokens.
	Secret []byte

	// RefreshKey is a new secret.
	RefreshKey keys.Secret

	// Sessions is shared by all new servers.
	Sessions store.Sessions

	// Hasher verifies the passwords.
	Hasher *passwords.Hasher

	// SwitchedAt is when the last old server has stopped.
	SwitchedAt time.Time
}

// After is the API with Sallyport.
func After(config Config) (http.Handler, error) {
	old, err := newGinJWT(config.Database, config.Secret)
	if err != nil {
		return nil, err
	}
	all := users{config.Sessions, config.Database, config.Hasher}
	authority, err := tokens.New(tokens.Config{
		Store:       all,
		Issuer:      "https://notes.example",
		Audience:    "https://notes.example",
		Keys:        []keys.Key{{Algorithm: "HS256", Secret: keys.Secret(config.Secret)}},
		RefreshKeys: []keys.Secret{config.RefreshKey},
		AccessTTL:   maxRefresh, // until the clients send the refresh_token: then 1 h
		Claims:      all.claims,
	})
	if err != nil {
		return nil, err
	}
	auth, err := middleware.New(middleware.Config{
		Tokens:   authority,
		ClientIP: clientip.RemoteAddr,
		Tiers:    ratelimit.Tiers{"standard": {Limit: 1000, Period: time.Hour}},
		Dialect:  dialect{wire.Lexik{Username: "username", Password: "password", RefreshTokens: true}},
	})
	if err != nil {
		return nil, err
	}
	b := both{auth: auth, old: old, switchedAt: config.SwitchedAt}
	e := gin.New()
	e.POST("/login", gin.WrapF(auth.Login))     // as before, and with a refresh_token
	e.POST("/refresh", gin.WrapF(auth.Refresh)) // new
	e.POST("/logout", gin.WrapF(auth.Logout))   // new
	e.GET("/refresh_token", b.refresh)          // for old tokens only
	g := e.Group("/", b.protect)
	config.Database.routes(g)
	return e, nil
}

// dialect answers as gin-jwt does, and has the refresh token besides.
type dialect struct{ wire.Lexik }

// Granted returns "code", "token", "expire" and "refresh_token".
func (dialect) Granted(p tokens.Pair) wire.Answer {
	return wire.JSON(http.StatusOK, struct {
		Code    int    `json:"code"`
		Token   string `json:"token"`
		Expire  string `json:"expire"`
		Refresh string `json:"refresh_token,omitempty"`
	}{http.StatusOK, string(p.AccessToken), time.Now().Add(p.ExpiresIn).Format(time.RFC3339), string(p.RefreshToken)})
}

// both serves the tokens of both systems.
type both struct {
	auth       *middleware.Auth
	old        *ginjwt.GinJWTMiddleware
	switchedAt time.Time
}

// protect is auth.Protect, and lets old tokens through to gin-jwt until the last has
// expired. The handlers find the claims by ginjwt.ExtractClaims for both.
func (b both) protect(c *gin.Context) {
	if !isOld(c.Request) || !time.Now().Before(b.switchedAt.Add(lifetime)) {
		use(b.auth.Protect, func(r *http.Request) {
			p, _ := tokens.PrincipalFrom(r.Context())
			claims := ginjwt.MapClaims{}
			if p.Claims(&claims) == nil {
				c.Set("JWT_PAYLOAD", claims)
				c.Set(identityKey, claims[identityKey])
			}
		})(c)
		return
	}
	claims, err := b.old.GetClaimsFromJWT(c)
	name, _ := claims[identityKey].(string)
	if _, expires := claims["exp"].(float64); err != nil || name == "" || !expires {
		b.auth.Refused(wire.RouteAPI, tokens.ErrInvalidToken).Write(c.Writer)
		c.Abort()
		return
	}
	c.Set("JWT_PAYLOAD", claims)
	c.Set(identityKey, name)
	c.Request = middleware.WithPrincipal(c.Request, tokens.Principal{Subject: name, Tier: "standard", Restricted: true})
	use(b.auth.Limit, nil)(c)
}

// refresh exchanges an old token, which may have expired, for a session, as long as
// gin-jwt would have exchanged it.
func (b both) refresh(c *gin.Context) {
	answer := func(p tokens.Pair, err error) {
		if err != nil {
			b.auth.Refused(wire.RouteRefresh, err).Write(c.Writer)
			return
		}
		b.auth.Granted(p).Write(c.Writer)
	}
	if !isOld(c.Request) || !time.Now().Before(b.switchedAt.Add(maxRefresh)) {
		answer(tokens.Pair{}, tokens.ErrInvalidRefresh)
		return
	}
	token, _ := b.old.ParseToken(c) // it may have expired
	if _, ok := ginjwt.ExtractClaimsFromToken(token)["orig_iat"].(float64); !ok {
		answer(tokens.Pair{}, tokens.ErrInvalidRefresh) // CheckIfTokenExpire panics without it
		return
	}
	claims, err := b.old.CheckIfTokenExpire(c)
	name, ok := claims[identityKey].(string)
	if err != nil || !ok {
		answer(tokens.Pair{}, tokens.ErrInvalidRefresh)
		return
	}
	answer(b.auth.CheckSignIn(c.Request, tokens.SignInRequest{UserID: name}))
}

// isOld reports whether the request has a token that is not one of Sallyport's, whose
// type is at+jwt. It decides only which of the two verifies the token.
func isOld(r *http.Request) bool {
	_, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	head, _, _ := strings.Cut(token, ".")
	text, err := base64.RawURLEncoding.DecodeString(head)
	var header struct {
		Type string `json:"typ"`
	}
	return err == nil && json.Unmarshal(text, &header) == nil && header.Type == "JWT"
}

// use makes a middleware of net/http one of gin. before, if not nil, is called with the
// request that the middleware lets through.
func use(m func(http.Handler) http.Handler, before func(*http.Request)) gin.HandlerFunc {
	return func(c *gin.Context) {
		next := func(_ http.ResponseWriter, r *http.Request) {
			c.Request = r
			if before != nil {
				before(r)
			}
			c.Next()
		}
		m(http.HandlerFunc(next)).ServeHTTP(c.Writer, c.Request)
		c.Abort() // the handlers behind m have run by now, or must not run
	}
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
	row, err := u.row(login)
	found, _, err := u.hasher.Authenticate(ctx, password, row.user(), row.hash, err)
	return found, err
}

// User returns the user as they are now, at each login and each refresh.
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

func (u users) row(name string) (user, error) {
	row, ok := u.db.user(name)
	if !ok {
		return user{}, store.ErrNotFound
	}
	return row, nil
}

func (u user) user() store.User { return store.User{ID: u.name, Login: u.name, Tier: "standard"} }

// claims returns the claims that the handlers read, and the one that gin-jwt asks for in
// a refresh.
func (u users) claims(_ context.Context, of store.User) (map[string]any, error) {
	row, err := u.row(of.ID)
	return map[string]any{identityKey: row.name, "role": row.role, "orig_iat": time.Now().Unix()}, err
}
