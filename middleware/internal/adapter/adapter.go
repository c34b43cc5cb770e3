// Package adapter is the code that adapters of package middleware to web frameworks
// share. Each method asks middleware.Auth for a decision and writes the answer. A
// refusal becomes an error that the framework's own error handler answers.
//
// It fits frameworks whose handlers are func(C) error. An adapter names the types of
// its framework and converts a [Refusal] to an error.
package adapter

import (
	"net/http"
	"time"

	"github.com/sallyport-go/sallyport/internal/requestcopy"
	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/tokens"
)

// Context is what a framework passes to its handlers. W is its http.ResponseWriter.
type Context[W http.ResponseWriter] interface {
	Request() *http.Request
	SetRequest(r *http.Request)
	Response() W
	Param(name string) string
	Set(key string, value any)
}

// Auth is a middleware.Auth for a framework whose handlers are H. It is safe for
// concurrent use. Make it with [New].
type Auth[C Context[W], H ~func(C) error, W http.ResponseWriter] struct {
	auth    *middleware.Auth
	refused func(*Refusal) error
	status  func(error) int
	key     string
}

// New returns an Auth with the decisions and answers of auth. refused converts a
// refusal to an error that the framework answers with the refusal's status and body.
// status returns the status of an error of the framework, or 0.
func New[C Context[W], H ~func(C) error, W http.ResponseWriter](
	auth *middleware.Auth, refused func(*Refusal) error, status func(error) int,
) Auth[C, H, W] {
	return Auth[C, H, W]{auth: auth, refused: refused, status: status}
}

// WithContextKey returns an Auth that also sets the principal in the Context under key.
func (a Auth[C, H, W]) WithContextKey(key string) Auth[C, H, W] {
	a.key = key
	return a
}

// Login answers what middleware.Auth.CheckLogin decides.
func (a Auth[C, H, W]) Login(c C) error {
	p, err := a.auth.CheckLogin(c.Request())
	return a.answer(c, a.auth, wire.RouteLogin, err, func() wire.Answer { return a.auth.Granted(p) })
}

// Refresh answers what middleware.Auth.CheckRefresh decides.
func (a Auth[C, H, W]) Refresh(c C) error {
	p, err := a.auth.CheckRefresh(c.Request())
	return a.answer(c, a.auth, wire.RouteRefresh, err, func() wire.Answer { return a.auth.Granted(p) })
}

// CompleteLogin answers what middleware.Auth.CheckCompleteLogin decides.
func (a Auth[C, H, W]) CompleteLogin(c C) error {
	p, err := a.auth.CheckCompleteLogin(c.Request())
	return a.answer(c, a.auth, wire.RouteLogin, err, func() wire.Answer { return a.auth.Granted(p) })
}

// SignIn answers what middleware.Auth.CheckSignIn decides.
func (a Auth[C, H, W]) SignIn(c C, s tokens.SignInRequest) error {
	p, err := a.auth.CheckSignIn(c.Request(), s)
	return a.answer(c, a.auth, wire.RouteLogin, err, func() wire.Answer { return a.auth.Granted(p) })
}

// Token answers what middleware.Auth.CheckToken decides.
func (a Auth[C, H, W]) Token(c C) error {
	p, err := a.auth.CheckToken(c.Request())
	standard := a.auth.WithDialect(wire.OAuth2{}).WithoutCookies()
	return a.answer(c, standard, wire.RouteToken, err, func() wire.Answer { return standard.Granted(p) })
}

// Logout answers what middleware.Auth.CheckLogout decides.
func (a Auth[C, H, W]) Logout(c C) error {
	ended, err := a.auth.CheckLogout(c.Request())
	return a.answer(c, a.auth, wire.RouteLogout, err, func() wire.Answer { return a.auth.LoggedOut(ended) })
}

// LogoutEverywhere answers what middleware.Auth.CheckLogoutEverywhere decides.
func (a Auth[C, H, W]) LogoutEverywhere(c C) error {
	err := a.auth.CheckLogoutEverywhere(c.Request())
	return a.answer(c, a.auth, wire.RouteLogout, err, func() wire.Answer { return a.auth.LoggedOut(true) })
}

// JWKS answers what middleware.Auth.CheckJWKS decides.
func (a Auth[C, H, W]) JWKS(c C) error {
	answer, err := a.auth.CheckJWKS(c.Request())
	return a.answer(c, a.auth, wire.RouteAPI, err, func() wire.Answer { return answer })
}

// Metadata answers what middleware.Auth.CheckMetadata decides.
func (a Auth[C, H, W]) Metadata(c C) error {
	answer, err := a.auth.CheckMetadata(c.Request())
	return a.answer(c, a.auth, wire.RouteAPI, err, func() wire.Answer { return answer })
}

// Quota answers what middleware.Auth.CheckQuota decides.
func (a Auth[C, H, W]) Quota(c C) error {
	q, err := a.auth.CheckQuota(c.Request())
	if err != nil {
		return a.refuse(c, a.auth, wire.RouteAPI, err)
	}
	q.Write(c.Response())
	return nil
}

// Bearer is middleware.Auth.Bearer.
func (a Auth[C, H, W]) Bearer(next H) H { return a.identified(next, a.auth.CheckBearer, false) }

// OptionalBearer is middleware.Auth.OptionalBearer.
func (a Auth[C, H, W]) OptionalBearer(next H) H {
	return a.identified(next, a.auth.CheckOptionalBearer, true)
}

// Limit is middleware.Auth.Limit.
func (a Auth[C, H, W]) Limit(next H) H { return a.limited(next, a.auth.CheckLimit) }

// LimitBy is ratelimit.Limiter.Limit for a Limiter of the same middleware.Auth.
func (a Auth[C, H, W]) LimitBy(l *ratelimit.Limiter) func(H) H {
	return func(next H) H { return a.limited(next, l.CheckLimit) }
}

// Protect is Bearer, then Limit.
func (a Auth[C, H, W]) Protect(next H) H {
	return func(c C) error {
		a.auth.AddVary(c.Response().Header(), false)
		r := c.Request()
		p, err := a.auth.CheckBearer(r)
		if err != nil {
			return a.refuse(c, a.auth, wire.RouteAPI, err)
		}
		served, pass, err := a.auth.CheckLimitOf(r, p)
		c.SetRequest(served)
		defer requestcopy.Carry(r, served)
		if a.key != "" {
			c.Set(a.key, p)
		}
		if err != nil {
			return a.refuse(c, a.auth, wire.RouteAPI, err)
		}
		defer pass.Release()
		pass.SetHeader(c.Response().Header())
		return next(c)
	}
}

// RequireScope is middleware.Auth.RequireScope.
func (a Auth[C, H, W]) RequireScope(scopes ...string) func(H) H {
	return func(next H) H {
		return func(c C) error {
			if err := a.auth.CheckScope(c.Request(), scopes...); err != nil {
				return a.refuse(c, a.auth, wire.RouteAPI, err)
			}
			return next(c)
		}
	}
}

// RequireRecentLogin is middleware.Auth.RequireRecentLogin.
func (a Auth[C, H, W]) RequireRecentLogin(maxAge time.Duration, classes ...string) func(H) H {
	return func(next H) H {
		return func(c C) error {
			if err := a.auth.CheckRecentLogin(c.Request(), maxAge, classes...); err != nil {
				return a.refuse(c, a.auth, wire.RouteAPI, err)
			}
			return next(c)
		}
	}
}

func (a Auth[C, H, W]) identified(next H, check func(*http.Request) (tokens.Principal, error), anonymous bool) H {
	return func(c C) error {
		a.auth.AddVary(c.Response().Header(), anonymous)
		p, err := check(c.Request())
		if err != nil {
			return a.refuse(c, a.auth, wire.RouteAPI, err)
		}
		if p.Subject != "" {
			r := c.Request()
			served := middleware.WithPrincipal(r, p)
			c.SetRequest(served)
			defer requestcopy.Carry(r, served)
			if a.key != "" {
				c.Set(a.key, p)
			}
		}
		return next(c)
	}
}

func (a Auth[C, H, W]) limited(next H, check func(*http.Request) (*ratelimit.Pass, error)) H {
	return func(c C) error {
		p, err := check(c.Request())
		if err != nil {
			return a.refuse(c, a.auth, wire.RouteAPI, err)
		}
		defer p.Release()
		p.SetHeader(c.Response().Header())
		r, served := c.Request(), p.Request()
		c.SetRequest(served)
		defer requestcopy.Carry(r, served)
		return next(c)
	}
}

// answer refuses if there is an error, and otherwise writes the answer.
func (a Auth[C, H, W]) answer(c C, auth *middleware.Auth, route wire.Route, err error, answer func() wire.Answer) error {
	if err != nil {
		return a.refuse(c, auth, route, err)
	}
	answer().Write(c.Response())
	return nil
}
