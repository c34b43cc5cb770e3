package echov4

import (
	"github.com/labstack/echo/v4"

	"github.com/sallyport-go/sallyport/middleware/wire"
)

// Revoke answers what middleware.Auth.CheckRevoke decides.
func (a *Auth) Revoke(c echo.Context) error {
	own, err := a.door.CheckRevoke(c.Request())
	return a.standard(c, err, func() wire.Answer { return a.door.Revoked(own) })
}

// Introspect answers what middleware.Auth.CheckIntrospect decides.
func (a *Auth) Introspect(c echo.Context) error {
	i, err := a.door.CheckIntrospect(c.Request())
	return a.standard(c, err, func() wire.Answer { return a.door.Introspected(i) })
}

// Sessions answers what middleware.Auth.CheckSessions decides.
func (a *Auth) Sessions(c echo.Context) error {
	list, err := a.door.CheckSessions(c.Request())
	return a.own(c, err, func() wire.Answer { return a.door.SessionsListed(list) })
}

// EndSession answers what middleware.Auth.CheckEndSession decides; the ID is the
// path parameter "id".
func (a *Auth) EndSession(c echo.Context) error {
	own, err := a.door.CheckEndSession(c.Request(), c.Param("id"))
	return a.own(c, err, func() wire.Answer { return a.door.SessionEnded(own) })
}

// EndOtherSessions answers what middleware.Auth.CheckEndOtherSessions decides.
func (a *Auth) EndOtherSessions(c echo.Context) error {
	return a.own(c, a.door.CheckEndOtherSessions(c.Request()), a.door.Done)
}

// APIKeys answers what middleware.Auth.CheckAPIKeys decides.
func (a *Auth) APIKeys(c echo.Context) error {
	keys, err := a.door.CheckAPIKeys(c.Request())
	return a.own(c, err, func() wire.Answer { return a.door.APIKeysListed(keys) })
}

// CreateAPIKey answers what middleware.Auth.CheckCreateAPIKey decides.
func (a *Auth) CreateAPIKey(c echo.Context) error {
	k, err := a.door.CheckCreateAPIKey(c.Request())
	return a.own(c, err, func() wire.Answer { return a.door.APIKeyCreated(k) })
}

// RevokeAPIKey answers what middleware.Auth.CheckRevokeAPIKey decides; the ID is
// the path parameter "id".
func (a *Auth) RevokeAPIKey(c echo.Context) error {
	return a.own(c, a.door.CheckRevokeAPIKey(c.Request(), c.Param("id")), a.door.Done)
}

// own answers on a route of the user's own things.
func (a *Auth) own(c echo.Context, err error, answer func() wire.Answer) error {
	if err != nil {
		return a.refuse(c, a.door, wire.RouteAPI, err)
	}
	answer().Write(c.Response())
	return nil
}

// standard answers on a route that the standard has, in its words.
func (a *Auth) standard(c echo.Context, err error, answer func() wire.Answer) error {
	if err != nil {
		return a.refuse(c, a.door.WithDialect(wire.OAuth2{}), wire.RouteToken, err)
	}
	answer().Write(c.Response())
	return nil
}
