package middleware

import (
	"fmt"
	"net/http"

	"github.com/sallyport-go/sallyport/tokens"
)

var errKeyTooLong = fmt.Errorf("middleware: the access token of an API key does not fit into a cookie: %w", tokens.ErrClaims)

// exchange exchanges a refresh token or, if keys is true, an API key. It returns an
// error after too many failed attempts.
func (a *Auth) exchange(r *http.Request, refresh tokens.RefreshRequest, keys bool) (tokens.Pair, error) {
	if keys && a.tokens.IsAPIKey(refresh.Token) {
		p, err := a.exchangeKey(r, tokens.KeyRequest{
			Key: refresh.Token, ClientID: refresh.ClientID, ClientSecret: refresh.ClientSecret, ClientAsSent: refresh.ClientAsSent,
			Scopes: refresh.Scopes,
		})
		if err == nil && refresh.MaxAccess > 0 && len(p.AccessToken) > refresh.MaxAccess {
			return tokens.Pair{}, a.unworkable(r, errKeyTooLong)
		}
		return p, err
	}
	enter := func() (tokens.Pair, error) { return a.tokens.Refresh(a.located(r), refresh) }
	if refresh.Check() != nil { // a malformed request is rejected before anything is counted
		return enter()
	}
	return attemptSecrets(a, r, presented{
		clientID: refresh.ClientID, clientSecret: refresh.ClientSecret, token: refresh.Token,
	}, enter)
}

func (a *Auth) exchangeKey(r *http.Request, key tokens.KeyRequest) (tokens.Pair, error) {
	enter := func() (tokens.Pair, error) { return a.tokens.ExchangeKey(a.located(r), key) }
	if key.Check() != nil { // a malformed request is rejected before anything is counted
		return enter()
	}
	return attemptSecrets(a, r, presented{clientID: key.ClientID, clientSecret: key.ClientSecret, token: key.Key}, enter)
}
