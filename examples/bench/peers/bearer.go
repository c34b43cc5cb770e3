package main

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"net/http"

	ginjwt "github.com/appleboy/gin-jwt/v2"
	auth0 "github.com/auth0/go-jwt-middleware/v2"
	"github.com/auth0/go-jwt-middleware/v2/validator"
	"github.com/gin-gonic/gin"
	"github.com/go-chi/jwtauth/v5"
	"github.com/golang-jwt/jwt/v5"
	echojwt "github.com/labstack/echo-jwt/v4"
	"github.com/labstack/echo/v4"
	jwx2 "github.com/lestrrat-go/jwx/v2/jwt"

	sallyport "github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/echov4"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/tokens"
)

// served is a route behind a middleware. It answers a request, like an http.Handler.
type served struct {
	name string
	open func(signer) (http.Handler, error) // errUnsupported: it has no such algorithm
}

func bearers() []served {
	return []served{
		{"echo-jwt, with golang-jwt's checks of iss and aud", func(s signer) (http.Handler, error) { return onEcho(echoJWT(s)), nil }},
		{"echo-jwt as it is", func(s signer) (http.Handler, error) { return onEcho(plainEchoJWT(s)), nil }},
		{"**Sallyport**, Echo", func(s signer) (http.Handler, error) {
			a, err := s.auth(noCache, unlimited)
			return onEcho(echov4.New(a).Bearer), err
		}},
		{"**Sallyport**, Echo, from the cache", func(s signer) (http.Handler, error) {
			a, err := s.auth(cached, unlimited)
			return onEcho(echov4.New(a).Bearer), err
		}},
		{"**Sallyport**, net/http", func(s signer) (http.Handler, error) {
			a, err := s.auth(noCache, unlimited)
			return a.Bearer(inside), err
		}},
		{"gin-jwt v2", openGinJWT},
		{"auth0", openAuth0},
		{"chi jwtauth", openJWTAuth},
	}
}

// errUnsupported means that a middleware is not measured with an algorithm.
var errUnsupported = errors.New("it has no such algorithm")

// opened calls f with each middleware that supports the algorithm of s.
func opened(s signer, f func(name string, h http.Handler) error) error {
	for _, b := range bearers() {
		h, err := b.open(s)
		if errors.Is(err, errUnsupported) {
			continue
		}
		if err == nil {
			err = f(b.name, h)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", b.name, err)
		}
	}
	return nil
}

// unlimited is so high that no request is rejected.
const unlimited = 1 << 30

// auth only verifies, and limits each caller.
func (s signer) auth(cache tokens.CacheConfig, limit int64) (*sallyport.Auth, error) {
	return s.limited(cache, limit, ratelimit.LimitConfig{})
}

// lean is an auth whose limited requests are served as they are, as those of the other
// libraries are.
func (s signer) lean(limit int64) (*sallyport.Auth, error) {
	return s.limited(noCache, limit, ratelimit.LimitConfig{NoContext: true})
}

func (s signer) limited(cache tokens.CacheConfig, limit int64, c ratelimit.LimitConfig) (*sallyport.Auth, error) {
	v, err := s.verifier(cache)
	if err != nil {
		return nil, err
	}
	tier := ratelimit.Tier{Limit: limit, Period: 3600e9}
	return sallyport.New(sallyport.Config{
		Verifier: v, ClientIP: clientip.RemoteAddr, Limit: c,
		Tiers: ratelimit.Tiers{"free": tier, ratelimit.Anonymous: tier},
	})
}

// inside is the handler behind each middleware.
var inside = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})

// echoRoute is one handler of an Echo app, without its router, so that the middleware
// is most of what is measured.
type echoRoute struct {
	app     *echo.Echo
	context echo.Context
	handler echo.HandlerFunc
}

func onEcho(middlewares ...echo.MiddlewareFunc) http.Handler { return routeOf(echo.New(), middlewares) }

// withErrorHandler is onEcho for an app with the error handler of package echov4.
func withErrorHandler(middlewares ...echo.MiddlewareFunc) http.Handler {
	e := echo.New()
	e.HTTPErrorHandler = echov4.ErrorHandler(e.HTTPErrorHandler)
	return routeOf(e, middlewares)
}

func routeOf(e *echo.Echo, middlewares []echo.MiddlewareFunc) http.Handler {
	r := &echoRoute{app: e, context: e.NewContext(nil, nil), handler: func(echo.Context) error { return nil }}
	for i := range middlewares {
		r.handler = middlewares[len(middlewares)-1-i](r.handler)
	}
	return r
}

// ServeHTTP serves one request at a time.
func (e *echoRoute) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.context.Reset(r, w)
	if err := e.handler(e.context); err != nil {
		e.app.HTTPErrorHandler(err, e.context)
	}
}

// echoJWT has what its documentation offers for more checks: a ParseTokenFunc.
func echoJWT(s signer) echo.MiddlewareFunc {
	parse := s.parser()
	return echojwt.WithConfig(echojwt.Config{
		ParseTokenFunc: func(_ echo.Context, token string) (any, error) { return parse(token) },
	})
}

func plainEchoJWT(s signer) echo.MiddlewareFunc {
	return echojwt.WithConfig(echojwt.Config{
		SigningKey: s.verify, SigningMethod: s.algorithm,
		NewClaimsFunc: func(echo.Context) jwt.Claims { return &claims{} },
	})
}

func openGinJWT(s signer) (http.Handler, error) {
	if s.algorithm != "HS256" { // it reads its RSA keys from files, and has no other
		return nil, errUnsupported
	}
	m, err := ginJWT(s)
	if err != nil {
		return nil, err
	}
	e := gin.New()
	e.GET("/", m.MiddlewareFunc(), func(*gin.Context) {})
	return e, nil
}

func ginJWT(s signer) (*ginjwt.GinJWTMiddleware, error) {
	gin.SetMode(gin.ReleaseMode)
	return ginjwt.New(&ginjwt.GinJWTMiddleware{
		Realm: "api", Key: []byte(s.key.Secret), SigningAlgorithm: s.algorithm, Timeout: 3600e9, MaxRefresh: 720 * 3600e9, IdentityKey: "sub",
	})
}

// auth0Claims are the claims that auth0's validator does not know.
type auth0Claims struct {
	ClientID string `json:"client_id"`
	Scope    string `json:"scope"`
	Tier     string `json:"tier"`
}

// Validate is asked by the validator.
func (*auth0Claims) Validate(context.Context) error { return nil }

func openAuth0(s signer) (http.Handler, error) {
	v, err := validator.New(func(context.Context) (any, error) { return s.verify, nil },
		validator.SignatureAlgorithm(s.algorithm), issuer, []string{audience},
		validator.WithCustomClaims(func() validator.CustomClaims { return &auth0Claims{} }))
	if err != nil {
		return nil, err
	}
	return auth0.New(v.ValidateToken).CheckJWT(inside), nil
}

func openJWTAuth(s signer) (http.Handler, error) {
	var public any
	if p, ok := s.sign.(crypto.Signer); ok {
		public = p.Public()
	}
	a := jwtauth.New(s.algorithm, s.sign, public, jwx2.WithIssuer(issuer), jwx2.WithAudience(audience))
	return jwtauth.Verifier(a)(jwtauth.Authenticator(a)(inside)), nil
}

// printBearer prints what a middleware adds to a request with a good token.
func (m measure) printBearer() error {
	var groups []group
	for _, algorithm := range []string{"HS256", "ES256"} {
		s, err := newSigner(algorithm)
		if err != nil {
			return err
		}
		token := s.token(1, nil)
		g := group{name: "Bearer, " + algorithm, bases: []int{0}}
		if err := opened(s, func(name string, h http.Handler) error {
			_, send := repeat(h, withToken(token))
			g.subjects = append(g.subjects, subject{marked(name, mistakes(verifies(h), s.attempts())), send})
			return nil
		}); err != nil {
			return err
		}
		limited, err := protect(s, token)
		if err != nil {
			return err
		}
		groups = append(groups, g, limited)
	}
	return m.printGroups("a request with a good token", []string{"echo-jwt"}, groups...)
}

// protect has a tier's limit for each user besides.
func protect(s signer, token string) (group, error) {
	g := group{name: "Protect, " + s.algorithm, bases: []int{0}}
	_, send := repeat(onEcho(echoJWT(s), echoULULE(unlimited)), withToken(token))
	g.subjects = append(g.subjects, subject{"echo-jwt, and ulule/limiter by user", send})
	for _, way := range []struct {
		name  string
		cache tokens.CacheConfig
	}{{"**Sallyport**, Echo", noCache}, {"**Sallyport**, Echo, from the cache", cached}} {
		a, err := s.auth(way.cache, unlimited)
		if err != nil {
			return group{}, err
		}
		_, send := repeat(onEcho(echov4.New(a).Protect), withToken(token))
		g.subjects = append(g.subjects, subject{way.name, send})
	}
	return g, nil
}
