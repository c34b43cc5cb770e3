package main

import (
	"net/http"

	"github.com/labstack/echo/v5"
	echomw "github.com/labstack/echo/v5/middleware"

	"github.com/sallyport-go/sallyport/middleware/echov5"
)

// newEchoAPI returns the routes that a page calls, on Echo.
func newEchoAPI(c config) (http.Handler, error) {
	auth, err := newAuth(c)
	if err != nil {
		return nil, err
	}
	guard := echov5.New(auth)
	e := echo.New()
	// On e, not on a group: a preflight is for a method that no route has.
	e.Use(echomw.CORSWithConfig(echomw.CORSConfig{
		AllowOrigins:  c.pages, // must not be empty: that would be every origin
		AllowMethods:  []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete},
		AllowHeaders:  []string{"Authorization", "Content-Type"},
		ExposeHeaders: exposed,
		MaxAge:        600,
	}))
	e.POST("/login", guard.Login)
	e.POST("/refresh", guard.Refresh)
	e.POST("/logout", guard.Logout)
	user := e.Group("", guard.Protect)
	user.GET("/me", echo.WrapHandler(http.HandlerFunc(me)))
	user.GET("/reports", echo.WrapHandler(http.HandlerFunc(me)), guard.RequireScope("reports"))
	return e, nil
}
