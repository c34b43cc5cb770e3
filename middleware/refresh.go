package middleware

import (
	"cmp"
	"net/http"

	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/tokens"
)

// CheckRefresh reads a refresh token in the Auth's wire format and exchanges it
// for a new pair, or an API key for an access token if the format has them in the
// same place. With Config.Cookies, a request without a token uses that of the
// refresh cookie. It ignores an Authorization: Bearer, which usually has expired.
// The method must be POST. Failed attempts are limited by Config.BruteForce.
//
// It returns a wire.Error for a malformed request, and the errors of
// [tokens.Authority.Refresh] or [tokens.Authority.ExchangeKey].
func (a *Auth) CheckRefresh(r *http.Request) (tokens.Pair, error) {
	refresh, byCookie, err := a.readRefresh(r)
	if err != nil {
		return tokens.Pair{}, a.told(r, "Refresh", err)
	}
	p, err := a.exchange(r, refresh, a.dialect.Accepts().APIKeys && !byCookie)
	if err == nil {
		a.checkHeader(r, p)
	}
	if !byCookie {
		return p, err
	}
	_, p.BrowserSession, _ = a.refreshCookie(r)
	// after a failure of the store the cookie stays, because its token may be valid
	return p, clearing(err, forgetsBoth, wire.ReasonRefresh, wire.ReasonEnded)
}

// readRefresh reads the refresh token of a request or, if it has none and there
// are cookies, that of the refresh cookie.
func (a *Auth) readRefresh(r *http.Request) (refresh tokens.RefreshRequest, byCookie bool, err error) {
	if err := a.sameSite(r); err != nil {
		return tokens.RefreshRequest{}, false, err
	}
	p, err := a.namedParams(r)
	if err != nil {
		return tokens.RefreshRequest{}, false, err
	}
	refresh, err = a.dialect.ReadRefresh(p)
	refresh.MaxAccess = a.maxAccess()
	if a.cookies == nil || !lacksRefresh(err) {
		return refresh, false, p.Explain(err)
	}
	token, _, failed := a.refreshCookie(r)
	if failed != nil || token == "" {
		return refresh, false, cmp.Or(failed, p.Explain(err))
	}
	refresh.Token = token
	return refresh, true, nil
}

// Refresh is a handler that writes the tokens of CheckRefresh.
func (a *Auth) Refresh(w http.ResponseWriter, r *http.Request) {
	p, err := a.CheckRefresh(r)
	a.grant(w, r, wire.RouteRefresh, p, err)
}
