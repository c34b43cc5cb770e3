package echov5_test

import (
	"net/http"
	"testing"

	"github.com/labstack/echo/v5"

	"github.com/sallyport-go/sallyport/internal/adaptertest"
	"github.com/sallyport-go/sallyport/middleware/echov5"
)

// A middleware around the app, for example of a metrics library, reads the pattern of the
// route that answered: also of a mux that is mounted behind Bearer or Limit.
func TestFaultC15ThePatternOfAMountedMuxIsSeenFurtherOut(t *testing.T) {
	t.Parallel()
	h := adaptertest.Open(t)
	adaptertest.Login(t, h)
	auth := echov5.New(h.Auth)
	for name, wrap := range map[string]echo.MiddlewareFunc{
		"no middleware":   func(next echo.HandlerFunc) echo.HandlerFunc { return next },
		"Bearer":          auth.Bearer,
		"OptionalBearer":  auth.OptionalBearer,
		"Limit":           auth.Limit,
		"Protect":         auth.Protect,
		"Bearer in front": func(next echo.HandlerFunc) echo.HandlerFunc { return auth.Bearer(auth.Limit(next)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mux := http.NewServeMux()
			mux.HandleFunc("GET /files/{id}", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
			e := echo.New()
			var inside string
			e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
				return func(c *echo.Context) error {
					err := next(c)
					inside = c.Request().Pattern
					return err
				}
			})
			e.Any("/files/*", echo.WrapHandler(mux), wrap)
			var outside string
			w := adaptertest.Bare("GET /files/7", adaptertest.Bearer).Serve(t, h, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				e.ServeHTTP(w, r)
				outside = r.Pattern
			}))
			if w.Code != http.StatusNoContent || outside != "GET /files/{id}" || inside != outside {
				t.Errorf("%d: the pattern is %q around the app and %q in its middleware", w.Code, outside, inside)
			}
		})
	}
}
