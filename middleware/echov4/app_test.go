package echov4_test

import (
	"net/http"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/sallyport-go/sallyport/internal/adaptertest"
	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/echov4"
)

// mount mounts the fixture's routes.
func mount(e *echo.Echo, auth *middleware.Auth) {
	host := echo.WrapHandler(http.HandlerFunc(adaptertest.Hello))
	adaptertest.Mount(auth, echov4.New(auth), host, func(path string, h echo.HandlerFunc, m ...echo.MiddlewareFunc) {
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

// Middleware of a virtual host guards its routes. Echo v5 has no method for hosts.
func TestHostIsGuarded(t *testing.T) {
	t.Parallel()
	h := adaptertest.Open(t)
	adaptertest.Login(t, h)
	e := echo.New()
	e.Host("example.com", echov4.New(h.Auth).Protect).GET("/in", func(c echo.Context) error {
		p, _ := echov4.Principal(c)
		return c.String(http.StatusOK, p.Subject)
	})
	if got := adaptertest.Bare("GET /in").Serve(t, h, e); got.Code != http.StatusUnauthorized {
		t.Errorf("without a token: status = %d, want 401", got.Code)
	}
	if got := adaptertest.Bare("GET /in", adaptertest.Bearer).Serve(t, h, e); got.Code != http.StatusOK || got.Body.String() != "u-alice" {
		t.Errorf("with a token: answer = %d %q, want alice's", got.Code, got.Body)
	}
}
