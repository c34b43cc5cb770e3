package echojwt

import (
	"net/http"
	"time"

	"github.com/golang-jwt/jwt/v5"
	echojwt "github.com/labstack/echo-jwt/v4"
	"github.com/labstack/echo/v4"
	"golang.org/x/crypto/bcrypt"
)

// lifetime is that of the old tokens. They cannot be refreshed.
const lifetime = 72 * time.Hour

// Before is the API with echo-jwt.
func Before(db *Database, secret []byte) *echo.Echo {
	e, a := echo.New(), api{db}
	e.GET("/health", a.health)
	e.POST("/login", login(db, secret))

	g := e.Group("", verified(secret))
	g.GET("/me", a.me)
	g.GET("/tasks", a.list)
	g.POST("/tasks", a.add)
	g.PUT("/tasks/:id/done", a.done)
	g.DELETE("/tasks/:id", a.remove)
	g.GET("/admin/tasks", a.all)
	return e
}

// verified is echo-jwt.
func verified(secret []byte) echo.MiddlewareFunc {
	return echojwt.WithConfig(echojwt.Config{
		SigningKey:    secret,
		NewClaimsFunc: func(echo.Context) jwt.Claims { return new(claims) },
	})
}

// login issues a token for a login and a password.
func login(db *Database, secret []byte) echo.HandlerFunc {
	return func(c echo.Context) error {
		u, ok := db.user(func(u user) bool { return u.login == c.FormValue("username") })
		if !ok || bcrypt.CompareHashAndPassword([]byte(u.hash), []byte(c.FormValue("password"))) != nil {
			return echo.ErrUnauthorized
		}
		now := time.Now()
		token := jwt.NewWithClaims(jwt.SigningMethodHS256, &claims{
			Name: u.name, Admin: u.admin,
			RegisteredClaims: jwt.RegisteredClaims{
				Subject: u.id, IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(lifetime)),
			},
		})
		signed, err := token.SignedString(secret)
		if err != nil {
			return err
		}
		return c.JSON(http.StatusOK, echo.Map{"token": signed})
	}
}
