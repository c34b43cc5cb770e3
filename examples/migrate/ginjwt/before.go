package ginjwt

import (
	"net/http"
	"time"

	ginjwt "github.com/appleboy/gin-jwt/v2"
	"github.com/gin-gonic/gin"
	"golang.org/x/crypto/bcrypt"
)

// The lifetimes of the old tokens: each may be exchanged for a new one until maxRefresh
// after it was issued.
const (
	lifetime   = time.Hour
	maxRefresh = 24 * time.Hour
)

// Before is the API with gin-jwt.
func Before(db *Database, secret []byte) (http.Handler, error) {
	m, err := newGinJWT(db, secret)
	if err != nil {
		return nil, err
	}
	e := gin.New()
	e.POST("/login", m.LoginHandler)
	e.GET("/refresh_token", m.RefreshHandler)
	g := e.Group("/", m.MiddlewareFunc())
	db.routes(g)
	return e, nil
}

func newGinJWT(db *Database, secret []byte) (*ginjwt.GinJWTMiddleware, error) {
	return ginjwt.New(&ginjwt.GinJWTMiddleware{
		Realm: "notes", Key: secret, Timeout: lifetime, MaxRefresh: maxRefresh, IdentityKey: identityKey,
		Authenticator: func(c *gin.Context) (any, error) {
			var in struct {
				Username string `json:"username"`
				Password string `json:"password"`
			}
			if c.ShouldBindJSON(&in) != nil {
				return nil, ginjwt.ErrMissingLoginValues
			}
			u, ok := db.user(in.Username)
			if !ok || bcrypt.CompareHashAndPassword([]byte(u.hash), []byte(in.Password)) != nil {
				return nil, ginjwt.ErrFailedAuthentication
			}
			return u, nil
		},
		PayloadFunc: func(data any) ginjwt.MapClaims {
			u, _ := data.(user)
			return ginjwt.MapClaims{identityKey: u.name, "role": u.role}
		},
	})
}
