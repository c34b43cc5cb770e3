package middleware_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
)

// reasons are all there are, with the status that the standard has for each.
var reasons = map[wire.Reason]int{
	wire.ReasonMethod:      405,
	wire.ReasonMalformed:   400,
	wire.ReasonTooLarge:    413,
	wire.ReasonMissing:     400,
	wire.ReasonGrantType:   400,
	wire.ReasonCredentials: 400,
	wire.ReasonClient:      401,
	wire.ReasonClientGrant: 400,
	wire.ReasonKey:         400,
	wire.ReasonTarget:      400,
	wire.ReasonTokenType:   400,
	wire.ReasonNoSession:   403,
	wire.ReasonNotFound:    404,
	wire.ReasonScope:       400,
	wire.ReasonNoRefresh:   400,
	wire.ReasonRefresh:     400,
	wire.ReasonEnded:       400,
	wire.ReasonNoBearer:    401,
	wire.ReasonBearerForm:  401,
	wire.ReasonBearer:      401,
	wire.ReasonExpired:     401,
	wire.ReasonTwoBearers:  400,
	wire.ReasonForbidden:   403,
	wire.ReasonNotRecent:   401,
	wire.ReasonWrongFactor: 400,
	wire.ReasonStep:        400,
	wire.ReasonLimited:     429,
	wire.ReasonThrottled:   429,
	wire.ReasonUnavailable: 503,
	wire.ReasonInternal:    500,
}

var routes = []wire.Route{wire.RouteLogin, wire.RouteRefresh, wire.RouteLogout, wire.RouteToken, wire.RouteAPI}

// P22, P29: one table.
func TestAsError(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		err  error
		want wire.Reason
	}{
		{tokens.ErrMalformed, wire.ReasonMalformed},
		{tokens.ErrBadCredentials, wire.ReasonCredentials},
		{tokens.ErrInvalidScope, wire.ReasonScope},
		{tokens.ErrInvalidRefresh, wire.ReasonRefresh},
		{tokens.ErrExpiredRefresh, wire.ReasonEnded},
		{tokens.ErrRevokedRefresh, wire.ReasonEnded},
		{tokens.ErrReused, wire.ReasonEnded},
		{tokens.ErrWrongClient, wire.ReasonRefresh},
		{tokens.ErrInvalidToken, wire.ReasonBearer},
		{tokens.ErrExpiredToken, wire.ReasonExpired},
		{tokens.ErrInvalidKey, wire.ReasonKey},
		{tokens.ErrInvalidClient, wire.ReasonClient},
		{tokens.ErrUnauthorizedClient, wire.ReasonClientGrant},
		{tokens.ErrUnsupportedToken, wire.ReasonTokenType},
		{tokens.ErrNoSession, wire.ReasonNoSession},
		{tokens.ErrRevokedToken, wire.ReasonBearer},
		{tokens.ErrUnavailable, wire.ReasonUnavailable},
		{tokens.ErrClaims, wire.ReasonInternal},
		{context.DeadlineExceeded, wire.ReasonUnavailable},
		{context.Canceled, wire.ReasonUnavailable},
		{errDriver, wire.ReasonInternal},
		{nil, wire.ReasonInternal},
		// what the store says in its despair is no refusal
		{fmt.Errorf("%w: %w", tokens.ErrUnavailable, tokens.ErrBadCredentials), wire.ReasonUnavailable},
		{&wire.Error{Reason: "the host's own"}, "the host's own"},
	} {
		t.Run(fmt.Sprintf("%v is %s", x.err, x.want), func(t *testing.T) {
			t.Parallel()
			wrapped := x.err
			if x.err != nil {
				wrapped = fmt.Errorf("wrapped: %w", x.err)
			}
			e := wire.AsError(wrapped)
			if e.Reason != x.want {
				t.Errorf("reason = %q, want %q", e.Reason, x.want)
			}
			want, known := reasons[x.want]
			if !known {
				want = http.StatusInternalServerError
			}
			if e.Status != want {
				t.Errorf("status = %d, want %d", e.Status, want)
			}
			if _, own := errors.AsType[*wire.Error](x.err); x.err != nil && !own && !errors.Is(e, x.err) {
				t.Error("the cause is lost")
			}
			if !strings.Contains(e.Error(), string(x.want)) {
				t.Errorf("text = %q", e.Error())
			}
			if again := wire.AsError(fmt.Errorf("again: %w", e)); again != e {
				t.Error("it was translated twice")
			}
		})
	}
	t.Run("a refusal that a host makes by its reason has the table's answer", func(t *testing.T) {
		t.Parallel()
		for reason, status := range reasons {
			mine := &wire.Error{Reason: reason, Err: errDriver}
			e := wire.AsError(mine)
			if e.Status != status || e.Description == "" || !errors.Is(e, errDriver) {
				t.Errorf("%s: %+v", reason, e)
			}
			if mine.Status != 0 {
				t.Errorf("%s: the host's own value was changed", reason)
			}
		}
	})
	t.Run("a refusal without a cause says its sentence to the log", func(t *testing.T) {
		t.Parallel()
		e := &wire.Error{Reason: wire.ReasonMethod, Description: "Use POST"}
		if got := e.Error(); got != "wire: method: Use POST" || e.Unwrap() != nil {
			t.Errorf("%q, %v", got, e.Unwrap())
		}
	})
	t.Run("a refusal that says its own status keeps it", func(t *testing.T) {
		t.Parallel()
		mine := &wire.Error{Reason: wire.ReasonForbidden, Status: http.StatusPaymentRequired, Description: "Pay"}
		if e := wire.AsError(mine); e.Status != http.StatusPaymentRequired || e.Description != "Pay" {
			t.Errorf("%+v", e)
		}
	})
}

// D45, D46, D48, D159, D188: each reason, on each route, in each dialect.
func TestEveryRefusal(t *testing.T) {
	t.Parallel()
	d := open(t)
	quota := &ratelimit.Quota{At: time.Unix(1, 0), Usage: []ratelimit.Usage{{
		Policy: ratelimit.Policy{Name: "free", Limit: 1, Window: time.Minute}, ResetAfter: time.Second, RetryAfter: time.Second, Known: true, Violated: true,
	}}}
	field := wire.Field{In: "body", Name: "a", Missing: true}
	for reason := range reasons {
		for _, e := range []*wire.Error{
			{Reason: reason, Err: errDriver},
			{Reason: reason, Err: errDriver, Fields: []wire.Field{field}, Scope: "a b", Quota: quota, RetryAfter: time.Second},
			{Reason: reason, Err: errDriver, Scope: `a" b` + "\n\\"},
		} {
			for _, dialect := range dialects {
				for _, route := range routes {
					w := httptest.NewRecorder()
					d.WithDialect(dialect.dialect).Refused(route, e).Write(w)
					wantReadable(t, fmt.Sprintf("%s %s %s", dialect.name, route, reason), w)
				}
			}
		}
	}
}

// wantReadable wants a refusal that a client can rely on.
func wantReadable(t *testing.T, name string, w *httptest.ResponseRecorder) {
	t.Helper()
	var body map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Errorf("%s: %v: %s", name, err, w.Body)
	}
	for _, member := range []string{"code", "status"} {
		if got, ok := body[member]; ok && got != float64(w.Code) {
			t.Errorf("%s: %s = %v, status = %d", name, member, got, w.Code)
		}
	}
	if w.Code < 400 {
		t.Errorf("%s: status = %d", name, w.Code)
	}
	media := "application/json"
	if body["type"] != nil {
		media = "application/problem+json"
	}
	h := w.Header()
	if h.Get("Content-Type") != media || h.Get("Cache-Control") != "no-store" || h.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%s: %v", name, h)
	}
	if all := lines(h) + w.Body.String(); strings.Contains(all, "MARKER") || strings.Contains(all, "driver") {
		t.Errorf("%s: the cause is in the answer: %s", name, all)
	}
	for _, value := range h {
		for _, v := range value {
			if strings.ContainsAny(v, "\r\n\\") || strings.Count(v, `"`)%2 != 0 {
				t.Errorf("%s: header %q", name, v)
			}
		}
	}
	if text, ok := body["error_description"].(string); ok && strings.ContainsFunc(text, func(r rune) bool { return r < 0x20 || r > 0x7e || r == '"' || r == '\\' }) {
		t.Errorf("%s: error_description = %q", name, text)
	}
}

// P23, D48, D186: what was sent is in no refusal and in no event.
func TestNoSecretLeaves(t *testing.T) {
	t.Parallel()
	const marker = "S3CRETMARKER"
	for _, dialect := range dialects {
		t.Run("in "+dialect.name, func(t *testing.T) {
			t.Parallel()
			var log strings.Builder
			logged := events.Log(slog.New(slog.NewJSONHandler(&log, nil)))
			d := open(t, speaking(dialect.dialect), func(c *config) {
				note := c.tokens.Events
				c.tokens.Events = func(ctx context.Context, e events.Event) {
					logged(ctx, e)
					note(ctx, e)
				}
			})
			p := d.login(t, alice)
			key := d.apiKey(t)
			d.store.fail(nil)
			login := dialect.login + "=" + marker + "&" + dialect.pass + "=" + marker
			requests := []string{
				"POST /login\n" + form + "\n\n" + login,
				"POST /login\n" + form + "\n\n" + login + "%00",
				"POST /login\n" + form + "\n\n" + login + "%",
				"POST /login\n" + form + "\n\n" + login + "&" + login,
				"POST /login\n" + jsonType + "\n\n{\"" + dialect.login + "\":\"" + marker + "\",\"" + dialect.pass + "\":\"" + marker + "\"",
				"POST /login\n" + multipart(dialect.login, marker, dialect.pass, marker, dialect.pass, marker),
				"POST /login?" + login + "\nAuthorization: Bearer " + marker + "\n" + form + "\n\n" + login,
				"POST /login\n" + basic("app", marker) + "\n" + form + "\n\n" + login,
				"POST /login\n" + basic("a", marker) + "\n" + form + "\n\nclient_secret=" + marker + "&" + login,
				"POST /login\n" + form + "\n\nscope=" + marker + "%22&" + login,
				"POST /refresh\nrefresh-token: " + marker + "\n" + form + "\n\nrefresh_token=sp_rt_" + marker,
				"POST /refresh\nrefresh-token: sp_rt_" + marker + "\n\n",
				"POST /refresh\n" + form + "\n\nrefresh_token=sp_ak_" + marker,
				"POST /refresh\n" + form + "\n\nrefresh_token=" + string(p.RefreshToken) + "x",
				"POST /logout\n" + form + "\n\nrefresh_token=" + marker,
				"POST /token\n" + form + "\n\ngrant_type=refresh_token&refresh_token=" + marker,
				"POST /token\n" + form + "\n\ngrant_type=password&" + login,
				"GET /me\nAuthorization: Bearer " + marker + "\n\n",
				"GET /me\nAuthorization: Bearer " + string(p.AccessToken) + "x\n\n",
				"GET /me\nAuthorization: Bearer " + marker + " " + marker + "\n\n",
				"GET /me\nAuthorization: Basic " + marker + "\n\n",
				"GET /me?access_token=" + marker + "\nCookie: BEARER=" + marker + "\n\n",
				"POST /refresh\nrefresh-token: " + string(p.RefreshToken) + "x\n" + form + "\n\nrefresh_token=" + string(p.RefreshToken) + "x",
				"POST /refresh\nrefresh-token: " + string(p.RefreshToken) + "\nrefresh-token: " + string(p.RefreshToken) + "\n" + form + "\n\nrefresh_token=" + string(p.RefreshToken) + "&refresh_token=x",
				"POST /refresh\n" + form + "\n\nrefresh_token=" + key + "x",
			}
			for _, fail := range []error{nil, errDriver} {
				d.store.fail(fail)
				for _, text := range requests {
					w := d.ask(t, text)
					if all := lines(w.Header()) + w.Body.String(); leaks(all, p, key) {
						t.Errorf("%d %s\n%s", w.Code, text, all)
					}
				}
			}
			// and the way of a refusal's text into a log of the host's
			for _, text := range requests {
				_, err := d.CheckLogin(request(t, text))
				if err != nil && leaks(err.Error(), p, key) {
					t.Errorf("%s: error = %v", text, err)
				}
			}
			for _, e := range d.journal.Take() {
				if text := fmt.Sprintf("%+v %#v", e, e); leaks(text, p, key) {
					t.Errorf("event = %s", text)
				}
			}
			for line := range strings.Lines(log.String()) {
				if leaks(line, p, key) {
					t.Errorf("log: %s", line)
				}
			}
			if !strings.Contains(log.String(), "login_refused") {
				t.Errorf("the log has nothing of what it should have:\n%s", &log)
			}
		})
	}
}

// leaks reports whether a text has a marker in it, or a token, or a good part of
// one.
func leaks(text string, p tokens.Pair, key string) bool {
	for _, s := range []string{string(p.AccessToken), string(p.RefreshToken), key} {
		if strings.Contains(text, s[len(s)-12:]) {
			return true
		}
	}
	return strings.Contains(text, "S3CRETMARKER") || strings.Contains(text, "battery")
}

// A fourth dialect refuses by reasons alone.
func TestOwnDialect(t *testing.T) {
	t.Parallel()
	t.Run("a dialect of the host's own refuses by a reason, and the table does the rest", func(t *testing.T) {
		t.Parallel()
		d := open(t, speaking(&spy{Dialect: wire.OAuth2{}}))
		wantAnswer(t, d.ask(t, "POST /login\n\n"), http.StatusBadRequest, oauth2JSON, oauth2Missing)
	})
	t.Run("the answer's bytes are the host's to take apart", func(t *testing.T) {
		t.Parallel()
		a := open(t).Refused(wire.RouteAPI, tokens.ErrExpiredToken)
		names := slices.Sorted(func(yield func(string) bool) {
			for name := range a.Header {
				if !yield(name) {
					return
				}
			}
		})
		want := []string{"Cache-Control", "Content-Type", "Pragma", "Www-Authenticate", "X-Content-Type-Options"}
		if a.Status != http.StatusUnauthorized || !slices.Equal(names, want) || string(a.Body) != oauth2BadBody {
			t.Errorf("%d %q %s", a.Status, names, a.Body)
		}
	})
}
