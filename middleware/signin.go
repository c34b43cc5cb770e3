package middleware

import (
	"cmp"
	"net/http"

	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/tokens"
)

// CheckSignIn opens a session for a user whom the host has authenticated itself: see
// [tokens.Authority.SignIn]. Call it in the host's own handler, such as the callback of
// single sign-on, and write the result with [Auth.Granted]. It reads nothing of the
// request but the address, the User-Agent if the Label is empty and, with
// Config.Cookies, the refresh cookie for Cookies.ReplaceSession. The host has checked
// before that the request is the browser's own (the state parameter of RFC 6749
// §10.12).
//
// BruteForce.Success limits the sign-ins of one user from one address, apart from their
// logins: one more gets ReasonThrottled.
func (a *Auth) CheckSignIn(r *http.Request, s tokens.SignInRequest) (tokens.Pair, error) {
	if a.tokens == nil {
		return tokens.Pair{}, a.unworkable(r, errNoTokens)
	}
	if s.Actor == "" {
		s.Label = cmp.Or(s.Label, r.Header.Get("User-Agent"))
	}
	s.MaxAccess = cmp.Or(s.MaxAccess, a.maxAccess())
	p, err := a.signIn(r, s)
	if err != nil {
		return tokens.Pair{}, err
	}
	a.replaceSession(r)
	a.checkHeader(r, p)
	return p, nil
}

// signIn signs a user in, unless that was done too often.
func (a *Auth) signIn(r *http.Request, s tokens.SignInRequest) (tokens.Pair, error) {
	enter := func() (tokens.Pair, error) { return a.tokens.SignIn(a.located(r), s) }
	if a.guard.off || s.Check() != nil {
		return enter()
	}
	t, err := a.newLoginAttempt(r, a.tokens.Pseudonym("sign-in/"+s.UserID))
	if err != nil {
		return tokens.Pair{}, err
	}
	over, err := t.pay(t.success())
	if err != nil {
		return tokens.Pair{}, err
	}
	if over != nil {
		return tokens.Pair{}, t.refuse(over, nil)
	}
	return try(&t.attempt, enter)
}

// SignIn writes the tokens of CheckSignIn.
func (a *Auth) SignIn(w http.ResponseWriter, r *http.Request, s tokens.SignInRequest) {
	p, err := a.CheckSignIn(r, s)
	a.grant(w, r, wire.RouteLogin, p, err)
}
