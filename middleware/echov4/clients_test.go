package echov4_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
	echomiddleware "github.com/labstack/echo/v4/middleware"

	"github.com/sallyport-go/sallyport/middleware/echov4"
	"github.com/sallyport-go/sallyport/middleware/wire"
)

func TestFaultB8BodiesBehindEchosOwnMiddleware(t *testing.T) {
	t.Parallel()
	csrf := func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			_ = c.FormValue("csrf_token")
			return next(c)
		}
	}
	for _, x := range []struct {
		name    string
		inFront []echo.MiddlewareFunc
		body    string
		gzip    bool
		chunked bool
		want    int
		reason  wire.Reason
	}{
		{name: "a form that was parsed", inFront: []echo.MiddlewareFunc{csrf}, body: alicesOwn, want: 200},
		{name: "a form that was decompressed", inFront: []echo.MiddlewareFunc{echomiddleware.Decompress()}, body: alicesOwn, gzip: true, want: 200},
		{name: "a form that was limited, then decompressed", inFront: []echo.MiddlewareFunc{echomiddleware.BodyLimit("1K"), echomiddleware.Decompress()}, body: alicesOwn, gzip: true, want: 200},
		{name: "a form that nothing has decompressed", body: alicesOwn, gzip: true, want: 400, reason: wire.ReasonMalformed},
		{name: "a body below BodyLimit", inFront: []echo.MiddlewareFunc{echomiddleware.BodyLimit("1K")}, body: alicesOwn, chunked: true, want: 200},
		{name: "a body in chunks over BodyLimit", inFront: []echo.MiddlewareFunc{echomiddleware.BodyLimit("1K")}, body: alicesOwn + strings.Repeat("x", 1<<10), chunked: true, want: 413, reason: wire.ReasonTooLarge},
		{name: "a compressed body over the maximum", inFront: []echo.MiddlewareFunc{echomiddleware.Decompress()}, body: tooLong, gzip: true, want: 413, reason: wire.ReasonTooLarge},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			h := open(t)
			e := echo.New()
			var refusal error
			e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
				return func(c echo.Context) error {
					refusal = next(c)
					return refusal
				}
			})
			e.POST("/login", echov4.New(h.auth).Login, x.inFront...)
			var body io.Reader = strings.NewReader(x.body)
			if x.gzip {
				var b bytes.Buffer
				z := gzip.NewWriter(&b)
				_, _ = io.WriteString(z, x.body)
				_ = z.Close()
				body = &b
			}
			if x.chunked {
				body = io.MultiReader(body)
			}
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/login", body)
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			if x.gzip {
				r.Header.Set("Content-Encoding", "gzip")
			}
			w := httptest.NewRecorder()
			e.ServeHTTP(w, r)
			if w.Code != x.want || reason(refusal) != x.reason {
				t.Errorf("%d %q: %s", w.Code, reason(refusal), w.Body)
			}
		})
	}
}
