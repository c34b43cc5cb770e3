// Package echov5 adapts package middleware to Echo v5. Its handlers and
// middlewares have the same names and send the same answers as those for net/http.
// For Echo v4 there is package echov4.
//
// Refusals are returned as errors, so that the app's HTTPErrorHandler answers them.
// echo.StatusCode returns the status of a refusal, and errors.As finds the
// *wire.Error in it. Echo's default handler sends the body in the Auth's wire format,
// as net/http does. echo.ProblemDetailsHTTPErrorHandler sends a problem document with
// the description as its detail, in every wire format.
//
// A handler that looks for an *echo.HTTPError with errors.As finds one whose Code is
// the status and whose Message is the description. Neither names the cause.
//
// The headers of the refusal are set before the error is returned, except
// Content-Type. The error is a json.Marshaler: a handler that writes it with
// Context.JSON sends the same body as net/http, with the right Content-Type. A handler
// that writes another body keeps its own.
//
// Echo's ContextTimeout replaces each error whose cause is a deadline by its own 503,
// that of a store that was too slow among them. Set its ErrorHandler to keep the body.
package echov5

import (
	"net/http"
	"net/netip"
	"time"

	"github.com/labstack/echo/v5"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/internal/adapter"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/tokens"
)

// Auth is a middleware.Auth for an Echo app. Create it with [New]. It is safe for
// concurrent use.
type Auth struct {
	core adapter.Auth[*echo.Context, echo.HandlerFunc, http.ResponseWriter]
}

// New returns an Auth for an Echo app, with the decisions and responses of auth.
func New(auth *middleware.Auth) *Auth {
	return &Auth{adapter.New[*echo.Context, echo.HandlerFunc](auth, refused, echo.StatusCode)}
}

// WithContextKey returns an Auth that also sets the principal in the echo.Context
// under a key, for apps whose handlers look there: c.Get(key) is a
// tokens.Principal.
func (a *Auth) WithContextKey(key string) *Auth { return &Auth{a.core.WithContextKey(key)} }

// ClientIP converts an echo.IPExtractor to the ClientIP of a middleware.Config.
// Pass the app's e.IPExtractor after you have set it: echo.ExtractIPDirect() for
// clients that connect to the server directly. ClientIP of nil is nil, which
// middleware.New rejects.
func ClientIP(extract echo.IPExtractor) func(*http.Request) (netip.Addr, error) {
	if extract == nil {
		return nil
	}
	return func(r *http.Request) (netip.Addr, error) { return netip.ParseAddr(extract(r)) }
}

// Principal returns the principal of the request, which Bearer, OptionalBearer or
// Protect put into its context. It returns false if there is none.
func Principal(c *echo.Context) (tokens.Principal, bool) {
	return tokens.PrincipalFrom(c.Request().Context())
}

// ErrorHandler returns an HTTPErrorHandler that writes a refusal as net/http does, and
// passes every other error to next. Set it, with the app's own handler as next, if many
// requests are refused:
//
//	e.HTTPErrorHandler = echov5.ErrorHandler(e.HTTPErrorHandler)
//
// Echo's default handler sends the same status, headers and document. It encodes the
// document with each request, which costs several times as much as all else.
//
// A refusal that a middleware has wrapped in another error is passed to next, and so is
// one whose response has been begun.
func ErrorHandler(next echo.HTTPErrorHandler) echo.HTTPErrorHandler {
	return func(c *echo.Context, err error) {
		if r, ok := err.(refusal); ok { //nolint:errorlint // see above
			if begun, _ := echo.UnwrapResponse(c.Response()); begun == nil || !begun.Committed {
				r.Write(c.Response(), c.Request())
				return
			}
		}
		next(c, err)
	}
}

// Login is a handler that logs a user in: see [middleware.Auth.CheckLogin].
func (a *Auth) Login(c *echo.Context) error { return a.core.Login(c) }

// CompleteLogin is a handler that completes a login with a second factor: see
// [middleware.Auth.CheckCompleteLogin].
func (a *Auth) CompleteLogin(c *echo.Context) error { return a.core.CompleteLogin(c) }

// SignIn answers with the tokens of a user whom the host has authenticated itself, for
// the host's own handlers: see [middleware.Auth.CheckSignIn].
func (a *Auth) SignIn(c *echo.Context, s tokens.SignInRequest) error { return a.core.SignIn(c, s) }

// Refresh is a handler that exchanges a refresh token for a new pair: see
// [middleware.Auth.CheckRefresh].
func (a *Auth) Refresh(c *echo.Context) error { return a.core.Refresh(c) }

// Token is the handler of the token endpoint of RFC 6749 §3.2: see
// [middleware.Auth.CheckToken].
func (a *Auth) Token(c *echo.Context) error { return a.core.Token(c) }

// Logout is a handler that ends a session: see [middleware.Auth.CheckLogout].
func (a *Auth) Logout(c *echo.Context) error { return a.core.Logout(c) }

// LogoutEverywhere is a handler that ends all sessions of the user: see
// [middleware.Auth.CheckLogoutEverywhere].
func (a *Auth) LogoutEverywhere(c *echo.Context) error { return a.core.LogoutEverywhere(c) }

// Revoke is the handler of the revocation endpoint of RFC 7009: see
// [middleware.Auth.CheckRevoke].
func (a *Auth) Revoke(c *echo.Context) error { return a.core.Revoke(c) }

// Introspect is the handler of the introspection endpoint of RFC 7662: see
// [middleware.Auth.CheckIntrospect].
func (a *Auth) Introspect(c *echo.Context) error { return a.core.Introspect(c) }

// JWKS is a handler that publishes the public keys as a JWK Set (RFC 7517 §5):
// see [middleware.Auth.CheckJWKS].
func (a *Auth) JWKS(c *echo.Context) error { return a.core.JWKS(c) }

// Metadata is a handler that publishes the metadata of RFC 8414: see
// [middleware.Auth.CheckMetadata]. Mount it at the path of
// middleware.MetadataPath.
func (a *Auth) Metadata(c *echo.Context) error { return a.core.Metadata(c) }

// Sessions is a handler that lists the sessions of the user: see
// [middleware.Auth.CheckSessions].
func (a *Auth) Sessions(c *echo.Context) error { return a.core.Sessions(c) }

// EndSession is a handler that ends one session of the user: see
// [middleware.Auth.CheckEndSession]. Its ID is the path parameter "id" or, if the
// route has none, the last segment of the path.
func (a *Auth) EndSession(c *echo.Context) error { return a.core.EndSession(c) }

// EndOtherSessions is a handler that ends all other sessions of the user: see
// [middleware.Auth.CheckEndOtherSessions].
func (a *Auth) EndOtherSessions(c *echo.Context) error { return a.core.EndOtherSessions(c) }

// APIKeys is a handler that lists the API keys of the user: see
// [middleware.Auth.CheckAPIKeys].
func (a *Auth) APIKeys(c *echo.Context) error { return a.core.APIKeys(c) }

// CreateAPIKey is a handler that creates an API key for the user: see
// [middleware.Auth.CheckCreateAPIKey].
func (a *Auth) CreateAPIKey(c *echo.Context) error { return a.core.CreateAPIKey(c) }

// ReplaceAPIKey is a handler that creates an API key in the place of one of the user's:
// see [middleware.Auth.CheckReplaceAPIKey]. Its ID is as that of RevokeAPIKey.
func (a *Auth) ReplaceAPIKey(c *echo.Context) error { return a.core.ReplaceAPIKey(c) }

// RevokeAPIKey is a handler that ends an API key of the user: see
// [middleware.Auth.CheckRevokeAPIKey]. Its ID is the path parameter "id" or, if
// the route has none, the last segment of the path.
func (a *Auth) RevokeAPIKey(c *echo.Context) error { return a.core.RevokeAPIKey(c) }

// Quota is a handler that writes the quota of the caller: see
// [middleware.Auth.CheckQuota]. Mount it behind Bearer or OptionalBearer, and not
// behind Limit.
func (a *Auth) Quota(c *echo.Context) error { return a.core.Quota(c) }

// Bearer is a middleware that serves requests with a valid access token, with the
// principal in their context: see [middleware.Auth.Bearer]. It returns the error
// of any other request.
func (a *Auth) Bearer(next echo.HandlerFunc) echo.HandlerFunc { return a.core.Bearer(next) }

// OptionalBearer is a middleware that serves requests with a valid access token
// as Bearer does, and requests without one as anonymous: see
// [middleware.Auth.OptionalBearer].
func (a *Auth) OptionalBearer(next echo.HandlerFunc) echo.HandlerFunc {
	return a.core.OptionalBearer(next)
}

// Limit is a middleware that counts requests, sets headers with the quota, and
// rejects the requests that are over a limit: see [middleware.Auth.Limit].
func (a *Auth) Limit(next echo.HandlerFunc) echo.HandlerFunc { return a.core.Limit(next) }

// Protect is a middleware: Bearer, then Limit. Most routes need it.
func (a *Auth) Protect(next echo.HandlerFunc) echo.HandlerFunc { return a.core.Protect(next) }

// LimitBy returns a middleware that counts requests with a Limiter of
// [middleware.Auth.Limits] of the same Auth, for a route with limits of its own.
// Mount it behind Bearer or Protect.
func (a *Auth) LimitBy(l *ratelimit.Limiter) echo.MiddlewareFunc { return a.core.LimitBy(l) }

// RequireScope returns a middleware that serves requests whose principal has all
// the scopes: see [middleware.Auth.RequireScope]. Mount it behind Bearer or
// Protect.
func (a *Auth) RequireScope(scopes ...string) echo.MiddlewareFunc {
	return a.core.RequireScope(scopes...)
}

// RequireRecentLogin returns a middleware that serves requests whose user was
// authenticated recently: see [middleware.Auth.RequireRecentLogin]. Mount it behind
// Bearer or Protect.
func (a *Auth) RequireRecentLogin(maxAge time.Duration, classes ...string) echo.MiddlewareFunc {
	return a.core.RequireRecentLogin(maxAge, classes...)
}

// refusal is a refusal as an error. It is not an *echo.HTTPError, which has no place
// for a body.
type refusal struct{ *adapter.Refusal }

func refused(r *adapter.Refusal) error { return refusal{r} }

// Error names the cause, as that of an *echo.HTTPError does.
func (r refusal) Error() string { return r.Cause.Error() }

// StatusCode makes refusal an echo.HTTPStatusCoder.
func (r refusal) StatusCode() int { return r.Status }

// ProblemError makes refusal an echo.ProblemErrorer.
func (r refusal) ProblemError() *echo.ProblemError {
	return &echo.ProblemError{Status: r.Status, Detail: r.String()}
}

// Unwrap returns an *echo.HTTPError too, for handlers that know no other error.
func (r refusal) Unwrap() []error {
	return []error{r.Cause, echo.NewHTTPError(r.Status, r.String())}
}
