// Package echov4 adapts package middleware to Echo v4. Its handlers and
// middlewares have the same names and send the same answers as those for net/http.
//
// Refusals are returned as errors, so that the app's HTTPErrorHandler answers them.
// Each is an *echo.HTTPError whose Message is the body in the Auth's wire format.
// Echo's default handler sends that body as net/http does. errors.As finds the
// *wire.Error in the error.
//
// The headers of the refusal are set before the error is returned, except
// Content-Type. A handler that writes Message with Context.JSON gets the right
// Content-Type. A handler that writes another body keeps its own.
//
// Message is not a string. For a text use the Description of the *wire.Error.
package echov4

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"

	"github.com/labstack/echo/v4"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/tokens"
)

// Auth is a middleware.Auth for an Echo app. It is safe for concurrent use.
type Auth struct {
	auth *middleware.Auth
	key  string
}

// New returns an Auth for an Echo app, with the decisions and answers of auth.
func New(auth *middleware.Auth) *Auth { return &Auth{auth: auth} }

// WithContextKey returns an Auth that also puts the principal into the echo.Context
// under a key, for apps whose handlers look there: c.Get(key) is a
// tokens.Principal.
func (a *Auth) WithContextKey(key string) *Auth { return &Auth{auth: a.auth, key: key} }

// ClientIP converts an echo.IPExtractor to the ClientIP of a middleware.Config.
// Pass the app's e.IPExtractor. The function does not use echo.Context.RealIP,
// which believes headers of the client if no extractor is set. ClientIP of nil is
// nil, which middleware.New rejects.
func ClientIP(extract echo.IPExtractor) func(*http.Request) (netip.Addr, error) {
	if extract == nil {
		return nil
	}
	return func(r *http.Request) (netip.Addr, error) { return netip.ParseAddr(extract(r)) }
}

// Principal returns the principal of the request, and false if there is none.
func Principal(c echo.Context) (tokens.Principal, bool) {
	return tokens.PrincipalFrom(c.Request().Context())
}

// Login answers what middleware.Auth.CheckLogin decides.
func (a *Auth) Login(c echo.Context) error {
	p, err := a.auth.CheckLogin(c.Request())
	return a.grant(c, a.auth, wire.RouteLogin, p, err)
}

// Refresh answers what middleware.Auth.CheckRefresh decides.
func (a *Auth) Refresh(c echo.Context) error {
	p, err := a.auth.CheckRefresh(c.Request())
	return a.grant(c, a.auth, wire.RouteRefresh, p, err)
}

// Token answers what middleware.Auth.CheckToken decides.
func (a *Auth) Token(c echo.Context) error {
	p, err := a.auth.CheckToken(c.Request())
	return a.grant(c, a.auth.WithDialect(wire.OAuth2{}).WithoutCookies(), wire.RouteToken, p, err)
}

// Logout answers what middleware.Auth.CheckLogout decides.
func (a *Auth) Logout(c echo.Context) error {
	ended, err := a.auth.CheckLogout(c.Request())
	return a.loggedOut(c, ended, err)
}

// LogoutEverywhere answers what middleware.Auth.CheckLogoutEverywhere decides.
func (a *Auth) LogoutEverywhere(c echo.Context) error {
	err := a.auth.CheckLogoutEverywhere(c.Request())
	return a.loggedOut(c, err == nil, err)
}

// JWKS answers what middleware.Auth.CheckJWKS decides.
func (a *Auth) JWKS(c echo.Context) error {
	answer, err := a.auth.CheckJWKS(c.Request())
	return a.published(c, answer, err)
}

// Metadata answers what middleware.Auth.CheckMetadata decides. Mount it at
// middleware.MetadataPath.
func (a *Auth) Metadata(c echo.Context) error {
	answer, err := a.auth.CheckMetadata(c.Request())
	return a.published(c, answer, err)
}

// Bearer is middleware.Auth.Bearer.
func (a *Auth) Bearer(next echo.HandlerFunc) echo.HandlerFunc {
	return a.identified(next, a.auth.CheckBearer)
}

// OptionalBearer is middleware.Auth.OptionalBearer.
func (a *Auth) OptionalBearer(next echo.HandlerFunc) echo.HandlerFunc {
	return a.identified(next, a.auth.CheckOptionalBearer)
}

// Limit is middleware.Auth.Limit.
func (a *Auth) Limit(next echo.HandlerFunc) echo.HandlerFunc {
	return a.limited(next, a.auth.CheckLimit)
}

// LimitBy is ratelimit.Limiter.Limit for a Limiter of the same Auth.
func (a *Auth) LimitBy(l *ratelimit.Limiter) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc { return a.limited(next, l.CheckLimit) }
}

func (a *Auth) limited(next echo.HandlerFunc, check func(*http.Request) (*ratelimit.Pass, error)) echo.HandlerFunc {
	return func(c echo.Context) error {
		p, err := check(c.Request())
		if err != nil {
			return a.refuse(c, a.auth, wire.RouteAPI, err)
		}
		defer p.Done()
		p.SetHeader(c.Response().Header())
		c.SetRequest(p.Request())
		return next(c)
	}
}

// Quota is middleware.Auth.Quota.
func (a *Auth) Quota(c echo.Context) error {
	q, err := a.auth.CheckQuota(c.Request())
	if err != nil {
		return a.refuse(c, a.auth, wire.RouteAPI, err)
	}
	q.Write(c.Response())
	return nil
}

// Protect is Bearer, then Limit.
func (a *Auth) Protect(next echo.HandlerFunc) echo.HandlerFunc { return a.Bearer(a.Limit(next)) }

// RequireScope is middleware.Auth.RequireScope.
func (a *Auth) RequireScope(scopes ...string) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if err := a.auth.CheckScope(c.Request(), scopes...); err != nil {
				return a.refuse(c, a.auth, wire.RouteAPI, err)
			}
			return next(c)
		}
	}
}

func (a *Auth) identified(next echo.HandlerFunc, check func(*http.Request) (tokens.Principal, error)) echo.HandlerFunc {
	return func(c echo.Context) error {
		p, err := check(c.Request())
		if err != nil {
			return a.refuse(c, a.auth, wire.RouteAPI, err)
		}
		if p.Subject != "" {
			c.SetRequest(c.Request().WithContext(tokens.WithPrincipal(c.Request().Context(), p)))
			if a.key != "" {
				c.Set(a.key, p)
			}
		}
		return next(c)
	}
}

func (a *Auth) grant(c echo.Context, auth *middleware.Auth, route wire.Route, p tokens.Pair, err error) error {
	if err != nil {
		return a.refuse(c, auth, route, err)
	}
	auth.Granted(p).Write(c.Response())
	return nil
}

func (a *Auth) loggedOut(c echo.Context, ended bool, err error) error {
	if err != nil {
		return a.refuse(c, a.auth, wire.RouteLogout, err)
	}
	a.auth.LoggedOut(ended).Write(c.Response())
	return nil
}

func (a *Auth) published(c echo.Context, answer wire.Answer, err error) error {
	if err != nil {
		return a.refuse(c, a.auth, wire.RouteAPI, err)
	}
	answer.Write(c.Response())
	return nil
}

// refuse sets the headers of the refusal and returns it for the app's error
// handler. It removes Content-Type, because Echo keeps one that is set and the
// handler may write another body.
func (a *Auth) refuse(c echo.Context, auth *middleware.Auth, route wire.Route, err error) error {
	err = byBodyLimit(err)
	answer := auth.Refused(route, err)
	mediaType := answer.Header.Get(echo.HeaderContentType)
	header := c.Response().Header()
	answer.SetHeader(header)
	header.Del(echo.HeaderContentType)
	cause := wire.AsError(err)
	return &echo.HTTPError{
		Code:     answer.Status,
		Message:  body{answer.Body, cause.Description, mediaType, header},
		Internal: cause,
	}
}

// byBodyLimit is the refusal of a body that was too long for Echo's own BodyLimit, or
// err.
func byBodyLimit(err error) error {
	if e, ok := errors.AsType[*echo.HTTPError](err); ok && e.Code == http.StatusRequestEntityTooLarge {
		return wire.NewError(wire.ReasonTooLarge, err)
	}
	return err
}

// body is the body of a refusal. It is not a string, because Echo's Debug mode adds
// the cause to strings.
type body struct {
	text        []byte
	description string
	mediaType   string
	header      http.Header
}

// MarshalJSON returns the body, or null if it is not JSON. It never fails, because
// Echo's default handler would answer 200 then.
//
// If Context.JSON has set Content-Type to application/json, MarshalJSON replaces it
// with the media type of the body. Marshaling for a log changes no header.
func (b body) MarshalJSON() ([]byte, error) {
	if !json.Valid(b.text) {
		return []byte("null"), nil
	}
	if b.header.Get(echo.HeaderContentType) == echo.MIMEApplicationJSON {
		b.header.Set(echo.HeaderContentType, b.mediaType)
	}
	return b.text, nil
}

// String returns the description, for error handlers that put the message into a
// body of their own.
func (b body) String() string { return b.description }
