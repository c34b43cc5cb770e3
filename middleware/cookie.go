package middleware

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
)

// sameSite rejects requests that pages of other origins make a browser send, if
// there are cookies.
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

// cookie returns a cookie's value, or "" without one. Two cookies with the same
// name are rejected: one of them was set by another party.
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

// browserSession stands behind the refresh token in a cookie that the browser is to
// forget when it is closed: a request does not say how long a cookie lasts. It is in
// no token of ours.
const browserSession = "~"

// refreshCookie returns the token of the refresh cookie, "" if there is none, and
// whether the browser is to forget it when it is closed.
func (a *Auth) refreshCookie(r *http.Request) (token tokens.Secret, forgets bool, err error) {
	value, err := cookie(r, a.cookies.refresh.Name)
	text, forgets := strings.CutSuffix(string(value), browserSession)
	return tokens.Secret(text), forgets, err
}

// cookieBearer is CheckBearer for a request without an Authorization header. An
// invalid token is cleared, unless it has only expired: otherwise OptionalBearer
// would reject the browser until the cookie expires. An Auth with only a Verifier
// clears nothing, because the service that set the cookie may know more keys.
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
	access, _ := cookie(r, a.cookies.access.Name)
	refresh, _, _ := a.refreshCookie(r)
	for _, token := range []tokens.Secret{access, refresh} {
		if token != "" && a.tokens.SessionOf(r.Context(), token) == sid {
			return true
		}
	}
	return false
}

// forgets is which cookies a refusal clears.
type forgets int

const (
	forgetsAccess forgets = iota
	forgetsBoth
)

// clearing makes a rejection clear cookies if it is for one of these reasons.
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

// clears is a rejection that clears cookies.
type clears struct {
	refusal *wire.Error
	what    forgets
}

// Error returns the rejection's text.
func (c *clears) Error() string { return c.refusal.Error() }

// Unwrap returns the rejection.
func (c *clears) Unwrap() error { return c.refusal }

// granted answers with the pair in cookies. Without a refresh token it clears the
// refresh cookie, which could belong to the previous user of the browser.
func (k *cookies) granted(p tokens.Pair) wire.Answer {
	a := wire.Empty(http.StatusNoContent).NoCache()
	access := setCookie(k.access, p.AccessToken, p.ExpiresIn)
	refresh := setCookie(k.refresh, p.RefreshToken, p.RefreshExpiresIn)
	if p.BrowserSession {
		access = setBrowserCookie(k.access, p.AccessToken)
		if p.RefreshToken != "" {
			refresh = setBrowserCookie(k.refresh, p.RefreshToken+browserSession)
		}
	}
	a.Header.Add("Set-Cookie", access)
	a.Header.Add("Set-Cookie", refresh)
	return a
}

// forget clears the access cookie, or both.
func (k *cookies) forget(a wire.Answer, what forgets) {
	a.Header.Add("Set-Cookie", setCookie(k.access, "", 0))
	if what == forgetsBoth {
		a.Header.Add("Set-Cookie", setCookie(k.refresh, "", 0))
	}
}

// setCookie is a Set-Cookie that lasts as long as its token, and one that clears
// the cookie if that is not even a second.
func setCookie(c http.Cookie, token tokens.Secret, ttl time.Duration) string { //nolint:gosec // c has them all
	c.Value, c.MaxAge = string(token), int(ttl/time.Second)
	if c.MaxAge <= 0 {
		c.Value, c.MaxAge = "", -1
	}
	return c.String()
}

// setBrowserCookie is a Set-Cookie that lasts until the browser is closed.
func setBrowserCookie(c http.Cookie, token tokens.Secret) string { //nolint:gosec // c has them all
	c.Value = string(token)
	return c.String()
}

const (
	defaultMaxHeader = 4096
	headerOfOthers   = 512 // bytes of the header that the host and the server add
)

// checkHeader reports a response whose header a proxy may not carry.
func (a *Auth) checkHeader(r *http.Request, p tokens.Pair) {
	if a.cookies == nil {
		return
	}
	size := headerOfOthers
	for name, values := range a.cookies.granted(p).Header {
		for _, value := range values {
			size += len(name) + len(": ") + len(value) + len("\r\n")
		}
	}
	if size <= a.cookies.maxHeader {
		return
	}
	a.tokens.Report(a.located(r), events.Event{Kind: events.Fault, UserID: p.Principal.Subject, Err: fmt.Errorf(
		"middleware: the header of a response with cookies has about %d bytes: Config.Cookies.MaxHeader is %d. "+
			"A proxy may answer 502 in its place: put less into the claims of the access token, or have the proxy take more and raise MaxHeader",
		size, a.cookies.maxHeader)})
}
