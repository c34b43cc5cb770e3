package wire_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/tokens"
)

var dialects = map[string]wire.Dialect{
	"OAuth2": wire.OAuth2{}, "FastAPI": wire.FastAPI{}, "PostmanRefresh": wire.PostmanRefresh{},
	"Lexik": wire.Lexik{RefreshTokens: true}, "a host's": louder{},
}

// louder is a host's format.
type louder struct{ wire.OAuth2 }

func (louder) Refused(_ wire.Route, _ string, e *wire.Error) wire.Answer {
	return wire.JSON(http.StatusTeapot, e.Err.Error())
}

// A prepared answer is what the format itself answers, and is given only where it is
// that answer.
func TestRefusalsAnswerAsTheFormat(t *testing.T) {
	t.Parallel()
	edited := func(reason wire.Reason, edit func(*wire.Error)) *wire.Error {
		e := wire.NewError(reason, errors.New("the cause"))
		edit(e)
		return e
	}
	as := func(reason wire.Reason) *wire.Error { return edited(reason, func(*wire.Error) {}) }
	refused := map[string]*wire.Error{
		"no token": as(wire.ReasonNoBearer), "an invalid token": as(wire.ReasonBearer), "an expired token": as(wire.ReasonExpired),
		"two words": as(wire.ReasonBearerForm), "two headers": as(wire.ReasonTwoBearers),
		"another reason":     as(wire.ReasonCrossSite),
		"a host's words":     edited(wire.ReasonBearer, func(e *wire.Error) { e.Description = "Renew your key" }),
		"a host's status":    edited(wire.ReasonNoBearer, func(e *wire.Error) { e.Status = http.StatusForbidden }),
		"a host's code":      edited(wire.ReasonBearer, func(e *wire.Error) { e.Code = "insufficient_user_authentication" }),
		"a scope":            edited(wire.ReasonBearer, func(e *wire.Error) { e.Scope = "read" }),
		"a time to wait":     edited(wire.ReasonNoBearer, func(e *wire.Error) { e.RetryAfter = time.Minute }),
		"a method":           edited(wire.ReasonTwoBearers, func(e *wire.Error) { e.Allow = http.MethodGet }),
		"reduced capacity":   edited(wire.ReasonExpired, func(e *wire.Error) { e.ReducedCapacity = true }),
		"a field":            edited(wire.ReasonBearer, func(e *wire.Error) { e.Fields = []wire.Field{{Name: "a"}} }),
		"a code of the host": edited(wire.ReasonBearer, func(e *wire.Error) { e.HostCode = "suspended" }),
	}
	for format, d := range dialects {
		refusals := wire.NewRefusals(d, "shop")
		for name, e := range refused {
			for _, route := range []wire.Route{wire.RouteAPI, wire.RouteLogin, wire.RouteRefresh} {
				for range 2 { // the first prepares
					t.Run(fmt.Sprintf("%s, %s, %s", format, name, route), func(t *testing.T) {
						t.Parallel()
						want := d.Refused(route, "shop", e)
						after := http.Header{"X-Before": {"1"}, "Cache-Control": {"public"}, "Set-Cookie": {"a=b"}}
						got := after.Clone()
						want.SetHeader(after)
						answer := refusals.RefusedIn(got, route, e)
						if answer.Status != want.Status || !bytes.Equal(answer.Body, want.Body) || !maps.EqualFunc(got, after, slices.Equal) {
							t.Errorf("got %d %s %v, want %d %s %v", answer.Status, answer.Body, got, want.Status, want.Body, after)
						}
						if !answer.IsJSON() {
							t.Errorf("%s is not known to be JSON", answer.Body)
						}
					})
				}
			}
		}
	}
}

// What other middleware does with the headers of one refusal, or appends to its body,
// reaches no other.
func TestRefusalsShareNothingThatCanBeWritten(t *testing.T) {
	t.Parallel()
	refusals := wire.NewRefusals(wire.OAuth2{}, "api")
	e := wire.NewError(wire.ReasonNoBearer, nil)
	first, second := http.Header{}, http.Header{}
	one := refusals.RefusedIn(first, wire.RouteAPI, e)
	_ = append(one.Body, "appended"...)
	for name := range first {
		_ = append(first[name], "appended")
		first[name][0] = "changed"
	}
	two := refusals.RefusedIn(second, wire.RouteAPI, e)
	fresh := wire.OAuth2{}.Refused(wire.RouteAPI, "api", e)
	if !maps.EqualFunc(second, fresh.Header, slices.Equal) || !bytes.Equal(two.Body, fresh.Body) || cap(two.Body) != len(two.Body) {
		t.Errorf("got %s %v, want %s %v", two.Body, second, fresh.Body, fresh.Header)
	}
}

func TestAnswerIsJSON(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]bool{`{"a":1}`: true, "": false, "text": false} {
		if got := (wire.Answer{Body: []byte(body)}).IsJSON(); got != want {
			t.Errorf("%q: %v, want %v", body, got, want)
		}
	}
	changed := wire.JSON(http.StatusOK, 1)
	changed.Body = []byte("text")
	if changed.IsJSON() {
		t.Error("a body that a host has replaced counts as JSON unseen")
	}
}

// saysItIs is an error that errors.Is asks.
type saysItIs struct{} //nolint:errname // it is about what it says

func (saysItIs) Error() string        { return "says" }
func (saysItIs) Is(target error) bool { return target == tokens.ErrInvalidToken }

// AsError finds the same reason in one chain as errors.Is does in a tree.
func TestAsErrorOfAChainAndOfATree(t *testing.T) {
	t.Parallel()
	for _, err := range []error{
		tokens.ErrUnavailable, tokens.ErrClock, tokens.ErrMalformed, tokens.ErrInvalidClient, tokens.ErrUnauthorizedClient,
		tokens.ErrBadCredentials, tokens.ErrInvalidScope, tokens.ErrExpiredRefresh, tokens.ErrRevokedRefresh, tokens.ErrReused,
		tokens.ErrInvalidRefresh, tokens.ErrWrongClient, tokens.ErrInvalidKey, tokens.ErrUnsupportedToken, tokens.ErrNoSession,
		tokens.ErrExpiredToken, tokens.ErrInvalidToken, tokens.ErrRevokedToken, context.DeadlineExceeded, context.Canceled,
		fmt.Errorf("%w: %w", tokens.ErrInvalidToken, tokens.ErrUnavailable), saysItIs{},
	} {
		want := wire.AsError(errors.Join(err)).Reason
		for _, chain := range []error{err, fmt.Errorf("a: %w", err), fmt.Errorf("b: %w", fmt.Errorf("a: %w", err))} {
			if got := wire.AsError(chain).Reason; got != want || got == wire.ReasonInternal {
				t.Errorf("%v: %s, want %s", chain, got, want)
			}
		}
	}
}
