package simplejwt

import (
	"net/http"
	"strings"

	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/tokens"
)

// dialect is the wire format of simplejwt's clients. It reads as wire.Lexik does, with
// other names.
type dialect struct{ wire.Lexik }

func newDialect() dialect {
	return dialect{wire.Lexik{Username: "username", Password: "password", RefreshTokens: true}}
}

// ReadRefresh reads "refresh".
func (dialect) ReadRefresh(p *wire.Params) (tokens.RefreshRequest, error) {
	token := strings.TrimSpace(p.Get("refresh"))
	if token == "" {
		return tokens.RefreshRequest{}, wire.Missing("refresh")
	}
	return tokens.RefreshRequest{Token: tokens.Secret(token)}, nil
}

// ReadLogout reads "refresh", which is required.
func (d dialect) ReadLogout(p *wire.Params) (tokens.RefreshRequest, bool, error) {
	r, err := d.ReadRefresh(p)
	return r, err == nil, err
}

// Granted returns "access", and "refresh" if there is one.
func (dialect) Granted(p tokens.Pair) wire.Answer {
	return wire.JSON(http.StatusOK, struct {
		Refresh string `json:"refresh,omitempty"`
		Access  string `json:"access"`
	}{string(p.RefreshToken), string(p.AccessToken)})
}

// Refused has the words of simplejwt, with one for all reasons for which a token is
// refused.
func (d dialect) Refused(route wire.Route, realm string, e *wire.Error) wire.Answer {
	a := d.Lexik.Refused(route, realm, e)
	if a.Status == http.StatusUnauthorized && a.Header.Get("WWW-Authenticate") == "" {
		a.Header.Set("WWW-Authenticate", `Bearer realm="`+realm+`"`)
	}
	a.Body = wire.JSON(a.Status, said(route, a.Status, e)).Body
	return a
}

func said(route wire.Route, status int, e *wire.Error) any {
	type detail map[string]any
	switch {
	case e.Reason == wire.ReasonMissing && len(e.Fields) > 0:
		return detail{e.Fields[0].Name: []string{"This field is required."}}
	case status != http.StatusUnauthorized:
		return detail{"detail": e.Description}
	case route == wire.RouteLogin:
		return detail{"detail": "No active account found with the given credentials"}
	case e.Reason == wire.ReasonNoBearer:
		return detail{"detail": "Authentication credentials were not provided."}
	case route == wire.RouteAPI:
		return detail{
			"detail": "Given token not valid for any token type", "code": "token_not_valid",
			"messages": []detail{{"token_class": "AccessToken", "token_type": "access", "message": "Token is invalid or expired"}},
		}
	}
	return detail{"detail": "Token is invalid or expired", "code": "token_not_valid"}
}
