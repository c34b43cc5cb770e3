package middleware

import (
	"net/http"

	"github.com/sallyport-go/sallyport/tokens"
)

// CheckRevoke is the revocation endpoint of RFC 7009: it ends the session of a
// refresh token or an access token, or an API key; see [tokens.Authority.Revoke].
// It is committed when CheckRevoke returns nil. A token that opens nothing, or is
// another client's, is no error. The token_type_hint is not needed, and not read.
func (a *Auth) CheckRevoke(r *http.Request) error {
	p, err := a.params(r, OAuth2{}.Accepts())
	if err != nil {
		return err
	}
	c, err := p.client()
	if err != nil {
		return err
	}
	token := p.Get("token")
	if token == "" {
		return missing("token")
	}
	stakes, err := a.clientStakes(r, c)
	if err != nil {
		return err
	}
	_, err = attempt(a, r, stakes, func() (struct{}, error) {
		return struct{}{}, a.tokens.Revoke(a.located(r), tokens.RevokeRequest{
			Token: tokens.Secret(token), ClientID: c.id, ClientSecret: c.secret,
		})
	})
	return err
}

// Revoke answers what CheckRevoke decides, in RFC 7009's words.
func (a *Auth) Revoke(w http.ResponseWriter, r *http.Request) {
	if err := a.CheckRevoke(r); err != nil {
		a.Speaking(OAuth2{}).Refused(RouteToken, err).Write(w)
		return
	}
	a.Revoked().Write(w)
}

// Revoked is the answer of RFC 7009 §2.2: 200. What is in its body does not
// matter to the RFC; there are clients that cannot read an answer without JSON.
func (*Auth) Revoked() Answer { return noCache(answer(http.StatusOK, mediaJSON, struct{}{})) }
