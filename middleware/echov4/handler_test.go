package echov4_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/sallyport-go/sallyport/internal/adaptertest"
	"github.com/sallyport-go/sallyport/middleware/echov4"
	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/tokens"
)

func TestHandlerSeesTheRefusal(t *testing.T) {
	t.Parallel()
	adaptertest.Refusals(t, func(t *testing.T, tw adaptertest.Twin, h *adaptertest.Fixture) {
		calls := 0
		e := app(h, func(err error, c echo.Context) {
			calls++
			he, ok := err.(*echo.HTTPError) //nolint:errorlint // that is how most handlers look
			if !ok {
				t.Fatalf("the handler got a %T", err)
			}
			if he.Code != tw.Status {
				t.Errorf("Code = %d, want %d", he.Code, tw.Status)
			}
			var refusal *wire.Error
			if !errors.As(err, &refusal) || refusal.Reason != tw.Reason {
				t.Fatalf("wire.Error = %v, want one for the reason %q", refusal, tw.Reason)
			}
			if got := fmt.Sprint(he.Message); got == "" || got != refusal.Description {
				t.Errorf("Message = %q, want %q", got, refusal.Description)
			}
			if strings.Contains(err.Error(), adaptertest.Password) || h.Words["access"] != "" && strings.Contains(err.Error(), h.Words["access"]) {
				t.Error("the error's text has a secret in it")
			}
			if c.Response().Committed {
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
		return app(h, func(_ error, c echo.Context) { check(c.Response().Header()) })
	})
}

// The Content-Type is that of the body that the error handler writes.
func TestFaultC7TheMediaTypeIsThatOfTheBodyThatIsSent(t *testing.T) {
	t.Parallel()
	const problem = "application/problem+json"
	tests := map[string]struct {
		render    func(c echo.Context, he *echo.HTTPError) error
		mediaType string
		body      string // begins with this
	}{
		"the message as JSON": {func(c echo.Context, he *echo.HTTPError) error {
			return c.JSON(he.Code, he.Message)
		}, problem, `{"type":"about:blank","title":"Unauthorized","status":401,`},
		"the message as pretty JSON": {func(c echo.Context, he *echo.HTTPError) error {
			return c.JSONPretty(he.Code, he.Message, " ")
		}, problem, "{\n \"type\": \"about:blank\""},
		"the message in a JSON document of the host's": {func(c echo.Context, he *echo.HTTPError) error {
			return c.JSON(he.Code, map[string]any{"error": he.Message})
		}, "application/json", `{"error":{"type":"about:blank"`},
		"the message in a pretty struct of the host's": {func(c echo.Context, he *echo.HTTPError) error {
			return c.JSONPretty(he.Code, struct{ Errors []any }{[]any{he.Message}}, " ")
		}, "application/json", "{\n \"Errors\": ["},
		"the message as JSON of a media type of the host's": {func(c echo.Context, he *echo.HTTPError) error {
			c.Response().Header().Set("Content-Type", "application/json; charset=utf-8")
			return c.JSON(he.Code, map[string]any{"error": he.Message})
		}, "application/json; charset=utf-8", `{"error":{"type":"about:blank"`},
		"the message as a JSON blob": {func(c echo.Context, he *echo.HTTPError) error {
			text, err := json.Marshal(he.Message)
			return errors.Join(err, c.JSONBlob(he.Code, text))
		}, "application/json", `{"type":"about:blank"`},
		"a JSON document of the host's": {func(c echo.Context, he *echo.HTTPError) error {
			return c.JSON(he.Code, map[string]int{"status": he.Code})
		}, "application/json", `{"status":401}`},
		"HTML": {func(c echo.Context, he *echo.HTTPError) error {
			return c.HTML(he.Code, "<h1>Come in</h1>")
		}, "text/html; charset=UTF-8", "<h1>Come in</h1>"},
		"HTML, and the error as JSON in the log before": {func(c echo.Context, he *echo.HTTPError) error {
			_, err := json.Marshal(he)
			return errors.Join(err, c.HTML(he.Code, "<h1>Come in</h1>"))
		}, "text/html; charset=UTF-8", "<h1>Come in</h1>"},
		"HTML, and the error as JSON in the log behind": {func(c echo.Context, he *echo.HTTPError) error {
			err := c.HTML(he.Code, "<h1>Come in</h1>")
			_, err2 := json.Marshal(he)
			return errors.Join(err, err2)
		}, "text/html; charset=UTF-8", "<h1>Come in</h1>"},
		"text": {func(c echo.Context, he *echo.HTTPError) error {
			return c.String(he.Code, "no")
		}, "text/plain; charset=UTF-8", "no"},
		"the message as text": {func(c echo.Context, he *echo.HTTPError) error {
			return c.String(he.Code, fmt.Sprint(he.Message))
		}, "text/plain; charset=UTF-8", "An access token is required"},
		"the message as text in a JSON document of the host's": {func(c echo.Context, he *echo.HTTPError) error {
			return c.JSON(he.Code, map[string]string{"message": fmt.Sprint(he.Message)})
		}, "application/json", `{"message":"An access token is required"}`},
		"XML": {func(c echo.Context, he *echo.HTTPError) error {
			return c.XML(he.Code, he.Code)
		}, "application/xml; charset=UTF-8", "<?xml"},
		"nothing": {func(c echo.Context, he *echo.HTTPError) error {
			return c.NoContent(he.Code)
		}, "", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := adaptertest.Open(t)
			e := app(h, func(err error, c echo.Context) {
				var he *echo.HTTPError
				if !errors.As(err, &he) {
					t.Fatalf("the handler got a %T", err)
				}
				if err := tt.render(c, he); err != nil {
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

func TestHandlerReplacesAnOuterMediaType(t *testing.T) {
	t.Parallel()
	for name, handle := range map[string]func(*echo.Echo) echo.HTTPErrorHandler{
		"application/problem+json": func(e *echo.Echo) echo.HTTPErrorHandler { return e.DefaultHTTPErrorHandler },
		"text/html; charset=UTF-8": func(*echo.Echo) echo.HTTPErrorHandler {
			return func(_ error, c echo.Context) { _ = c.HTML(401, "<h1>Come in</h1>") }
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := adaptertest.Open(t)
			e := app(h, nil)
			e.HTTPErrorHandler = handle(e)
			e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
				return func(c echo.Context) error {
					c.Response().Header().Set("Content-Type", "application/vnd.shop+json")
					return next(c)
				}
			})
			w := adaptertest.Bare("GET /bearer").Serve(t, h, e)
			if got := w.Header().Get("Content-Type"); got != name {
				t.Errorf("Content-Type = %q, want %q", got, name)
			}
		})
	}
}

// Echo's Debug mode adds the cause to messages that are strings. Message is not a
// string, so the cause stays out of the answer.
func TestHandlerOfEchoHidesTheCauseInDebug(t *testing.T) {
	t.Parallel()
	adaptertest.Refusals(t, func(t *testing.T, tw adaptertest.Twin, h *adaptertest.Fixture) {
		e := app(h, nil)
		e.HTTPErrorHandler = e.DefaultHTTPErrorHandler
		e.Debug = true
		w := tw.Request.Serve(t, h, e)
		if w.Code != tw.Status {
			t.Errorf("status = %d, want %d", w.Code, tw.Status)
		}
		if tw.Method() == http.MethodHead {
			return
		}
		other := tw.Open(t)
		std := tw.Request.Serve(t, other, adaptertest.Mux(other))
		var got, want any
		if err := errors.Join(json.Unmarshal(w.Body.Bytes(), &got), json.Unmarshal(std.Body.Bytes(), &want)); err != nil {
			t.Fatal(err)
		}
		if adaptertest.WithoutSteps(fmt.Sprint(got)) != adaptertest.WithoutSteps(fmt.Sprint(want)) {
			t.Errorf("body = %v, want %v", got, want)
		}
	})
}

// Echo's error handler would answer 200 if a message failed to marshal.
func TestHandlerOfEchoNeverAnswers200ToARefusal(t *testing.T) {
	t.Parallel()
	for name, body := range adaptertest.MuteBodies() {
		for _, debug := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, debug %v", name, debug), func(t *testing.T) {
				t.Parallel()
				h := adaptertest.Open(t, func(c *adaptertest.Config) { c.Auth.Dialect = adaptertest.Mute{Body: body} })
				e := app(h, nil)
				e.HTTPErrorHandler = e.DefaultHTTPErrorHandler
				e.Debug = debug
				w := adaptertest.Bare("GET /bearer").Serve(t, h, e)
				if w.Code != 401 || w.Body.String() != "null\n" {
					t.Errorf("answer = %d %q, want 401 null", w.Code, w.Body)
				}
				if got := w.Header().Get("X-Refused"); got != string(wire.ReasonNoBearer) {
					t.Errorf("X-Refused = %q", got)
				}
				if got := w.Header()["Content-Type"]; len(got) != 1 || got[0] != echo.MIMEApplicationJSON {
					t.Errorf("Content-Type = %q, want Echo's", got)
				}
			})
		}
	}
}

// errors.Is finds the errors of package tokens too, so that a host can
// distinguish them where the wire format does not.
func TestHandlerFindsTheCause(t *testing.T) {
	t.Parallel()
	h := adaptertest.Open(t)
	adaptertest.Login(t, h)
	adaptertest.Refresh(t, h)
	var got error
	e := app(h, func(err error, c echo.Context) { got = errors.Join(err, c.NoContent(400)) })
	adaptertest.Form("POST /refresh", "refresh_token={spent}").Serve(t, h, e)
	if !errors.Is(got, tokens.ErrReused) {
		t.Errorf("error = %v, want %v", got, tokens.ErrReused)
	}
}

// Errors of the host's own handlers reach the error handler unchanged.
func TestHandlerSeesTheHostsOwnErrors(t *testing.T) {
	t.Parallel()
	h := adaptertest.Open(t)
	adaptertest.Login(t, h)
	auth := echov4.New(h.Auth)
	teapot := echo.NewHTTPError(http.StatusTeapot)
	var got error
	e := app(h, func(err error, c echo.Context) { got = errors.Join(err, c.NoContent(418)) })
	e.GET("/tea", func(echo.Context) error { return teapot }, auth.Protect, auth.RequireScope("read"))
	w := httptest.NewRecorder()
	e.ServeHTTP(w, adaptertest.Bare("GET /tea", adaptertest.Bearer).To(t, h, ""))
	if !errors.Is(got, teapot) || adaptertest.Reason(got) != "" {
		t.Errorf("error = %v, want %v alone", got, teapot)
	}
	if w.Header().Get("RateLimit") == "" {
		t.Error("the request was counted, and no header says so")
	}
}
