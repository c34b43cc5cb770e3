package middleware_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/tokens"
)

var reasons = []middleware.Reason{
	middleware.ReasonMethod, middleware.ReasonMalformed, middleware.ReasonTooLarge, middleware.ReasonMissing,
	middleware.ReasonGrantType, middleware.ReasonCredentials, middleware.ReasonScope, middleware.ReasonNoRefresh,
	middleware.ReasonRefresh, middleware.ReasonEnded, middleware.ReasonNoBearer, middleware.ReasonBearerForm,
	middleware.ReasonBearer, middleware.ReasonExpired, middleware.ReasonTwoBearers, middleware.ReasonForbidden,
	middleware.ReasonLimited, middleware.ReasonUnavailable, middleware.ReasonInternal,
}

func TestAsErrorKnowsEveryErrorOfTheAuthority(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]middleware.Reason{
		tokens.ErrMalformed:      middleware.ReasonMalformed,
		tokens.ErrBadCredentials: middleware.ReasonCredentials,
		tokens.ErrInvalidScope:   middleware.ReasonScope,
		tokens.ErrInvalidRefresh: middleware.ReasonRefresh,
		tokens.ErrWrongClient:    middleware.ReasonRefresh,
		tokens.ErrExpiredRefresh: middleware.ReasonEnded,
		tokens.ErrRevokedRefresh: middleware.ReasonEnded,
		tokens.ErrReused:         middleware.ReasonEnded,
		tokens.ErrInvalidToken:   middleware.ReasonBearer,
		tokens.ErrExpiredToken:   middleware.ReasonExpired,
		tokens.ErrInvalidKey:     middleware.ReasonRefresh,
		tokens.ErrUnavailable:    middleware.ReasonUnavailable,
		tokens.ErrClaims:         middleware.ReasonInternal,
		errors.New("who knows"):  middleware.ReasonInternal,
		context.DeadlineExceeded: middleware.ReasonUnavailable,
		context.Canceled:         middleware.ReasonUnavailable,
	} {
		e := middleware.AsError(fmt.Errorf("wrapped: %w", err))
		if e.Reason != want || !errors.Is(e, err) || e.Status < 400 || e.Description == "" {
			t.Errorf("%v is %+v, want %s", err, e, want)
		}
		if again := middleware.AsError(fmt.Errorf("again: %w", e)); again != e {
			t.Errorf("%v was translated twice", err)
		}
	}
}

// P22, P23, D48, D159: whatever the reason, the body is JSON of its dialect, its
// code is the status, and what went wrong inside is not in it.
func TestEveryDialectAnswersEveryReasonOnEveryRoute(t *testing.T) {
	t.Parallel()
	const inside = "pq: relation users of 10.0.0.7 is gone"
	for _, dialect := range []middleware.Dialect{middleware.OAuth2{}, middleware.Lexik{}, middleware.FastAPI{}} {
		for _, route := range []middleware.Route{middleware.RouteLogin, middleware.RouteRefresh, middleware.RouteLogout, middleware.RouteAPI} {
			for _, reason := range reasons {
				name := fmt.Sprintf("%T answers %s at %s", dialect, reason, route)
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					d := open(t, speaking(dialect))
					e := &middleware.Error{
						Reason: reason, Status: 418, Code: "code", Description: "A sentence", Scope: "read",
						Fields: []middleware.Field{{In: "body", Name: "username", Missing: true}},
						Err:    errors.New(inside),
					}
					if reason == middleware.ReasonLimited {
						e.RetryAfter = time.Second
						e.Usage = &middleware.Usage{Policy: middleware.Policy{Name: "free", Limit: 1, Window: time.Hour}}
					}
					a := d.Refused(route, e)
					var body map[string]any
					if err := json.Unmarshal(a.Body, &body); err != nil {
						t.Fatalf("body = %q: %v", a.Body, err)
					}
					for _, member := range []string{"status", "code"} {
						if code, ok := body[member]; ok && code != float64(a.Status) {
							t.Errorf("%s = %v, and the status is %d", member, code, a.Status)
						}
					}
					if a.Status < 400 || a.Status > 599 || !strings.HasSuffix(a.Header.Get("Content-Type"), "json") || a.Header.Get("Cache-Control") != "no-store" {
						t.Errorf("answer = %d %v", a.Status, a.Header)
					}
					if a.Status == http.StatusUnauthorized && route == middleware.RouteAPI && a.Header.Get("WWW-Authenticate") == "" && strings.HasPrefix(string(reason), "bearer") {
						t.Errorf("no challenge: %v", a.Header)
					}
					if all := fmt.Sprint(string(a.Body), a.Header); strings.Contains(all, "10.0.0.7") {
						t.Errorf("the answer tells what is inside: %s", all)
					}
					if !strings.Contains(e.Error(), inside) {
						t.Errorf("the log is not told: %v", e)
					}
				})
			}
		}
	}
}

func TestAnErrorWithoutACauseSaysItsSentence(t *testing.T) {
	t.Parallel()
	e := &middleware.Error{Reason: middleware.ReasonMethod, Description: "Use POST"}
	if got := e.Error(); got != "middleware: method: Use POST" || e.Unwrap() != nil {
		t.Errorf("Error = %q", got)
	}
}

func TestNewSaysAllThatIsWrongAtOnce(t *testing.T) {
	t.Parallel()
	_, err := middleware.New(middleware.Config{
		Tiers: middleware.Tiers{
			"":      {Limit: 1, Period: time.Hour},
			"a\"b":  {Limit: 1, Period: time.Hour},
			"minus": {Limit: -1, Period: time.Millisecond},
			"odd":   {Limit: 5, Period: time.Hour, Max: 9},
			"small": {Limit: 5, Period: time.Hour, PerSeat: true, Max: 4},
		},
		OnCounterFailure: 7, CounterTimeout: -1, MaxBody: 2 << 20, Realm: "a\"b",
	})
	want := []string{
		`middleware: Config.Tokens: is required`,
		`middleware: Config.ClientIP: is required: it states whom you trust, for instance middleware.RemoteAddr`,
		`middleware: Config.Tiers[""]: wants a name of 1 to 64 printable ASCII characters without quotes and backslashes`,
		`middleware: Config.Tiers["a\"b"]: wants a name of 1 to 64 printable ASCII characters without quotes and backslashes`,
		`middleware: Config.Tiers["minus"].Limit: wants 0 or more, has -1`,
		`middleware: Config.Tiers["minus"].Period: wants whole seconds, at least one, has 1ms`,
		`middleware: Config.Tiers["odd"].Max: is for tiers with PerSeat`,
		`middleware: Config.Tiers["small"].Max: wants Limit (5) or more, has 4`,
		`middleware: Config.OnCounterFailure: wants FailClosed or FailOpen, has 7`,
		`middleware: Config.CounterTimeout: wants a positive time, has -1ns`,
		`middleware: Config.MaxBody: wants 1 to 1048576, has 2097152`,
		`middleware: Config.Realm: wants printable ASCII without quotes and backslashes, has "a\"b"`,
	}
	if err == nil || err.Error() != strings.Join(want, "\n") {
		t.Errorf("New =\n%v\nwant\n%s", err, strings.Join(want, "\n"))
	}
	if _, err := middleware.New(middleware.Config{}); err == nil || !strings.Contains(err.Error(), "Config.Tiers: is required: at least one") {
		t.Errorf("New = %v", err)
	}
}
