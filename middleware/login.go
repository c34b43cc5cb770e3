package middleware

import (
	"context"
	"net/http"

	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/tokens"
)

// CheckLogin reads a login in the Auth's wire format, authenticates the client
// and the user, and returns a new pair of tokens. It reads no credentials from
// the URL, and ignores an Authorization: Bearer. The method must be POST. Failed
// attempts are limited by Config.BruteForce: a request over a budget gets
// ReasonThrottled, without a call of the store.
//
// It returns a wire.Error for a malformed request, and the errors of
// [tokens.Authority.Login].
func (a *Auth) CheckLogin(r *http.Request) (tokens.Pair, error) {
	login, p, err := a.readLogin(r)
	if err != nil {
		return tokens.Pair{}, a.told(r, "Login", err)
	}
	pair, err := a.login(r, login)
	if err != nil {
		return tokens.Pair{}, err
	}
	pair.BrowserSession = a.forgetsLogin(p)
	a.replaceSession(r)
	a.checkHeader(r, pair)
	return pair, nil
}

// readLogin reads a login and its parameters.
func (a *Auth) readLogin(r *http.Request) (tokens.LoginRequest, *wire.Params, error) {
	if err := a.sameSite(r); err != nil {
		return tokens.LoginRequest{}, nil, err
	}
	p, err := a.namedParams(r)
	if err != nil {
		return tokens.LoginRequest{}, nil, err
	}
	login, err := a.dialect.ReadLogin(p)
	login.MaxAccess = a.maxAccess()
	err = p.Explain(err)
	return login, p, err
}

// forgetsLogin reports whether the browser must delete the tokens of a login when
// it is closed.
func (a *Auth) forgetsLogin(p *wire.Params) bool {
	return a.cookies != nil && a.cookies.remember != "" && !p.IsTrue(a.cookies.remember)
}

// replaceSession ends the session whose refresh cookie was sent with a login that
// has succeeded. The login is valid whatever the result.
func (a *Auth) replaceSession(r *http.Request) {
	if a.cookies == nil || !a.cookies.replaces {
		return
	}
	token, _, err := a.refreshCookie(r)
	if err != nil || !a.tokens.IsRefreshToken(token) {
		return
	}
	_ = a.tokens.Logout(context.WithoutCancel(a.located(r)), tokens.RefreshRequest{Token: token}) // reported as an event
}

// login lets a user in, unless too many attempts have failed.
func (a *Auth) login(r *http.Request, login tokens.LoginRequest) (tokens.Pair, error) {
	login.SameLogin = a.guard.sameLogin(login.Login)
	if a.guard.off || login.Check() != nil { // a malformed request is rejected before anything is counted
		return a.tokens.Login(a.located(r), login)
	}
	t, err := a.newLoginAttempt(r, a.tokens.LoginPseudonym(login.SameLogin))
	if err != nil {
		return tokens.Pair{}, err
	}
	if err := t.payCaller(login.ClientID, login.ClientSecret); err != nil {
		return tokens.Pair{}, err
	}
	login.BeforePassword = t.beforePassword
	p, err := try(&t.attempt, func() (tokens.Pair, error) { return a.tokens.Login(a.located(r), login) })
	if err != nil {
		return tokens.Pair{}, t.refusal(err)
	}
	t.remember()
	return p, nil
}

// Login is a handler that writes the tokens of CheckLogin.
func (a *Auth) Login(w http.ResponseWriter, r *http.Request) {
	p, err := a.CheckLogin(r)
	a.grant(w, r, wire.RouteLogin, p, err)
}
