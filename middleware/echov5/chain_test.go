package echov5_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v5"
	echomw "github.com/labstack/echo/v5/middleware"

	"github.com/sallyport-go/sallyport/internal/adaptertest"
	"github.com/sallyport-go/sallyport/middleware/echov5"
	"github.com/sallyport-go/sallyport/middleware/wire"
)

// record is a middleware that records the status of each answer.
type record struct{ status []int }

// resolved asks Echo which status the error will have.
func (r *record) resolved(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c *echo.Context) error {
		err := next(c)
		_, status := echo.ResolveResponseStatus(c.Response(), err)
		r.status = append(r.status, status)
		return err
	}
}

// handled calls the error handler before it reads the status, and returns the error,
// so that Echo calls the error handler again.
func (r *record) handled(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c *echo.Context) error {
		err := next(c)
		if err != nil {
			c.Echo().HTTPErrorHandler(c, err)
		}
		_, status := echo.ResolveResponseStatus(c.Response(), err)
		r.status = append(r.status, status)
		return err
	}
}

// logger is Echo's own.
func (r *record) logger(handle bool) echo.MiddlewareFunc {
	return echomw.RequestLoggerWithConfig(echomw.RequestLoggerConfig{
		LogStatus: true, HandleError: handle,
		LogValuesFunc: func(_ *echo.Context, v echomw.RequestLoggerValues) error {
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
			return []echo.MiddlewareFunc{r.resolved, echomw.Recover(), echomw.RequestID(), echomw.Secure()}
		},
		"Gzip behind a recorder": func(r *record) []echo.MiddlewareFunc {
			return []echo.MiddlewareFunc{r.resolved, echomw.Gzip()}
		},
		"a recorder that calls the error handler, behind Gzip": func(r *record) []echo.MiddlewareFunc {
			return []echo.MiddlewareFunc{echomw.Gzip(), r.handled}
		},
		"BodyDump and BodyLimit": func(r *record) []echo.MiddlewareFunc {
			dump := echomw.BodyDump(func(*echo.Context, []byte, []byte, error) {})
			return []echo.MiddlewareFunc{r.handled, dump, echomw.BodyLimit(1 << 20)}
		},
		"ContextTimeout that returns errors as they are": func(r *record) []echo.MiddlewareFunc {
			return []echo.MiddlewareFunc{r.resolved, echomw.ContextTimeoutWithConfig(echomw.ContextTimeoutConfig{
				Timeout: time.Minute, ErrorHandler: func(_ *echo.Context, err error) error { return err },
			})}
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
				e := app(h, echo.DefaultHTTPErrorHandler(false))
				e.Use(chain(&r)...)
				return e, func() []int { return r.status }
			})
		})
	}
}

// ContextTimeout replaces each error whose cause is a deadline by an error of its own.
// The status and the headers of the refusal remain.
func TestChainOfContextTimeoutKeepsTheStatusOfASlowStore(t *testing.T) {
	t.Parallel()
	h := adaptertest.Open(t)
	h.Store.Failure = context.DeadlineExceeded
	e := app(h, echo.DefaultHTTPErrorHandler(false))
	e.Use(echomw.ContextTimeout(time.Minute))
	w := adaptertest.Form("POST /login", adaptertest.AlicesLogin).Serve(t, h, e)
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
		t.Errorf("answer = %d %v %q, want a 503 with Retry-After", w.Code, w.Header(), w.Body)
	}
}

// A browser's preflight carries no token. The CORS middleware answers it.
func TestChainAnswersAPreflightBeforeAuth(t *testing.T) {
	t.Parallel()
	h := adaptertest.Open(t)
	e := echo.New()
	e.Use(echomw.CORS("https://shop.example"), echov5.New(h.Auth).Protect)
	e.GET("/", func(c *echo.Context) error { return c.NoContent(http.StatusNoContent) })
	w := adaptertest.Bare("OPTIONS /", "Origin: https://shop.example", "Access-Control-Request-Method: GET").Serve(t, h, e)
	if w.Code != http.StatusNoContent || w.Header().Get("WWW-Authenticate") != "" {
		t.Errorf("answer = %d %v, want CORS's 204", w.Code, w.Header())
	}
}

// An answer without a body keeps having none, with Gzip too.
func TestChainLeavesALogoutEmpty(t *testing.T) {
	t.Parallel()
	h := adaptertest.Open(t)
	adaptertest.Login(t, h)
	e := app(h, echo.DefaultHTTPErrorHandler(false))
	e.Use(echomw.Gzip())
	w := adaptertest.Form("POST /logout", "refresh_token={refresh}", "Accept-Encoding: gzip").Serve(t, h, e)
	if w.Code != http.StatusNoContent || w.Body.Len() != 0 || w.Header().Get("Content-Encoding") != "" {
		t.Errorf("answer = %d %v %q, want 204", w.Code, w.Header(), w.Body)
	}
}

// A middleware in front of Auth may answer a refusal itself.
func TestChainMayAnswerItself(t *testing.T) {
	t.Parallel()
	h := adaptertest.Open(t)
	e := app(h, func(*echo.Context, error) { t.Error("the handler was asked") })
	e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) error {
			if refusal, ok := errors.AsType[*wire.Error](next(c)); ok && refusal.Reason == wire.ReasonNoBearer {
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

// A router that answers HEAD by the routes for GET leaves refusals as they are.
func TestChainAnswersHEADByTheRoutesForGET(t *testing.T) {
	t.Parallel()
	h := adaptertest.Open(t)
	adaptertest.Login(t, h)
	e := echo.NewWithConfig(echo.Config{Router: echo.NewRouter(echo.RouterConfig{AutoHandleHEAD: true})})
	e.GET("/me", func(c *echo.Context) error { return c.String(http.StatusOK, "alice") }, echov5.New(h.Auth).Protect)
	if w := adaptertest.Bare("HEAD /me").Serve(t, h, e); w.Code != 401 || w.Header().Get("WWW-Authenticate") == "" || w.Body.Len() > 0 {
		t.Errorf("without a token: answer = %d %v %q, want a 401", w.Code, w.Header(), w.Body)
	}
	if w := adaptertest.Bare("HEAD /me", adaptertest.Bearer).Serve(t, h, e); w.Code != 200 || w.Header().Get("RateLimit") == "" || w.Body.Len() > 0 {
		t.Errorf("with a token: answer = %d %v %q, want a 200", w.Code, w.Header(), w.Body)
	}
}

// Echo's log of a refusal has no secret in it.
func TestChainLogsNoSecret(t *testing.T) {
	t.Parallel()
	adaptertest.Refusals(t, func(t *testing.T, tw adaptertest.Twin, h *adaptertest.Fixture) {
		var log bytes.Buffer
		e := app(h, echo.DefaultHTTPErrorHandler(false))
		e.Logger = slog.New(slog.NewJSONHandler(&log, nil))
		e.Use(echomw.RequestLogger())
		tw.Request.Serve(t, h, e)
		text := log.String()
		if !strings.Contains(text, "status") {
			t.Fatalf("the log is %q, want a line for the request", text)
		}
		// the table has requests with a secret in their URL, which Echo logs
		text = strings.ReplaceAll(text, h.Fill(strings.TrimPrefix(tw.Request.Line, tw.Method()+" ")), "")
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
