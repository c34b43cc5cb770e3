package middleware

import (
	"errors"
	"net/http"

	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/tokens"
)

// CheckLogout ends the session of the request's refresh token or, in wire formats
// that allow it, of its access token. An invalid refresh token is not an error:
// the session of the access token is ended, if there is a valid one, and
// otherwise ended is false. With Config.Cookies, a request with neither a refresh
// token nor an Authorization: Bearer ends the session of its cookies. The response
// clears the cookies, so the sessions to which they belong are ended too if they are
// others. The method must be POST.
//
// When CheckLogout returns, the session's refresh tokens are rejected. So are its
// access tokens if the Authority has a deny list; otherwise they stay valid until
// they expire. Once the request has been read, the logout completes even if the
// client disconnects, so mount it without Bearer or Protect in front.
func (a *Auth) CheckLogout(r *http.Request) (ended bool, err error) {
	ended, err = a.checkLogout(r)
	return ended, a.told(r, "Logout", err)
}

func (a *Auth) checkLogout(r *http.Request) (ended bool, err error) {
	if err := a.sameSite(r); err != nil {
		return false, err
	}
	p, err := a.params(r, a.dialect.Accepts())
	if err != nil {
		return false, err
	}
	r = undisturbed(r)
	refresh, ok, err := a.dialect.ReadLogout(p)
	if a.cookies != nil && (err == nil && !ok || lacksRefresh(err)) {
		return a.logoutByCookie(r, refresh)
	}
	if err != nil {
		return false, p.Explain(err)
	}
	ended, err = a.logout(r, refresh, ok)
	if err == nil {
		err = a.endCookies(r)
	}
	return ended && err == nil, err
}

// logoutByCookie ends the session of the refresh cookie or, with an
// Authorization: Bearer or only the access cookie, of that. The cookies are
// cleared even if there is no session to end.
func (a *Auth) logoutByCookie(r *http.Request, refresh tokens.RefreshRequest) (ended bool, err error) {
	token, _, err := a.refreshCookie(r)
	if err != nil {
		return false, err
	}
	if saysBearer(r) {
		err = a.logoutBearer(r)
		if err == nil {
			err = a.endCookies(r)
			return err == nil, err
		}
		if token == "" || wire.AsError(err).Reason == wire.ReasonUnavailable {
			return false, clearing(err, forgetsBoth, wire.ReasonNoBearer, wire.ReasonBearer, wire.ReasonExpired)
		}
	}
	refresh.Token = token
	ended, err = a.logout(r, refresh, refresh.Token != "")
	if err == nil {
		err = a.endAccessCookie(r, a.tokens.SessionOf(r.Context(), token))
	}
	return ended && err == nil, clearing(err, forgetsBoth, wire.ReasonNoBearer, wire.ReasonBearer, wire.ReasonExpired)
}

// endCookies ends the sessions of the request's cookies, for a response that clears
// them: after a logout no session lives on that this browser can no longer end. A
// cookie without a session is no error.
func (a *Auth) endCookies(r *http.Request) error {
	if a.cookies == nil {
		return nil
	}
	token, _, err := a.refreshCookie(r)
	if err != nil {
		return err
	}
	if a.tokens.IsRefreshToken(token) {
		err := a.tokens.Logout(a.located(r), tokens.RefreshRequest{Token: token})
		if err != nil && !errors.Is(err, tokens.ErrInvalidRefresh) {
			return err
		}
	}
	return a.endAccessCookie(r, a.tokens.SessionOf(r.Context(), token))
}

// endAccessCookie ends the session of the access cookie, unless it is that with this
// "sid", which has ended.
func (a *Auth) endAccessCookie(r *http.Request, sid string) error {
	token, err := cookie(r, a.cookies.access.Name)
	if err != nil {
		return err
	}
	of := a.tokens.SessionOf(r.Context(), token)
	if of == "" || of == sid {
		return nil
	}
	p, err := a.tokens.Verify(r.Context(), token)
	if err == nil {
		return a.tokens.LogoutPrincipal(a.located(r), p)
	}
	if errors.Is(err, tokens.ErrUnavailable) {
		return err
	}
	return nil // the session was ended before
}

// logout ends the session of a refresh token, if there is one, or else that of
// the access token.
func (a *Auth) logout(r *http.Request, refresh tokens.RefreshRequest, ok bool) (ended bool, err error) {
	if ok {
		if err := refresh.Check(); err != nil { // a malformed request is rejected before anything is counted
			return false, err
		}
		_, err = attemptSecrets(a, r, presented{
			clientID: refresh.ClientID, clientSecret: refresh.ClientSecret, token: refresh.Token,
		}, func() (struct{}, error) { return struct{}{}, a.tokens.Logout(a.located(r), refresh) })
		if errors.Is(err, tokens.ErrInvalidRefresh) {
			return a.logoutBearerToo(r)
		}
		return err == nil, err
	}
	err = a.logoutBearer(r)
	return err == nil, err
}

// logoutBearer ends the session of the access token.
func (a *Auth) logoutBearer(r *http.Request) error {
	principal, err := a.bearer(r)
	if err != nil {
		return err
	}
	return a.tokens.LogoutPrincipal(a.located(r), principal)
}

// logoutBearerToo ends the session of the access token of a request whose refresh
// token is invalid. It is not an error if there is none.
func (a *Auth) logoutBearerToo(r *http.Request) (ended bool, err error) {
	err = a.logoutBearer(r)
	if err != nil && wire.AsError(err).Reason != wire.ReasonUnavailable {
		return false, nil // nothing was left to end
	}
	return err == nil, err
}

// Logout is a handler that ends the session of CheckLogout.
func (a *Auth) Logout(w http.ResponseWriter, r *http.Request) {
	ended, err := a.CheckLogout(r)
	a.loggedOut(w, r, ended, err)
}

// CheckLogoutEverywhere ends all sessions of the user of the request's access
// token, which must satisfy Config.AccountScope. The method must be POST. It
// completes even if the client disconnects, so mount it without Bearer or Protect
// in front. The response clears the cookies of Config.Cookies, so their sessions are
// ended too if they are another user's. See [tokens.Authority.LogoutEverywhere].
func (a *Auth) CheckLogoutEverywhere(r *http.Request) error {
	return a.told(r, "LogoutEverywhere", a.checkLogoutEverywhere(r))
}

func (a *Auth) checkLogoutEverywhere(r *http.Request) error {
	if err := a.sameSite(r); err != nil {
		return err
	}
	if _, err := a.params(r, wire.Accepts{Unknown: true}); err != nil {
		return err
	}
	r = undisturbed(r)
	principal, err := a.bearer(r)
	if err == nil {
		err = a.mayManage(principal)
	}
	if err != nil {
		return err
	}
	if err := a.tokens.LogoutEverywhere(a.located(r), principal.Subject); err != nil {
		return err
	}
	return a.endCookies(r)
}

// LogoutEverywhere is a handler that ends the sessions of CheckLogoutEverywhere.
func (a *Auth) LogoutEverywhere(w http.ResponseWriter, r *http.Request) {
	err := a.CheckLogoutEverywhere(r)
	a.loggedOut(w, r, err == nil, err)
}

func (a *Auth) loggedOut(w http.ResponseWriter, r *http.Request, ended bool, err error) {
	if err != nil {
		a.refused(w, r, wire.RouteLogout, err)
		return
	}
	a.LoggedOut(ended).Write(w)
}
