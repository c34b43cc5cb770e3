// Package echov4 is package middleware in Echo v4's types: the same words, the
// same answers.
//
// Refusals are returned as errors and so reach the app's own HTTPErrorHandler.
// Each is an *echo.HTTPError whose Message is the dialect's body, which Echo's
// default handler renders as net/http would have it; errors.As finds the
// *wire.Error in it. The refusal's headers are set by then, but for its
// Content-Type: a handler that renders Message with Context.JSON gets that as
// well, and one that renders something else keeps its own.
//
// Message is not a string. A handler that wants a text has the Description of
// the *wire.Error.
package echov4

import (
	"encoding/json"
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

// New returns the auth for an Echo app.
func New(auth *middleware.Auth) *Auth { return &Auth{auth: auth} }

// WithContextKey returns an Auth that also puts the principal into the echo.Context
// under a key, for apps whose handlers look there: c.Get(key) is a
// tokens.Principal.
func (a *Auth) WithContextKey(key string) *Auth { return &Auth{auth: a.auth, key: key} }

// ClientIP makes the ClientIP of a middleware.Config out of an
// echo.IPExtractor, which says whom the app trusts: give it what the app's
// e.IPExtractor has. It is never echo.Context.RealIP, which believes headers
// where no extractor is set. Nil stays nil, so that middleware.New complains.
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

// LimitBy is ratelimit.Limiter.Limit, for Limits of the same auth.
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

// refuse sets the refusal's headers and hands the rest to the app's error
// handler. Its media type is not among them, nor is one that was set for what
// the client does not get now: Echo keeps what it finds, and the handler may
// render something else.
func (a *Auth) refuse(c echo.Context, auth *middleware.Auth, route wire.Route, err error) error {
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

// body is a refusal's body. It is no string: to those Echo's Debug mode adds
// the cause.
type body struct {
	text        []byte
	description string
	mediaType   string
	header      http.Header
}

// MarshalJSON is the body, and null where it has none. It never fails, for
// Echo's default handler would answer 200 then.
//
// Where Context.JSON marshals, which has just called it application/json, it
// gets the media type that it has. Who marshals for a log changes nothing.
func (b body) MarshalJSON() ([]byte, error) {
	if !json.Valid(b.text) {
		return []byte("null"), nil
	}
	if b.header.Get(echo.HeaderContentType) == echo.MIMEApplicationJSON {
		b.header.Set(echo.HeaderContentType, b.mediaType)
	}
	return b.text, nil
}

// String is a sentence, for error handlers that print the message into a body of
// their own.
func (b body) String() string { return b.description }
