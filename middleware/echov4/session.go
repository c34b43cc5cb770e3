package echov4

import (
	"github.com/labstack/echo/v4"

	"github.com/sallyport-go/sallyport/middleware/wire"
)

// Revoke answers what middleware.Auth.CheckRevoke decides.
func (a *Auth) Revoke(c echo.Context) error {
	own, err := a.auth.CheckRevoke(c.Request())
	return a.standard(c, err, func() wire.Answer { return a.auth.Revoked(own) })
}

// Introspect answers what middleware.Auth.CheckIntrospect decides.
func (a *Auth) Introspect(c echo.Context) error {
	i, err := a.auth.CheckIntrospect(c.Request())
	return a.standard(c, err, func() wire.Answer { return a.auth.Introspected(i) })
}

// Sessions answers what middleware.Auth.CheckSessions decides.
func (a *Auth) Sessions(c echo.Context) error {
	list, err := a.auth.CheckSessions(c.Request())
	return a.own(c, err, func() wire.Answer { return a.auth.SessionsListed(list) })
}

// EndSession answers what middleware.Auth.CheckEndSession decides; the ID is the
// path parameter "id".
func (a *Auth) EndSession(c echo.Context) error {
	own, err := a.auth.CheckEndSession(c.Request(), c.Param("id"))
	return a.own(c, err, func() wire.Answer { return a.auth.SessionEnded(own) })
}

// EndOtherSessions answers what middleware.Auth.CheckEndOtherSessions decides.
func (a *Auth) EndOtherSessions(c echo.Context) error {
	return a.own(c, a.auth.CheckEndOtherSessions(c.Request()), a.auth.Done)
}

// APIKeys answers what middleware.Auth.CheckAPIKeys decides.
func (a *Auth) APIKeys(c echo.Context) error {
	keys, err := a.auth.CheckAPIKeys(c.Request())
	return a.own(c, err, func() wire.Answer { return a.auth.APIKeysListed(keys) })
}

// CreateAPIKey answers what middleware.Auth.CheckCreateAPIKey decides.
func (a *Auth) CreateAPIKey(c echo.Context) error {
	k, err := a.auth.CheckCreateAPIKey(c.Request())
	return a.own(c, err, func() wire.Answer { return a.auth.APIKeyCreated(k) })
}

// RevokeAPIKey answers what middleware.Auth.CheckRevokeAPIKey decides; the ID is
// the path parameter "id".
func (a *Auth) RevokeAPIKey(c echo.Context) error {
	return a.own(c, a.auth.CheckRevokeAPIKey(c.Request(), c.Param("id")), a.auth.Done)
}

// own answers on a route of the user's own things.
func (a *Auth) own(c echo.Context, err error, answer func() wire.Answer) error {
	if err != nil {
		return a.refuse(c, a.auth, wire.RouteAPI, err)
	}
	answer().Write(c.Response())
	return nil
}

// standard answers on a route that the standard has, in its words.
func (a *Auth) standard(c echo.Context, err error, answer func() wire.Answer) error {
	if err != nil {
		return a.refuse(c, a.auth.WithDialect(wire.OAuth2{}), wire.RouteToken, err)
	}
	answer().Write(c.Response())
	return nil
}
