package middleware

import (
	"errors"
	"net/http"

	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/tokens"
)

// CheckRevoke is the revocation endpoint of RFC 7009: it ends the session of a
// refresh token or an access token, or an API key; see [tokens.Authority.Revoke].
// When it returns nil, the revocation is committed. It completes even if the
// client disconnects. An invalid token, or one of another client, is not an
// error. The token_type_hint is not needed, and not read.
//
// own reports whether the session that has ended is that of the request's
// cookies, if there are Config.Cookies: then the response clears them, as that of
// a logout does.
func (a *Auth) CheckRevoke(r *http.Request) (own bool, err error) {
	own, err = a.checkRevoke(r)
	return own, a.told(r, "Revoke", err)
}

func (a *Auth) checkRevoke(r *http.Request) (own bool, err error) {
	p, err := a.params(r, standard)
	if err != nil {
		return false, err
	}
	r = undisturbed(r)
	revoke, err := readRevoke(p)
	if err != nil {
		return false, p.Explain(err)
	}
	if err := revoke.Check(); err != nil { // a malformed request is rejected before anything is counted
		return false, err
	}
	sid, err := attemptSecrets(a, r, presented{clientID: revoke.ClientID, clientSecret: revoke.ClientSecret, token: revoke.Token}, func() (string, error) {
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

// readRevoke reads the parameters of RFC 7009 §2.1.
func readRevoke(p *wire.Params) (tokens.RevokeRequest, error) {
	c, err := p.Client()
	if err != nil {
		return tokens.RevokeRequest{}, err
	}
	token := p.Get("token")
	if token == "" {
		return tokens.RevokeRequest{}, wire.Missing("token")
	}
	return tokens.RevokeRequest{Token: tokens.Secret(token), ClientID: c.ID, ClientSecret: c.Secret, ClientAsSent: c.AsSent}, nil
}

// Revoke is a handler that revokes the token of CheckRevoke, as RFC 7009 §2.2
// specifies.
func (a *Auth) Revoke(w http.ResponseWriter, r *http.Request) {
	own, err := a.CheckRevoke(r)
	if err != nil {
		a.WithDialect(wire.OAuth2{}).refused(w, r, wire.RouteToken, err)
		return
	}
	a.Revoked(own).Write(w)
}

// Revoked returns the response of RFC 7009 §2.2: 200. Its body is an empty JSON
// object, because some clients cannot read a response without JSON. If own is
// true, it clears the cookies of Config.Cookies.
func (a *Auth) Revoked(own bool) wire.Answer {
	return a.forgetting(wire.JSON(http.StatusOK, struct{}{}).NoCache(), own)
}
