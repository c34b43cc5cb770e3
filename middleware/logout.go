package middleware

import (
	"errors"
	"net/http"

	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/tokens"
)

// CheckLogout ends the session of the refresh token that the request presents
// or, in dialects that have it so, of its access token. An invalid
// refresh token is no error: the session of the access token is ended, if there is a
// valid one beside it, and else ended is false.
//
// The session's refresh tokens are dead when CheckLogout returns. So are its
// access tokens where the Authority has a deny list; else they are good until
// they expire. Once the request has been read, the logout runs to its end also
// if the client disconnects; so mount it without Bearer or Protect in front.
//
// Where there are Config.Cookies, a request with neither a refresh token nor an
// Authorization: Bearer ends the session of its cookies.
func (a *Auth) CheckLogout(r *http.Request) (ended bool, err error) {
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
	return a.logout(r, refresh, ok)
}

// logoutByCookie ends the session of the refresh cookie or, where an
// Authorization: Bearer or only the access cookie is there, of that. If there is
// nothing to end, the cookies go all the same.
func (a *Auth) logoutByCookie(r *http.Request, refresh tokens.RefreshRequest) (ended bool, err error) {
	token, _, err := a.refreshCookie(r)
	if err != nil {
		return false, err
	}
	if saysBearer(r) {
		err = a.logoutBearer(r)
		if err == nil || token == "" || wire.AsError(err).Reason == wire.ReasonUnavailable {
			return err == nil, clearing(err, forgetsBoth, wire.ReasonNoBearer, wire.ReasonBearer, wire.ReasonExpired)
		}
	}
	refresh.Token = token
	ended, err = a.logout(r, refresh, refresh.Token != "")
	return ended, clearing(err, forgetsBoth, wire.ReasonNoBearer, wire.ReasonBearer, wire.ReasonExpired)
}

// logout ends the session of a refresh token, if there is one, or else that of
// the access token.
func (a *Auth) logout(r *http.Request, refresh tokens.RefreshRequest, ok bool) (ended bool, err error) {
	if ok {
		if err := refresh.Check(); err != nil { // what is malformed is refused before anything is counted
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
	principal, err := a.CheckBearer(r)
	if err != nil {
		return err
	}
	return a.tokens.LogoutPrincipal(a.located(r), principal)
}

// logoutBearerToo ends the session of the access token of a request whose refresh
// token is invalid. It is no error if there is none.
func (a *Auth) logoutBearerToo(r *http.Request) (ended bool, err error) {
	err = a.logoutBearer(r)
	if err != nil && wire.AsError(err).Reason != wire.ReasonUnavailable {
		return false, nil // nothing was left to end
	}
	return err == nil, err
}

// Logout answers what CheckLogout decides.
func (a *Auth) Logout(w http.ResponseWriter, r *http.Request) {
	ended, err := a.CheckLogout(r)
	a.loggedOut(w, r, ended, err)
}

// CheckLogoutEverywhere ends all sessions of the user whose access token the
// request bears. It runs to its end also if the client disconnects, as
// CheckLogout does.
func (a *Auth) CheckLogoutEverywhere(r *http.Request) error {
	if err := a.sameSite(r); err != nil {
		return err
	}
	if _, err := a.params(r, wire.Accepts{Unknown: true}); err != nil {
		return err
	}
	r = undisturbed(r)
	principal, err := a.CheckBearer(r)
	if err == nil {
		err = a.mayManage(principal)
	}
	if err != nil {
		return err
	}
	return a.tokens.LogoutEverywhere(a.located(r), principal.Subject)
}

// LogoutEverywhere answers what CheckLogoutEverywhere decides.
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
