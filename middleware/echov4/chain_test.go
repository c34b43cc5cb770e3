package echov4_test

import (
	"bytes"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	echomw "github.com/labstack/echo/v4/middleware"

	"github.com/sallyport-go/sallyport/internal/adaptertest"
	"github.com/sallyport-go/sallyport/middleware/echov4"
	"github.com/sallyport-go/sallyport/middleware/wire"
)

// record is a middleware that records the status of each answer.
type record struct{ status []int }

// careful calls the error handler before it reads the status.
func (r *record) careful(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if err := next(c); err != nil {
			c.Error(err)
		}
		r.status = append(r.status, c.Response().Status)
		return nil
	}
}

// twice calls the error handler and returns the error, so that Echo calls the
// error handler again.
func (r *record) twice(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		err := next(c)
		if err != nil {
			c.Error(err)
		}
		r.status = append(r.status, c.Response().Status)
		return err
	}
}

// logger is Echo's own.
func (r *record) logger(handle bool) echo.MiddlewareFunc {
	return echomw.RequestLoggerWithConfig(echomw.RequestLoggerConfig{
		LogStatus: true, HandleError: handle,
		LogValuesFunc: func(_ echo.Context, v echomw.RequestLoggerValues) error {
			r.status = append(r.status, v.Status)
			return nil
		},
	})
}

// Common Echo middlewares in front of the routes do not change any refusal.
func TestFaultC15MiddlewareThatReplacesTheResponseLeavesRefusalsAsTheyAre(t *testing.T) {
	t.Parallel()
	chains := map[string]func(*record) []echo.MiddlewareFunc{
		"Recover, RequestID and Secure": func(r *record) []echo.MiddlewareFunc {
			return []echo.MiddlewareFunc{r.careful, echomw.Recover(), echomw.RequestID(), echomw.Secure()}
		},
		"Gzip behind a recorder": func(r *record) []echo.MiddlewareFunc {
			return []echo.MiddlewareFunc{r.careful, echomw.Gzip()}
		},
		"a recorder behind Gzip": func(r *record) []echo.MiddlewareFunc {
			return []echo.MiddlewareFunc{echomw.Gzip(), r.careful}
		},
		"a recorder behind Gzip with a minimum length": func(r *record) []echo.MiddlewareFunc {
			return []echo.MiddlewareFunc{echomw.GzipWithConfig(echomw.GzipConfig{MinLength: 1 << 10}), r.careful}
		},
		"BodyDump": func(r *record) []echo.MiddlewareFunc {
			return []echo.MiddlewareFunc{r.careful, echomw.BodyDump(func(echo.Context, []byte, []byte) {})}
		},
		"BodyLimit": func(r *record) []echo.MiddlewareFunc {
			return []echo.MiddlewareFunc{r.careful, echomw.BodyLimit("1M")}
		},
		"ContextTimeout": func(r *record) []echo.MiddlewareFunc {
			return []echo.MiddlewareFunc{r.careful, echomw.ContextTimeout(time.Minute)}
		},
		"a recorder that calls the error handler twice": func(r *record) []echo.MiddlewareFunc {
			return []echo.MiddlewareFunc{r.twice}
		},
		"RequestLogger that handles the error": func(r *record) []echo.MiddlewareFunc {
			return []echo.MiddlewareFunc{r.logger(true)}
		},
		"RequestLogger that does not handle the error": func(r *record) []echo.MiddlewareFunc {
			return []echo.MiddlewareFunc{r.logger(false)}
		},
	}
	for name, chain := range chains {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			adaptertest.RunRefusals(t, func(h *adaptertest.Fixture) (http.Handler, func() []int) {
				var r record
				e := app(h, nil)
				e.HTTPErrorHandler = e.DefaultHTTPErrorHandler
				e.Use(chain(&r)...)
				return e, func() []int { return r.status }
			})
		})
	}
}

// Headers that other middlewares set before Auth are kept.
func TestChainKeepsItsHeaders(t *testing.T) {
	t.Parallel()
	h := adaptertest.Open(t)
	e := echo.New()
	var r record
	e.Use(echomw.RequestID(), echomw.CORS(), echomw.Gzip(), r.careful)
	mount(e, h.Auth)
	w := adaptertest.Bare("GET /bearer", "Origin: https://shop.example", "Accept-Encoding: gzip", "X-Request-Id: r-1").Serve(t, h, e)
	for name, want := range map[string]string{
		"X-Request-Id":                "r-1",
		"Access-Control-Allow-Origin": "*",
		"Content-Encoding":            "gzip",
		"Content-Type":                "application/problem+json",
		"Www-Authenticate":            `Bearer realm="shop"`,
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
}

// A browser's preflight carries no token. The CORS middleware answers it.
func TestChainAnswersAPreflightBeforeAuth(t *testing.T) {
	t.Parallel()
	h := adaptertest.Open(t)
	e := echo.New()
	e.Use(echomw.CORS(), echov4.New(h.Auth).Protect)
	e.GET("/", func(c echo.Context) error { return c.NoContent(http.StatusNoContent) })
	w := adaptertest.Bare("OPTIONS /", "Origin: https://shop.example", "Access-Control-Request-Method: GET").Serve(t, h, e)
	if w.Code != http.StatusNoContent || w.Header().Get("WWW-Authenticate") != "" {
		t.Errorf("answer = %d %v, want CORS's 204", w.Code, w.Header())
	}
}

// An answer without a body keeps having none, with Gzip too.
func TestChainLeavesALogoutEmpty(t *testing.T) {
	t.Parallel()
	for name, chain := range map[string][]echo.MiddlewareFunc{
		"alone":       nil,
		"behind Gzip": {echomw.Gzip()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := adaptertest.Open(t)
			adaptertest.Login(t, h)
			e := echo.New()
			e.Use(chain...)
			mount(e, h.Auth)
			w := adaptertest.Form("POST /logout", "refresh_token={refresh}", "Accept-Encoding: gzip").Serve(t, h, e)
			if w.Code != http.StatusNoContent || w.Body.Len() != 0 {
				t.Errorf("answer = %d %q, want 204", w.Code, w.Body)
			}
			for _, header := range []string{"Content-Type", "Content-Encoding", "Content-Length"} {
				if got, ok := w.Header()[header]; ok {
					t.Errorf("%s = %q, and there is no content", header, got)
				}
			}
		})
	}
}

// Recover answers a panic in the handler. It is not a refusal.
func TestChainRecovers(t *testing.T) {
	t.Parallel()
	h := adaptertest.Open(t)
	adaptertest.Login(t, h)
	e := echo.New()
	var r record
	e.Use(r.careful, echomw.RecoverWithConfig(echomw.RecoverConfig{DisablePrintStack: true}))
	e.GET("/", func(echo.Context) error { panic("a host's mistake") }, echov4.New(h.Auth).Protect)
	w := adaptertest.Bare("GET /", adaptertest.Bearer).Serve(t, h, e)
	if w.Code != 500 || strings.Contains(w.Body.String(), "mistake") || w.Header().Get("RateLimit") == "" {
		t.Errorf("answer = %d %v %q, want Echo's 500 of a counted request", w.Code, w.Header(), w.Body)
	}
}

// A host's error handler that is called twice writes one body if it checks
// Response().Committed.
func TestChainAsksAHandlerTwice(t *testing.T) {
	t.Parallel()
	h := adaptertest.Open(t)
	written := 0
	e := app(h, func(err error, c echo.Context) {
		if c.Response().Committed {
			return
		}
		written++
		if err := c.JSON(401, map[string]string{"reason": string(adaptertest.Reason(err))}); err != nil {
			t.Error(err)
		}
	})
	var r record
	e.Use(r.twice)
	w := adaptertest.Bare("GET /bearer").Serve(t, h, e)
	if want := `{"reason":"no_bearer"}` + "\n"; written != 1 || w.Body.String() != want {
		t.Errorf("written %d times: %q, want %q", written, w.Body, want)
	}
}

// A middleware in front of Auth may answer a refusal itself.
func TestChainMayAnswerItself(t *testing.T) {
	t.Parallel()
	h := adaptertest.Open(t)
	e := app(h, func(error, echo.Context) { t.Error("the handler was asked") })
	e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			var refusal *wire.Error
			if err := next(c); errors.As(err, &refusal) && refusal.Reason == wire.ReasonNoBearer {
				return c.Redirect(http.StatusSeeOther, "/login")
			}
			return nil
		}
	})
	w := adaptertest.Bare("GET /bearer").Serve(t, h, e)
	if w.Code != 303 || w.Header().Get("Location") != "/login" {
		t.Errorf("answer = %d %v, want a redirection", w.Code, w.Header())
	}
}

// Echo's log of a refusal has no secret in it.
func TestChainLogsNoSecret(t *testing.T) {
	t.Parallel()
	adaptertest.Refusals(t, func(t *testing.T, tw adaptertest.Twin, h *adaptertest.Fixture) {
		var log bytes.Buffer
		var mu sync.Mutex
		e := app(h, nil)
		e.HTTPErrorHandler = e.DefaultHTTPErrorHandler
		e.Logger.SetOutput(writer(func(p []byte) (int, error) {
			mu.Lock()
			defer mu.Unlock()
			return log.Write(p)
		}))
		e.Use(echomw.RequestLoggerWithConfig(echomw.RequestLoggerConfig{
			LogError: true, HandleError: true,
			LogValuesFunc: func(_ echo.Context, v echomw.RequestLoggerValues) error {
				_, err := log.WriteString(v.Error.Error())
				return err
			},
		}))
		tw.Request.Serve(t, h, e)
		text := log.String()
		for word, value := range h.Words {
			if word != "key id" && strings.Contains(text, value) {
				t.Errorf("the log has {%s} in it: %s", word, text)
			}
		}
		if strings.Contains(text, adaptertest.Password) {
			t.Errorf("the log has the password in it: %s", text)
		}
	})
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }
