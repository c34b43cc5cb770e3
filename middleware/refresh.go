package middleware

import (
	"errors"
	"net/http"

	"github.com/sallyport-go/sallyport/tokens"
)

// CheckRefresh reads a refresh token in the Auth's dialect and exchanges it for
// a new pair, or an API key for an access token where the dialect has them in
// the same place. An Authorization: Bearer is of no concern here: it is expired,
// as a rule.
func (a *Auth) CheckRefresh(r *http.Request) (tokens.Pair, error) {
	accepts := a.dialect.Accepts()
	p, err := a.params(r, accepts)
	if err != nil {
		return tokens.Pair{}, err
	}
	refresh, err := a.dialect.ReadRefresh(p)
	if err != nil {
		return tokens.Pair{}, err
	}
	if accepts.APIKeys && a.tokens.IsAPIKey(refresh.Token) {
		return a.guessed(r, func() (tokens.Pair, error) {
			return a.tokens.ExchangeKey(a.located(r), tokens.KeyRequest{
				Key: refresh.Token, ClientID: refresh.ClientID, ClientSecret: refresh.ClientSecret, Scopes: refresh.Scopes,
			})
		})
	}
	return a.refresh(r, refresh)
}

// refresh exchanges a token. One that is ours costs nothing, whatever becomes of
// it: nobody guesses 256 bits, and it would be for others at the same address to
// spend.
func (a *Auth) refresh(r *http.Request, refresh tokens.RefreshRequest) (tokens.Pair, error) {
	exchange := func() (tokens.Pair, error) { return a.tokens.Refresh(a.located(r), refresh) }
	if a.tokens.IsRefreshToken(refresh.Token) {
		return exchange()
	}
	return a.guessed(r, exchange)
}

// guessed does with a token what is to be done, unless there were too many that
// opened nothing.
func (a *Auth) guessed(r *http.Request, exchange func() (tokens.Pair, error)) (tokens.Pair, error) {
	attempt, err := a.attemptToken(r)
	if err != nil {
		return tokens.Pair{}, err
	}
	p, err := exchange()
	switch {
	case err == nil:
		attempt.won()
	case errors.Is(err, tokens.ErrInvalidKey), errors.Is(err, tokens.ErrInvalidRefresh), r.Context().Err() != nil:
	default:
		attempt.void()
	}
	return p, err
}

// Refresh answers what CheckRefresh decides.
func (a *Auth) Refresh(w http.ResponseWriter, r *http.Request) {
	p, err := a.CheckRefresh(r)
	a.grant(w, RouteRefresh, p, err)
}
