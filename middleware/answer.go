package middleware

import (
	"errors"
	"net/http"

	"github.com/sallyport-go/sallyport/internal/unread"
	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/tokens"
)

// Refused answers an error in the Auth's dialect. It is for adapters, and for
// hosts that want to refuse as Sallyport does.
func (a *Auth) Refused(route wire.Route, err error) wire.Answer {
	answer := a.dialect.Refused(route, a.realm, wire.AsError(err))
	if c, ok := errors.AsType[*clears](err); ok && a.cookies != nil {
		a.cookies.forget(answer, c.what)
	}
	return answer
}

// refused writes a refusal, and reads past the body that may be left.
func (a *Auth) refused(w http.ResponseWriter, r *http.Request, route wire.Route, err error) {
	unread.Discard(r)
	a.Refused(route, err).Write(w)
}

// Granted answers with a pair in the Auth's dialect or, where there are
// Config.Cookies, in cookies and with 204.
func (a *Auth) Granted(p tokens.Pair) wire.Answer {
	if a.cookies != nil {
		return a.cookies.granted(p)
	}
	return a.dialect.Granted(p)
}

// grant answers a login, a refresh or an exchange.
func (a *Auth) grant(w http.ResponseWriter, r *http.Request, route wire.Route, p tokens.Pair, err error) {
	if err != nil {
		a.refused(w, r, route, err)
		return
	}
	a.Granted(p).Write(w)
}

// LoggedOut answers a logout in the Auth's dialect, and clears the cookies where
// there are any.
func (a *Auth) LoggedOut(ended bool) wire.Answer {
	return a.forgetting(a.dialect.LoggedOut(ended), true)
}

// forgetting clears the cookies in an answer, where there are any, if the
// caller's own session has ended.
func (a *Auth) forgetting(answer wire.Answer, own bool) wire.Answer {
	if own && a.cookies != nil {
		a.cookies.forget(answer, forgetsBoth)
	}
	return answer
}

// ClearCookies sets the headers that clear the cookies of Config.Cookies, for a
// handler of the host's that has ended the caller's own session, such as one that
// changes the password: see [tokens.Authority.PasswordChanged]. It does nothing
// where there are no cookies. Call it before the status is written.
func (a *Auth) ClearCookies(w http.ResponseWriter) {
	answer := wire.Answer{Header: w.Header()}
	a.forgetting(answer, true)
}
