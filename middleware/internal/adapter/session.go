package adapter

import (
	"github.com/sallyport-go/sallyport/middleware/wire"
)

// Revoke answers what middleware.Auth.CheckRevoke decides.
func (a Auth[C, H, W]) Revoke(c C) error {
	own, err := a.auth.CheckRevoke(c.Request())
	return a.standard(c, err, func() wire.Answer { return a.auth.Revoked(own) })
}

// Introspect answers what middleware.Auth.CheckIntrospect decides.
func (a Auth[C, H, W]) Introspect(c C) error {
	i, err := a.auth.CheckIntrospect(c.Request())
	return a.standard(c, err, func() wire.Answer { return a.auth.Introspected(i) })
}

// Sessions answers what middleware.Auth.CheckSessions decides.
func (a Auth[C, H, W]) Sessions(c C) error {
	list, err := a.auth.CheckSessions(c.Request())
	return a.own(c, err, func() wire.Answer { return a.auth.SessionsListed(list) })
}

// EndSession answers what middleware.Auth.CheckEndSession decides. The ID is the
// path parameter "id" or, if the route has none, the last segment of the path.
func (a Auth[C, H, W]) EndSession(c C) error {
	own, err := a.auth.CheckEndSession(c.Request(), c.Param("id"))
	return a.own(c, err, func() wire.Answer { return a.auth.SessionEnded(own) })
}

// EndOtherSessions answers what middleware.Auth.CheckEndOtherSessions decides.
func (a Auth[C, H, W]) EndOtherSessions(c C) error {
	return a.own(c, a.auth.CheckEndOtherSessions(c.Request()), a.auth.Done)
}

// APIKeys answers what middleware.Auth.CheckAPIKeys decides.
func (a Auth[C, H, W]) APIKeys(c C) error {
	keys, err := a.auth.CheckAPIKeys(c.Request())
	return a.own(c, err, func() wire.Answer { return a.auth.APIKeysListed(keys) })
}

// CreateAPIKey answers what middleware.Auth.CheckCreateAPIKey decides.
func (a Auth[C, H, W]) CreateAPIKey(c C) error {
	k, err := a.auth.CheckCreateAPIKey(c.Request())
	return a.own(c, err, func() wire.Answer { return a.auth.APIKeyCreated(k) })
}

// ReplaceAPIKey answers what middleware.Auth.CheckReplaceAPIKey decides. The ID is as
// that of RevokeAPIKey.
func (a Auth[C, H, W]) ReplaceAPIKey(c C) error {
	k, err := a.auth.CheckReplaceAPIKey(c.Request(), c.Param("id"))
	return a.own(c, err, func() wire.Answer { return a.auth.APIKeyCreated(k) })
}

// RevokeAPIKey answers what middleware.Auth.CheckRevokeAPIKey decides. The ID is
// the path parameter "id" or, if the route has none, the last segment of the path.
func (a Auth[C, H, W]) RevokeAPIKey(c C) error {
	return a.own(c, a.auth.CheckRevokeAPIKey(c.Request(), c.Param("id")), a.auth.Done)
}

// own answers a request for the sessions and keys of its own user.
func (a Auth[C, H, W]) own(c C, err error, answer func() wire.Answer) error {
	return a.answer(c, a.auth, wire.RouteAPI, err, answer)
}

// standard answers in the standard's wire format, whatever the Auth's is.
func (a Auth[C, H, W]) standard(c C, err error, answer func() wire.Answer) error {
	return a.answer(c, a.auth.WithDialect(wire.OAuth2{}), wire.RouteToken, err, answer)
}
