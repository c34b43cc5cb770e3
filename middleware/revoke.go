package middleware

import (
	"errors"
	"net/http"

	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/tokens"
)

// CheckRevoke is the revocation endpoint of RFC 7009: it ends the session of a
// refresh token or an access token, or an API key; see [tokens.Authority.Revoke].
// It is committed when CheckRevoke returns nil, and runs to its end also if the
// client disconnects, as CheckLogout does. An invalid token, or one of
// another client, is no error. The token_type_hint is not needed, and not read.
//
// own reports whether the session that has ended is that of the request's
// cookies, where there are Config.Cookies: then the answer clears them, as that
// of a logout does.
func (a *Auth) CheckRevoke(r *http.Request) (own bool, err error) {
	p, err := a.params(r, standard)
	if err != nil {
		return false, err
	}
	r = undisturbed(r)
	c, err := p.Client()
	if err != nil {
		return false, err
	}
	token := p.Get("token")
	if token == "" {
		return false, p.Explain(wire.Missing("token"))
	}
	revoke := tokens.RevokeRequest{Token: tokens.Secret(token), ClientID: c.ID, ClientSecret: c.Secret, ClientAsSent: c.AsSent}
	if err := revoke.Check(); err != nil { // what is malformed is refused before anything is counted
		return false, err
	}
	sid, err := attemptSecrets(a, r, presented{clientID: c.ID, clientSecret: c.Secret, token: revoke.Token}, func() (string, error) {
		sid, err := a.tokens.Revoke(a.located(r), revoke)
		if err == nil && sid == "" {
			err = errNothing
		}
		return sid, err
	})
	if errors.Is(err, errNothing) {
		return false, nil
	}
	return err == nil && a.hasCookiesOf(r, sid), err
}

// Revoke answers what CheckRevoke decides, as RFC 7009 specifies.
func (a *Auth) Revoke(w http.ResponseWriter, r *http.Request) {
	own, err := a.CheckRevoke(r)
	if err != nil {
		a.WithDialect(wire.OAuth2{}).refused(w, r, wire.RouteToken, err)
		return
	}
	a.Revoked(own).Write(w)
}

// Revoked is the answer of RFC 7009 §2.2: 200. What is in its body does not
// matter to the RFC; there are clients that cannot read an answer without JSON. It
// clears the cookies, where there are Config.Cookies, if the session was the
// caller's own.
func (a *Auth) Revoked(own bool) wire.Answer {
	return a.forgetting(wire.JSON(http.StatusOK, struct{}{}).NoCache(), own)
}
