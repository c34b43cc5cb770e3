package middleware

import (
	"net/http"
	"slices"

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
	name := p.Get("grant_type")
	if name == "" {
		return tokens.Pair{}, a.told(r, "Token", p.Explain(wire.Missing("grant_type")))
	}
	grant, err := a.readGrant(p, name)
	if err != nil {
		return tokens.Pair{}, a.told(r, "Token", err)
	}
	return grant(r)
}

// readGrant reads the parameters of a grant type, and returns what grants it.
func (a *Auth) readGrant(p *wire.Params, name string) (grant func(*http.Request) (tokens.Pair, error), err error) {
	switch {
	case !a.servesGrant(name):
		return nil, wire.NewError(wire.ReasonGrantType, nil)
	case name == tokens.GrantPassword:
		login, err := p.PasswordGrant()
		return func(r *http.Request) (tokens.Pair, error) { return a.login(r, login) }, err
	case name == tokens.GrantExchange:
		key, err := p.ExchangeGrant(a.tokens.Audience())
		return func(r *http.Request) (tokens.Pair, error) { return a.exchangeKey(r, key) }, err
	}
	refresh, err := p.RefreshGrant()
	return func(r *http.Request) (tokens.Pair, error) { return a.exchange(r, refresh, false) }, err
}

// servesGrant reports whether Token serves a grant type.
func (a *Auth) servesGrant(name string) bool {
	switch name {
	case tokens.GrantPassword:
		return a.passwordGrant
	case tokens.GrantExchange:
		return a.tokens.ExchangesKeys()
	}
	return name == tokens.GrantRefresh
}

// grantTypes returns the grant types that Token serves.
func (a *Auth) grantTypes() []string {
	return slices.DeleteFunc([]string{tokens.GrantRefresh, tokens.GrantPassword, tokens.GrantExchange}, func(name string) bool { return !a.servesGrant(name) })
}

// Token is a handler that writes the tokens of CheckToken, as RFC 6749 §5
// specifies.
func (a *Auth) Token(w http.ResponseWriter, r *http.Request) {
	p, err := a.CheckToken(r)
	a.WithDialect(wire.OAuth2{}).WithoutCookies().grant(w, r, wire.RouteToken, p, err)
}
