package echov5_test

import (
	"net/http"

	"github.com/labstack/echo/v5"

	"github.com/sallyport-go/sallyport/internal/adaptertest"
	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/echov5"
)

// mount mounts the fixture's routes.
func mount(e *echo.Echo, auth *middleware.Auth) {
	host := echo.WrapHandler(http.HandlerFunc(adaptertest.Hello))
	adaptertest.Mount(auth, echov5.New(auth), host, func(path string, h echo.HandlerFunc, m ...echo.MiddlewareFunc) {
		e.Any(path, h, m...)
	})
}

// app returns an Echo app with the fixture's routes and an error handler.
func app(h *adaptertest.Fixture, handle echo.HTTPErrorHandler) *echo.Echo {
	e := echo.New()
	e.HTTPErrorHandler = handle
	mount(e, h.Auth)
	return e
}

func committed(c *echo.Context) bool {
	r, err := echo.UnwrapResponse(c.Response())
	return err == nil && r.Committed
}
