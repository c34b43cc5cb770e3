package middleware

import (
	"net/http"

	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/tokens"
)

// CheckRefresh reads a refresh token in the Auth's dialect and exchanges it for
// a new pair, or an API key for an access token where the dialect has them in
// the same place. Where there are Config.Cookies and the request has no token
// elsewhere, it is that of the refresh cookie. It
// ignores an Authorization: Bearer, which usually has expired.
func (a *Auth) CheckRefresh(r *http.Request) (tokens.Pair, error) {
	if err := a.sameSite(r); err != nil {
		return tokens.Pair{}, err
	}
	accepts := a.dialect.Accepts()
	p, err := a.params(r, accepts)
	if err != nil {
		return tokens.Pair{}, err
	}
	refresh, err := a.dialect.ReadRefresh(p)
	if a.cookies != nil && lacksRefresh(err) {
		return a.refreshByCookie(r, refresh, err)
	}
	if err != nil {
		return tokens.Pair{}, err
	}
	refresh.MaxAccess = a.cookies.maxAccess()
	return a.exchange(r, refresh, accepts.APIKeys)
}

// exchange exchanges a refresh token or, if keys is true, an API key. It returns an
// error after too many failed attempts.
func (a *Auth) exchange(r *http.Request, refresh tokens.RefreshRequest, keys bool) (tokens.Pair, error) {
	if keys && a.tokens.IsAPIKey(refresh.Token) {
		return a.exchangeKey(r, tokens.KeyRequest{
			Key: refresh.Token, ClientID: refresh.ClientID, ClientSecret: refresh.ClientSecret, Scopes: refresh.Scopes,
		})
	}
	enter := func() (tokens.Pair, error) { return a.tokens.Refresh(a.located(r), refresh) }
	if refresh.Check() != nil { // what is malformed is refused before anything is counted
		return enter()
	}
	return attemptSecrets(a, r, presented{
		clientID: refresh.ClientID, clientSecret: refresh.ClientSecret, token: refresh.Token,
	}, enter)
}

func (a *Auth) exchangeKey(r *http.Request, key tokens.KeyRequest) (tokens.Pair, error) {
	enter := func() (tokens.Pair, error) { return a.tokens.ExchangeKey(a.located(r), key) }
	if key.Check() != nil { // what is malformed is refused before anything is counted
		return enter()
	}
	p, err := attemptSecrets(a, r, presented{clientID: key.ClientID, clientSecret: key.ClientSecret, token: key.Key}, enter)
	if size := a.cookies.maxAccess(); err == nil && size > 0 && len(p.AccessToken) > size {
		return tokens.Pair{}, wire.NewError(wire.ReasonInternal, tokens.ErrClaims)
	}
	return p, err
}

// Refresh answers what CheckRefresh decides.
func (a *Auth) Refresh(w http.ResponseWriter, r *http.Request) {
	p, err := a.CheckRefresh(r)
	a.grant(w, wire.RouteRefresh, p, err)
}
