package middleware

import (
	"errors"
	"net/http"
	"slices"

	"github.com/sallyport-go/sallyport/internal/unread"
	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/tokens"
)

// Refused returns the response to an error in the Auth's wire format, for
// adapters, and for hosts that reject requests as Sallyport does.
func (a *Auth) Refused(route wire.Route, err error) wire.Answer {
	answer := a.dialect.Refused(route, a.realm, wire.AsError(err))
	a.clearIn(answer.Header, err)
	a.addVary(answer.Header)
	return answer
}

// RefusedIn is Refused, with the headers of the answer set in h, as those of a response
// that has been begun. Do not set them again, and do not change the Body: other answers
// may share it. It also returns what err was translated to.
func (a *Auth) RefusedIn(h http.Header, route wire.Route, err error) (wire.Answer, *wire.Error) {
	cause := wire.AsError(err)
	answer := a.refusals.RefusedIn(h, route, cause)
	a.clearIn(h, err)
	a.addVary(h)
	return answer, cause
}

// AddVary adds Authorization and Cookie to Vary (RFC 9110 §12.5.5), as those headers of
// a request that the answers of a route behind Bearer or OptionalBearer depend on. They
// are added once, to what others have set. Bearer and OptionalBearer call it with
// anonymous false and true; an adapter for a framework does too. Without Config.Cookies
// it adds Authorization alone, and only if the route serves anonymous callers: what an
// access token is needed for, no shared cache may keep (RFC 9111 §3.5).
func (a *Auth) AddVary(h http.Header, anonymous bool) {
	switch {
	case a.cookies != nil:
		a.addVary(h)
	case anonymous:
		addVary(h, "Authorization")
	}
}

// addVary adds what an answer of an Auth with cookies depends on.
func (a *Auth) addVary(h http.Header) {
	if a.cookies != nil {
		addVary(h, "Cookie, Authorization")
	}
}

// varying adds to an answer what it depends on, if there are cookies.
func (a *Auth) varying(answer wire.Answer) wire.Answer {
	a.addVary(answer.Header)
	return answer
}

func addVary(h http.Header, names string) {
	if old := h["Vary"]; !slices.Contains(old, names) {
		h["Vary"] = append(slices.Clip(old), names)
	}
}

// clearIn clears the cookies that a refusal clears.
func (a *Auth) clearIn(h http.Header, err error) {
	if a.cookies == nil {
		return
	}
	if c, ok := errors.AsType[*clears](err); ok {
		a.cookies.forget(wire.Answer{Header: h}, c.what)
	}
}

// refused writes a refusal, and reads past the body that may be left.
func (a *Auth) refused(w http.ResponseWriter, r *http.Request, route wire.Route, err error) {
	unread.Discard(r)
	answer, _ := a.RefusedIn(w.Header(), route, err)
	answer.Header = nil // they are set
	answer.Write(w)
}

// Granted returns the response with a pair in the Auth's wire format or, with
// Config.Cookies, in cookies and with 204.
func (a *Auth) Granted(p tokens.Pair) wire.Answer {
	if a.cookies != nil {
		return a.varying(a.cookies.granted(p))
	}
	return a.dialect.Granted(p)
}

// grant writes the response to a login, a refresh or an exchange.
func (a *Auth) grant(w http.ResponseWriter, r *http.Request, route wire.Route, p tokens.Pair, err error) {
	if err != nil {
		a.refused(w, r, route, err)
		return
	}
	a.Granted(p).Write(w)
}

// LoggedOut returns the response to a logout in the Auth's wire format. It clears
// the cookies of Config.Cookies.
func (a *Auth) LoggedOut(ended bool) wire.Answer {
	return a.varying(a.forgetting(a.dialect.LoggedOut(ended), true))
}

// forgetting clears the cookies in a response, if there are any and the caller's
// own session has ended.
func (a *Auth) forgetting(answer wire.Answer, own bool) wire.Answer {
	if own && a.cookies != nil {
		a.cookies.forget(answer, forgetsBoth)
	}
	return answer
}

// ClearCookies sets the headers that clear the cookies of Config.Cookies, for the
// host's own handlers that end the caller's session, such as one that changes the
// password: see [tokens.Authority.PasswordChanged]. Call it before the status is
// written. Without Config.Cookies it does nothing.
func (a *Auth) ClearCookies(w http.ResponseWriter) {
	answer := wire.Answer{Header: w.Header()}
	a.forgetting(answer, true)
}
