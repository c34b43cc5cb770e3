package middleware

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/tokens"
)

// sameSite refuses what pages of other origins make a browser do, where there
// are cookies that it would do it with.
func (a *Auth) sameSite(r *http.Request) error {
	if a.cookies == nil {
		return nil
	}
	if r.Header.Get("Upgrade") != "" {
		// a handshake is a GET, and what comes behind it is not: no preflight
		// stands before it
		r = r.WithContext(r.Context())
		r.Method = http.MethodConnect
	}
	if err := a.cookies.origins.Check(r); err != nil {
		return wire.NewError(wire.ReasonCrossSite, err)
	}
	return nil
}

// maxAccess returns the maximum size of an access token in bytes; 0 without cookies.
func (a *Auth) maxAccess() int {
	if a.cookies == nil {
		return 0
	}
	return a.cookies.maxAccess
}

var errTwoCookies = errors.New("a cookie stands twice")

// cookie is a cookie's value; "" if it is not there. Two of one name are refused:
// one of them was set by somebody else.
func cookie(r *http.Request, name string) (tokens.Secret, error) {
	var value string
	found := false
	for _, line := range r.Header["Cookie"] {
		for pair := range strings.SplitSeq(line, ";") {
			n, v, _ := strings.Cut(strings.Trim(pair, " \t"), "=")
			if n != name {
				continue
			}
			if found {
				return "", wire.NewError(wire.ReasonMalformed, errTwoCookies)
			}
			value, found = v, true
		}
	}
	return tokens.Secret(value), nil
}

// cookieBearer is CheckBearer for a request without an Authorization header. An
// invalid token is cleared, unless it has only expired: else OptionalBearer would refuse
// the browser until the cookie expires. An Auth with a Verifier only clears nothing,
// because the service that set the cookie may know more keys.
func (a *Auth) cookieBearer(r *http.Request) (tokens.Principal, error) {
	token, err := cookie(r, a.cookies.access.Name)
	if err != nil {
		return tokens.Principal{}, err
	}
	if token == "" {
		return tokens.Principal{}, wire.NewError(wire.ReasonNoBearer, nil)
	}
	if err := a.sameSite(r); err != nil {
		return tokens.Principal{}, err
	}
	p, err := a.verifier.Verify(r.Context(), token)
	if a.tokens == nil {
		return p, err
	}
	return p, clearing(err, forgetsAccess, wire.ReasonBearer)
}

// lacksRefresh reports whether a dialect has found no refresh token.
func lacksRefresh(err error) bool {
	e, ok := errors.AsType[*wire.Error](err)
	return ok && (e.Reason == wire.ReasonNoRefresh || e.Reason == wire.ReasonMissing)
}

// hasCookiesOf reports whether one of the request's cookies belongs to the session
// with this "sid".
func (a *Auth) hasCookiesOf(r *http.Request, sid string) bool {
	if a.cookies == nil || sid == "" {
		return false
	}
	for _, name := range []string{a.cookies.access.Name, a.cookies.refresh.Name} {
		token, err := cookie(r, name)
		if err == nil && token != "" && a.tokens.SessionOf(r.Context(), token) == sid {
			return true
		}
	}
	return false
}

// forgets is which cookies a refusal clears.
type forgets int

const (
	forgetsNothing forgets = iota
	forgetsAccess
	forgetsBoth
)

// clearing has a refusal clear cookies if it is for one of these reasons.
func clearing(err error, what forgets, reasons ...wire.Reason) error {
	if err == nil {
		return nil
	}
	e := wire.AsError(err)
	if !slices.Contains(reasons, e.Reason) {
		return e
	}
	return &clears{e, what}
}

// clears is a refusal that clears cookies.
type clears struct {
	refusal *wire.Error
	what    forgets
}

// Error returns the refusal's text.
func (c *clears) Error() string { return c.refusal.Error() }

// Unwrap returns the refusal.
func (c *clears) Unwrap() error { return c.refusal }
