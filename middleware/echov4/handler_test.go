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

	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/tokens"
)

// app returns an Echo app with the fixture's routes and an error handler.
func app(h *fixture, handle echo.HTTPErrorHandler) *echo.Echo {
	e := echo.New()
	e.HTTPErrorHandler = handle
	mount(e, h.auth)
	return e
}

// refusals calls f with each refusal of the table that a handler may answer.
func refusals(t *testing.T, f func(t *testing.T, tw twin, h *fixture)) {
	t.Helper()
	for _, tw := range twins {
		if tw.reason == "" || tw.from != "" {
			continue
		}
		t.Run(tw.name, func(t *testing.T) {
			t.Parallel()
			f(t, tw, tw.open(t))
		})
	}
}

func TestHandlerSeesTheRefusal(t *testing.T) {
	t.Parallel()
	refusals(t, func(t *testing.T, tw twin, h *fixture) {
		calls := 0
		e := app(h, func(err error, c echo.Context) {
			calls++
			he, ok := err.(*echo.HTTPError) //nolint:errorlint // that is how most handlers look
			if !ok {
				t.Fatalf("the handler got a %T", err)
			}
			if he.Code != tw.status {
				t.Errorf("Code = %d, want %d", he.Code, tw.status)
			}
			var refusal *wire.Error
			if !errors.As(err, &refusal) || refusal.Reason != tw.reason {
				t.Fatalf("wire.Error = %v, want one for the reason %q", refusal, tw.reason)
			}
			if got := fmt.Sprint(he.Message); got == "" || got != refusal.Description {
				t.Errorf("Message = %q, want %q", got, refusal.Description)
			}
			if strings.Contains(err.Error(), password) || h.words["access"] != "" && strings.Contains(err.Error(), h.words["access"]) {
				t.Error("the error's text has a secret in it")
			}
			if c.Response().Committed {
				t.Error("the answer has been sent already")
			}
			if err := c.NoContent(http.StatusTeapot); err != nil {
				t.Error(err)
			}
		})
		w := tw.request.serve(t, h, e)
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
	want := map[string]struct {
		request request
		given   []step
		header  []string
	}{
		"a challenge":     {bare("GET /bearer"), nil, []string{"WWW-Authenticate"}},
		"a limit":         {bare("GET /protected", bearer), []step{login, spend(4)}, []string{"Retry-After", "RateLimit", "RateLimit-Policy", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"}},
		"a store's fault": {form("POST /login", alicesOwn), []step{storeFails}, []string{"Retry-After"}},
		"a wrong method":  {bare("GET /login"), nil, []string{"Allow"}},
	}
	for name, tt := range want {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := open(t)
			for _, happens := range tt.given {
				happens(t, h)
			}
			e := app(h, func(_ error, c echo.Context) {
				for _, name := range append(tt.header, "Cache-Control", "X-Content-Type-Options") {
					if c.Response().Header().Get(name) == "" {
						t.Errorf("%s is not set", name)
					}
				}
				if got := c.Response().Header().Get("Content-Type"); got != "" {
					t.Errorf("Content-Type = %q, want the handler's to set", got)
				}
			})
			tt.request.serve(t, h, e)
		})
	}
}

// The Content-Type is that of the body that the error handler writes.
func TestHandlerNamesItsMediaType(t *testing.T) {
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
			h := open(t)
			e := app(h, func(err error, c echo.Context) {
				var he *echo.HTTPError
				if !errors.As(err, &he) {
					t.Fatalf("the handler got a %T", err)
				}
				if err := tt.render(c, he); err != nil {
					t.Error(err)
				}
			})
			w := bare("GET /bearer").serve(t, h, e)
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
			h := open(t)
			e := app(h, nil)
			e.HTTPErrorHandler = handle(e)
			e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
				return func(c echo.Context) error {
					c.Response().Header().Set("Content-Type", "application/vnd.shop+json")
					return next(c)
				}
			})
			w := bare("GET /bearer").serve(t, h, e)
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
	refusals(t, func(t *testing.T, tw twin, h *fixture) {
		e := app(h, nil)
		e.HTTPErrorHandler = e.DefaultHTTPErrorHandler
		e.Debug = true
		w := tw.request.serve(t, h, e)
		if w.Code != tw.status {
			t.Errorf("status = %d, want %d", w.Code, tw.status)
		}
		if tw.method() == http.MethodHead {
			return
		}
		other := tw.open(t)
		std := tw.request.serve(t, other, mux(other))
		var got, want any
		if err := errors.Join(json.Unmarshal(w.Body.Bytes(), &got), json.Unmarshal(std.Body.Bytes(), &want)); err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("body = %v, want %v", got, want)
		}
	})
}

// mute is a Dialect whose refusals have no body, or one that is not JSON.
type mute struct {
	wire.OAuth2

	body []byte
}

func (m mute) Refused(_ wire.Route, _ string, e *wire.Error) wire.Answer {
	return wire.Answer{Status: e.Status, Header: http.Header{"X-Refused": {string(e.Reason)}}, Body: m.body}
}

// Echo's error handler would answer 200 if a message failed to marshal.
func TestHandlerOfEchoNeverAnswers200ToARefusal(t *testing.T) {
	t.Parallel()
	for name, body := range map[string][]byte{
		"no body":                 nil,
		"an empty body":           {},
		"a body that is not JSON": []byte("Come in"),
		"two documents":           []byte("{}{}"),
	} {
		for _, debug := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, debug %v", name, debug), func(t *testing.T) {
				t.Parallel()
				h := open(t, func(c *config) { c.auth.Dialect = mute{body: body} })
				e := app(h, nil)
				e.HTTPErrorHandler = e.DefaultHTTPErrorHandler
				e.Debug = debug
				w := bare("GET /bearer").serve(t, h, e)
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
	h := open(t)
	login(t, h)
	refresh(t, h)
	var got error
	e := app(h, func(err error, c echo.Context) { got = errors.Join(err, c.NoContent(400)) })
	form("POST /refresh", "refresh_token={spent}").serve(t, h, e)
	if !errors.Is(got, tokens.ErrReused) {
		t.Errorf("error = %v, want %v", got, tokens.ErrReused)
	}
}

// Errors of the host's own handlers reach the error handler unchanged.
func TestHandlerSeesTheHostsOwnErrors(t *testing.T) {
	t.Parallel()
	h := open(t)
	login(t, h)
	teapot := echo.NewHTTPError(http.StatusTeapot)
	var got error
	e := app(h, func(err error, c echo.Context) { got = errors.Join(err, c.NoContent(418)) })
	e.GET("/tea", func(echo.Context) error { return teapot }, protected(h), scoped(h, "read"))
	w := httptest.NewRecorder()
	e.ServeHTTP(w, bare("GET /tea", bearer).to(t, h, ""))
	if !errors.Is(got, teapot) || reason(got) != "" {
		t.Errorf("error = %v, want %v alone", got, teapot)
	}
	if w.Header().Get("RateLimit") == "" {
		t.Error("the request was counted, and no header says so")
	}
}
