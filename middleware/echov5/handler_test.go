package echov5_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/labstack/echo/v5"

	"github.com/sallyport-go/sallyport/internal/adaptertest"
	"github.com/sallyport-go/sallyport/middleware/echov5"
	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/tokens"
)

func TestHandlerSeesTheRefusal(t *testing.T) {
	t.Parallel()
	adaptertest.Refusals(t, func(t *testing.T, tw adaptertest.Twin, h *adaptertest.Fixture) {
		calls := 0
		e := app(h, func(c *echo.Context, err error) {
			calls++
			if got := echo.StatusCode(err); got != tw.Status {
				t.Errorf("StatusCode = %d, want %d", got, tw.Status)
			}
			refusal, ok := errors.AsType[*wire.Error](err)
			if !ok || refusal.Reason != tw.Reason {
				t.Fatalf("wire.Error = %v, want one for the reason %q", refusal, tw.Reason)
			}
			he, ok := errors.AsType[*echo.HTTPError](err)
			if !ok || he.Code != tw.Status || he.Message == "" || he.Message != refusal.Description || he.Unwrap() != nil {
				t.Errorf("echo.HTTPError = %v, want %d with %q and no cause", he, tw.Status, refusal.Description)
			}
			if strings.Contains(err.Error(), adaptertest.Password) || h.Words["access"] != "" && strings.Contains(err.Error(), h.Words["access"]) {
				t.Error("the error's text has a secret in it")
			}
			if committed(c) {
				t.Error("the answer has been sent already")
			}
			if err := c.NoContent(http.StatusTeapot); err != nil {
				t.Error(err)
			}
		})
		w := tw.Request.Serve(t, h, e)
		if calls != 1 {
			t.Errorf("the handler was called %d times", calls)
		}
		if w.Code != http.StatusTeapot || w.Body.Len() != 0 {
			t.Errorf("answer = %d %q, want the handler's", w.Code, w.Body)
		}
	})
}

func TestHandlerFindsTheHeadersSet(t *testing.T) {
	t.Parallel()
	adaptertest.RunHeaders(t, func(h *adaptertest.Fixture, check func(http.Header)) http.Handler {
		return app(h, func(c *echo.Context, _ error) { check(c.Response().Header()) })
	})
}

// envelope is a document of the host's that marshals itself.
type envelope struct{ err error }

func (e envelope) MarshalJSON() ([]byte, error) {
	text, err := json.Marshal(e.err)
	return append(append([]byte("["), text...), ']'), err
}

// The Content-Type is that of the body that the error handler writes.
func TestFaultC7TheMediaTypeIsThatOfTheBodyThatIsSent(t *testing.T) {
	t.Parallel()
	const problem = "application/problem+json"
	tests := map[string]struct {
		render    func(c *echo.Context, err error) error
		mediaType string
		body      string // begins with this
	}{
		"the error as JSON": {func(c *echo.Context, err error) error {
			return c.JSON(401, err)
		}, problem, `{"type":"about:blank","title":"Unauthorized","status":401,`},
		"the error as pretty JSON": {func(c *echo.Context, err error) error {
			return c.JSONPretty(401, err, " ")
		}, problem, "{\n \"type\": \"about:blank\""},
		"the error in a JSON document of the host's": {func(c *echo.Context, err error) error {
			return c.JSON(401, map[string]any{"error": err})
		}, "application/json", `{"error":{"type":"about:blank"`},
		"the error in a pretty struct of the host's": {func(c *echo.Context, err error) error {
			return c.JSONPretty(401, struct{ Errors []any }{[]any{err}}, " ")
		}, "application/json", "{\n \"Errors\": ["},
		"the error in a document that the host marshals": {func(c *echo.Context, err error) error {
			return c.JSON(401, envelope{err})
		}, "application/json", `[{"type":"about:blank"`},
		"the error in a JSON document of the host's media type": {func(c *echo.Context, err error) error {
			c.Response().Header().Set("Content-Type", "application/json; charset=utf-8")
			return c.JSON(401, map[string]any{"error": err})
		}, "application/json; charset=utf-8", `{"error":{"type":"about:blank"`},
		"a JSON document of the host's": {func(c *echo.Context, _ error) error {
			return c.JSON(401, map[string]int{"status": 401})
		}, "application/json", `{"status":401}`},
		"HTML, and the error as JSON in the log before": {func(c *echo.Context, err error) error {
			_, err = json.Marshal(err)
			return errors.Join(err, c.HTML(401, "<h1>Come in</h1>"))
		}, "text/html; charset=UTF-8", "<h1>Come in</h1>"},
		"HTML, and the error as JSON in the log behind": {func(c *echo.Context, refusal error) error {
			err := c.HTML(401, "<h1>Come in</h1>")
			_, err2 := json.Marshal(refusal)
			return errors.Join(err, err2)
		}, "text/html; charset=UTF-8", "<h1>Come in</h1>"},
		"the message of the HTTPError": {func(c *echo.Context, err error) error {
			he, _ := errors.AsType[*echo.HTTPError](err)
			return c.JSON(he.Code, map[string]string{"message": he.Message})
		}, "application/json", `{"message":"An access token is required"}`},
		"nothing": {func(c *echo.Context, _ error) error {
			return c.NoContent(401)
		}, "", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := adaptertest.Open(t)
			e := app(h, func(c *echo.Context, err error) {
				if err := tt.render(c, err); err != nil {
					t.Error(err)
				}
			})
			w := adaptertest.Bare("GET /bearer").Serve(t, h, e)
			if w.Code != 401 || w.Header().Get("WWW-Authenticate") != `Bearer realm="shop"` {
				t.Errorf("answer = %d %v, want a 401 with a challenge", w.Code, w.Header())
			}
			if got := w.Result().Header.Get("Content-Type"); got != tt.mediaType {
				t.Errorf("Content-Type = %q, want %q", got, tt.mediaType)
			}
			if got := w.Body.String(); !strings.HasPrefix(got, tt.body) || (got == "") != (tt.body == "") {
				t.Errorf("body = %q, want %q", got, tt.body)
			}
		})
	}
}

// Echo's default handler adds the cause of an *echo.HTTPError where it is told to
// expose errors. A refusal stays as it is.
func TestHandlerOfEchoExposesNoCause(t *testing.T) {
	t.Parallel()
	adaptertest.Refusals(t, func(t *testing.T, tw adaptertest.Twin, h *adaptertest.Fixture) {
		w := tw.Request.Serve(t, h, app(h, echo.DefaultHTTPErrorHandler(true)))
		other := tw.Open(t)
		std := tw.Request.Serve(t, other, adaptertest.Mux(other))
		if w.Code != tw.Status || tw.Method() != http.MethodHead && adaptertest.WithoutSteps(w.Body.String()) != adaptertest.WithoutSteps(std.Body.String())+"\n" {
			t.Errorf("answer = %d %q, want %d %q and a newline", w.Code, w.Body, std.Code, std.Body)
		}
	})
}

// Echo's handler for problem details answers with the status and the description, and
// never with the cause.
func TestHandlerForProblemDetailsDescribesTheRefusal(t *testing.T) {
	t.Parallel()
	adaptertest.Refusals(t, func(t *testing.T, tw adaptertest.Twin, h *adaptertest.Fixture) {
		handle, description := echo.ProblemDetailsHTTPErrorHandler(true), ""
		w := tw.Request.Serve(t, h, app(h, func(c *echo.Context, err error) {
			refusal, _ := errors.AsType[*wire.Error](err)
			description = refusal.Description
			handle(c, err)
		}))
		if w.Code != tw.Status || w.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("answer = %d %v, want a problem with status %d", w.Code, w.Header(), tw.Status)
		}
		if tw.Method() == http.MethodHead {
			return
		}
		want, err := json.Marshal(echo.ProblemError{Type: "about:blank", Title: http.StatusText(tw.Status), Status: tw.Status, Detail: description})
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.TrimSpace(w.Body.String()); got != string(want) {
			t.Errorf("body = %s, want %s", got, want)
		}
	})
}

// Echo's error handler would answer 200 if a body failed to marshal.
func TestHandlerOfEchoNeverAnswers200ToARefusal(t *testing.T) {
	t.Parallel()
	for name, body := range adaptertest.MuteBodies() {
		for _, expose := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, expose errors %v", name, expose), func(t *testing.T) {
				t.Parallel()
				h := adaptertest.Open(t, func(c *adaptertest.Config) { c.Auth.Dialect = adaptertest.Mute{Body: body} })
				w := adaptertest.Bare("GET /bearer").Serve(t, h, app(h, echo.DefaultHTTPErrorHandler(expose)))
				if w.Code != 401 || w.Body.String() != "null\n" || w.Header().Get("Content-Type") != echo.MIMEApplicationJSON {
					t.Errorf("answer = %d %v %q, want 401 null", w.Code, w.Header(), w.Body)
				}
			})
		}
	}
}

// errors.Is finds the errors of package tokens too, so that a host can distinguish
// them where the wire format does not. A host may wrap a refusal.
func TestHandlerFindsTheCause(t *testing.T) {
	t.Parallel()
	h := adaptertest.Open(t)
	adaptertest.Login(t, h)
	adaptertest.Refresh(t, h)
	var got error
	handle := echo.DefaultHTTPErrorHandler(false)
	e := app(h, func(c *echo.Context, err error) { got = err; handle(c, err) })
	e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) error { return fmt.Errorf("shop: %w", next(c)) }
	})
	w := adaptertest.Form("POST /refresh", "refresh_token={spent}").Serve(t, h, e)
	if !errors.Is(got, tokens.ErrReused) {
		t.Errorf("error = %v, want %v", got, tokens.ErrReused)
	}
	if w.Code != 400 || !strings.Contains(w.Body.String(), `"invalid_grant"`) {
		t.Errorf("answer = %d %q, want the refusal", w.Code, w.Body)
	}
}

// Errors of the host's own handlers reach the error handler unchanged.
func TestHandlerSeesTheHostsOwnErrors(t *testing.T) {
	t.Parallel()
	h := adaptertest.Open(t)
	adaptertest.Login(t, h)
	auth, teapot := echov5.New(h.Auth), echo.NewHTTPError(http.StatusTeapot, "short and stout")
	var got error
	e := app(h, func(c *echo.Context, err error) { got = errors.Join(err, c.NoContent(418)) })
	e.GET("/tea", func(*echo.Context) error { return teapot }, auth.Protect, auth.RequireScope("read"))
	w := adaptertest.Bare("GET /tea", adaptertest.Bearer).Serve(t, h, e)
	if !errors.Is(got, teapot) || adaptertest.Reason(got) != "" {
		t.Errorf("error = %v, want %v alone", got, teapot)
	}
	if w.Header().Get("RateLimit") == "" {
		t.Error("the request was counted, and no header says so")
	}
}
