package middleware

import (
	"net/http"

	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/tokens"
)

// CheckToken is the token endpoint of RFC 6749 §3.2, whatever the Auth's wire
// format: grant_type=refresh_token (§6), password (§4.3) if Config.PasswordGrant
// is set, and the token exchange of RFC 8693 if the Authority has API keys: the
// API key is the subject_token, and tokens.TokenTypeAPIKey its type. Failed
// attempts are limited by Config.BruteForce.
//
// It returns a wire.Error for a malformed request or another grant type, and the
// errors of package tokens.
func (a *Auth) CheckToken(r *http.Request) (tokens.Pair, error) {
	p, err := a.params(r, standard)
	if err != nil {
		return tokens.Pair{}, a.told(r, "Token", err)
	}
	var grant func() (tokens.Pair, error)
	switch name := p.Get("grant_type"); {
	case name == "":
		err = p.Explain(wire.Missing("grant_type"))
	case name == "refresh_token":
		var refresh tokens.RefreshRequest
		refresh, err = p.RefreshGrant()
		grant = func() (tokens.Pair, error) { return a.exchange(r, refresh, false) }
	case name == "password" && a.passwordGrant:
		var login tokens.LoginRequest
		login, err = p.PasswordGrant()
		grant = func() (tokens.Pair, error) { return a.login(r, login) }
	case name == tokens.GrantExchange && a.tokens.ExchangesKeys():
		var key tokens.KeyRequest
		key, err = p.ExchangeGrant(a.tokens.Audience())
		grant = func() (tokens.Pair, error) { return a.exchangeKey(r, key) }
	default:
		err = wire.NewError(wire.ReasonGrantType, nil)
	}
	if err != nil {
		return tokens.Pair{}, a.told(r, "Token", err)
	}
	return grant()
}

// Token is a handler that writes the tokens of CheckToken, as RFC 6749 §5
// specifies.
func (a *Auth) Token(w http.ResponseWriter, r *http.Request) {
	p, err := a.CheckToken(r)
	a.WithDialect(wire.OAuth2{}).WithoutCookies().grant(w, r, wire.RouteToken, p, err)
}
