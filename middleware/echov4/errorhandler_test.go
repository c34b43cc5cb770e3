package echov4_test

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/sallyport-go/sallyport/internal/adaptertest"
	"github.com/sallyport-go/sallyport/middleware/echov4"
)

func TestErrorHandlerAnswersAsNetHTTPDoes(t *testing.T) {
	t.Parallel()
	adaptertest.Refusals(t, func(t *testing.T, tw adaptertest.Twin, h *adaptertest.Fixture) {
		e := app(h, echov4.ErrorHandler(func(err error, _ echo.Context) { t.Errorf("next was called for %v", err) }))
		got := tw.Request.Serve(t, h, e)
		other := tw.Open(t)
		want := tw.Request.Serve(t, other, adaptertest.Mux(other))
		if tw.Method() == http.MethodHead {
			want.Body.Reset() // which a server of net/http drops
		}
		if got.Code != want.Code || adaptertest.WithoutSteps(got.Body.String()) != adaptertest.WithoutSteps(want.Body.String()) {
			t.Errorf("answer = %d %s, want %d %s", got.Code, got.Body, want.Code, want.Body)
		}
		if !maps.EqualFunc(got.Header(), want.Header(), slices.Equal) {
			t.Errorf("headers = %v, want %v", got.Header(), want.Header())
		}
	})
}

func TestErrorHandlerPassesOtherErrorsOn(t *testing.T) {
	t.Parallel()
	auth := echov4.New(adaptertest.Open(t).Auth)
	none := func(_ echo.Context) error { return nil }
	wraps := func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error { return fmt.Errorf("wrapped: %w", next(c)) }
	}
	begins := func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			err := next(c)
			_ = c.NoContent(http.StatusTeapot)
			return err
		}
	}
	for name, handler := range map[string]echo.HandlerFunc{
		"an error of the app's":                      func(_ echo.Context) error { return errors.New("of the app's") },
		"an error of Echo's":                         func(_ echo.Context) error { return echo.NewHTTPError(http.StatusTeapot, "of Echo's") },
		"a refusal that is wrapped":                  wraps(auth.Bearer(none)),
		"a refusal behind a response that has begun": begins(auth.Bearer(none)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, passed := echo.New(), false
			e.HTTPErrorHandler = echov4.ErrorHandler(func(err error, _ echo.Context) { passed = err != nil })
			e.GET("/", handler)
			e.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody))
			if !passed {
				t.Error("next was not called")
			}
		})
	}
}
