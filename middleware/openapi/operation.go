package openapi

import (
	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/wire"
)

// Operation is a handler of an Auth, by the name of its method. The zero Operation is a
// handler of the host's own.
type Operation string

// The operations.
const (
	Login            Operation = "login"
	CompleteLogin    Operation = "completeLogin"
	Refresh          Operation = "refresh"
	Logout           Operation = "logout"
	LogoutEverywhere Operation = "logoutEverywhere"
	Token            Operation = "token"
	Revoke           Operation = "revoke"
	Introspect       Operation = "introspect"
	Sessions         Operation = "sessions"
	EndSession       Operation = "endSession"
	EndOtherSessions Operation = "endOtherSessions"
	APIKeys          Operation = "apiKeys"
	CreateAPIKey     Operation = "createAPIKey"
	ReplaceAPIKey    Operation = "replaceAPIKey"
	RevokeAPIKey     Operation = "revokeAPIKey"
	Quota            Operation = "quota"
	JWKS             Operation = "jwks"
	Metadata         Operation = "metadata"
)

// Guard is the middleware of an Auth in front of a handler.
type Guard int

const (
	// NoGuard means that there is none.
	NoGuard Guard = iota

	// Bearer is the middleware Bearer.
	Bearer

	// OptionalBearer is the middleware OptionalBearer.
	OptionalBearer

	// Limit is the middleware Limit alone, for callers who have a tier "anonymous".
	Limit

	// Protect is the middleware Protect.
	Protect

	// OptionalProtect is OptionalBearer, then Limit.
	OptionalProtect
)

// need says whether a request needs something.
type need int

const (
	not need = iota
	optional
	required
)

// bearer returns whether an access token is needed.
func (g Guard) bearer() need {
	switch g {
	case Bearer, Protect:
		return required
	case OptionalBearer, OptionalProtect:
		return optional
	}
	return not
}

// limits reports whether requests are counted.
func (g Guard) limits() bool { return g == Limit || g == Protect || g == OptionalProtect }

// handler is what is known of an Operation before an Auth is asked.
type handler struct {
	method  string
	summary string
	route   wire.Route

	// standard means that answers are those of RFC 6749, whatever the wire format.
	standard bool

	// free means that no Authority is needed.
	free bool

	// lacks says what the Auth lacks to serve it. Nil: nothing.
	lacks func(middleware.Description) string

	// describe describes its requests and answers.
	describe func(*spec)
}

// operations has each Operation. init would be a cycle without the function.
var operations = func() map[Operation]handler {
	lacksKeys := func(d middleware.Description) string {
		return lacking(d.ExchangesKeys, "APIKeys in the Config of Tokens")
	}
	return map[Operation]handler{
		"":               {route: wire.RouteAPI, free: true, describe: (*spec).own},
		Login:            {method: "POST", summary: "Log in", route: wire.RouteLogin, lacks: lacksClient, describe: (*spec).login},
		CompleteLogin:    {method: "POST", summary: "Complete a login with a second factor", route: wire.RouteLogin, lacks: lacksFactor, describe: (*spec).completeLogin},
		Refresh:          {method: "POST", summary: "Refresh the access token", route: wire.RouteRefresh, lacks: lacksClient, describe: (*spec).renew},
		Logout:           {method: "POST", summary: "Log out", route: wire.RouteLogout, describe: (*spec).logout},
		LogoutEverywhere: {method: "POST", summary: "End all sessions of the user", route: wire.RouteLogout, describe: (*spec).logoutEverywhere},
		Token:            {method: "POST", summary: "Get an access token (RFC 6749)", route: wire.RouteToken, standard: true, describe: (*spec).token},
		Revoke:           {method: "POST", summary: "Revoke a token (RFC 7009)", route: wire.RouteToken, standard: true, describe: (*spec).revoke},
		Introspect:       {method: "POST", summary: "Introspect a token (RFC 7662)", route: wire.RouteToken, standard: true, lacks: lacksIntrospection, describe: (*spec).introspect},
		Sessions:         {method: "GET", summary: "List the user's sessions", route: wire.RouteAPI, describe: (*spec).sessions},
		EndSession:       {method: "DELETE", summary: "End a session of the user", route: wire.RouteAPI, describe: (*spec).endSession},
		EndOtherSessions: {method: "DELETE", summary: "End the user's other sessions", route: wire.RouteAPI, describe: (*spec).endOtherSessions},
		APIKeys:          {method: "GET", summary: "List the user's API keys", route: wire.RouteAPI, lacks: lacksKeys, describe: (*spec).apiKeys},
		CreateAPIKey:     {method: "POST", summary: "Create an API key", route: wire.RouteAPI, lacks: lacksKeys, describe: (*spec).createAPIKey},
		ReplaceAPIKey:    {method: "POST", summary: "Create an API key in the place of another", route: wire.RouteAPI, lacks: lacksKeys, describe: (*spec).replaceAPIKey},
		RevokeAPIKey:     {method: "DELETE", summary: "Revoke an API key", route: wire.RouteAPI, lacks: lacksKeys, describe: (*spec).revokeAPIKey},
		Quota:            {method: "GET", summary: "Read the caller's quota", route: wire.RouteAPI, free: true, describe: (*spec).quota},
		JWKS:             {method: "GET", summary: "Get the public keys (RFC 7517)", route: wire.RouteAPI, describe: (*spec).jwks},
		Metadata:         {method: "GET", summary: "Get the metadata (RFC 8414)", route: wire.RouteAPI, lacks: lacksMetadata, describe: (*spec).metadata},
	}
}()

// lacking says what an Auth must have, if it has not.
func lacking(has bool, what string) string {
	if has {
		return ""
	}
	return "must be one that the Auth can serve: it needs " + what
}

func lacksClient(d middleware.Description) string {
	return lacking(!d.NeedsClient || !d.Dialect.Accepts().NoClient, "a wire format that names clients, or a DefaultClient")
}

func lacksFactor(d middleware.Description) string {
	return lacking(d.CompletesLogins, "a SecondFactor in the Config of Tokens")
}

func lacksIntrospection(d middleware.Description) string {
	return lacking(d.Introspects, "MayIntrospect")
}

func lacksMetadata(d middleware.Description) string { return lacking(d.Publishes, "Endpoints") }
