package adapter_test

import (
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"testing"

	echo4 "github.com/labstack/echo/v4"
	echomw4 "github.com/labstack/echo/v4/middleware"
	echo5 "github.com/labstack/echo/v5"
	echomw5 "github.com/labstack/echo/v5/middleware"

	"github.com/sallyport-go/sallyport/internal/adaptertest"
	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/echov4"
	"github.com/sallyport-go/sallyport/middleware/echov5"
	"github.com/sallyport-go/sallyport/tokens"
)

// echoContext is what the tests need of the contexts of both versions.
type echoContext interface {
	Request() *http.Request
	Get(key string) any
	FormValue(name string) string
	NoContent(code int) error
	String(code int, text string) error
}

// app is an Echo app.
type app[H, M any] struct {
	http.Handler

	any, get func(path string, h H, m ...M)
	use, pre func(m ...M)
	group    func(prefix string, m ...M) app[H, M]
}

// version is one version of Echo, and its adapter.
type version[C echoContext, H ~func(C) error, M ~func(H) H] struct {
	newApp         func() app[H, M]
	newAuth        func(*middleware.Auth) adaptertest.Names[C, H, M]
	withContextKey func(auth *middleware.Auth, key string) adaptertest.Names[C, H, M]
	principal      func(C) (tokens.Principal, bool)
	wrap           func(http.Handler) H
	decompress     func() M
	bodyLimit      func(bytes int64) M
	clientIP       func(extract) func(*http.Request) (netip.Addr, error)
	extractors     extractors
}

// balancers is the network of the proxies that the apps trust.
var balancers = &net.IPNet{IP: net.IPv4(203, 0, 113, 0), Mask: net.CIDRMask(24, 32)}

var v4 = version[echo4.Context, echo4.HandlerFunc, echo4.MiddlewareFunc]{
	newApp: func() app[echo4.HandlerFunc, echo4.MiddlewareFunc] {
		e := echo4.New()
		var group func(g *echo4.Group) app[echo4.HandlerFunc, echo4.MiddlewareFunc]
		group = func(g *echo4.Group) app[echo4.HandlerFunc, echo4.MiddlewareFunc] {
			return app[echo4.HandlerFunc, echo4.MiddlewareFunc]{
				any: func(path string, h echo4.HandlerFunc, m ...echo4.MiddlewareFunc) { g.Any(path, h, m...) },
				get: func(path string, h echo4.HandlerFunc, m ...echo4.MiddlewareFunc) { g.GET(path, h, m...) },
				use: g.Use,
				group: func(prefix string, m ...echo4.MiddlewareFunc) app[echo4.HandlerFunc, echo4.MiddlewareFunc] {
					return group(g.Group(prefix, m...))
				},
			}
		}
		a := group(e.Group(""))
		a.Handler, a.use, a.pre = e, e.Use, e.Pre
		return a
	},
	newAuth: func(a *middleware.Auth) adaptertest.Names[echo4.Context, echo4.HandlerFunc, echo4.MiddlewareFunc] {
		return echov4.New(a)
	},
	withContextKey: func(a *middleware.Auth, key string) adaptertest.Names[echo4.Context, echo4.HandlerFunc, echo4.MiddlewareFunc] {
		return echov4.New(a).WithContextKey(key)
	},
	principal:  echov4.Principal,
	wrap:       echo4.WrapHandler,
	decompress: echomw4.Decompress,
	bodyLimit:  func(bytes int64) echo4.MiddlewareFunc { return echomw4.BodyLimit(strconv.FormatInt(bytes, 10)) },
	clientIP: func(e extract) func(*http.Request) (netip.Addr, error) {
		return echov4.ClientIP(e)
	},
	extractors: extractors{
		direct: echo4.ExtractIPDirect(), forwarded: echo4.ExtractIPFromXFFHeader(), realIP: echo4.ExtractIPFromRealIPHeader(),
		proxied: echo4.ExtractIPFromXFFHeader(
			echo4.TrustLoopback(false), echo4.TrustLinkLocal(false), echo4.TrustPrivateNet(false), echo4.TrustIPRange(balancers),
		),
	},
}

var v5 = version[*echo5.Context, echo5.HandlerFunc, echo5.MiddlewareFunc]{
	newApp: func() app[echo5.HandlerFunc, echo5.MiddlewareFunc] {
		e := echo5.New()
		var group func(g *echo5.Group) app[echo5.HandlerFunc, echo5.MiddlewareFunc]
		group = func(g *echo5.Group) app[echo5.HandlerFunc, echo5.MiddlewareFunc] {
			return app[echo5.HandlerFunc, echo5.MiddlewareFunc]{
				any: func(path string, h echo5.HandlerFunc, m ...echo5.MiddlewareFunc) { g.Any(path, h, m...) },
				get: func(path string, h echo5.HandlerFunc, m ...echo5.MiddlewareFunc) { g.GET(path, h, m...) },
				use: g.Use,
				group: func(prefix string, m ...echo5.MiddlewareFunc) app[echo5.HandlerFunc, echo5.MiddlewareFunc] {
					return group(g.Group(prefix, m...))
				},
			}
		}
		a := group(e.Group(""))
		a.Handler, a.use, a.pre = e, e.Use, e.Pre
		return a
	},
	newAuth: func(a *middleware.Auth) adaptertest.Names[*echo5.Context, echo5.HandlerFunc, echo5.MiddlewareFunc] {
		return echov5.New(a)
	},
	withContextKey: func(a *middleware.Auth, key string) adaptertest.Names[*echo5.Context, echo5.HandlerFunc, echo5.MiddlewareFunc] {
		return echov5.New(a).WithContextKey(key)
	},
	principal:  echov5.Principal,
	wrap:       echo5.WrapHandler,
	decompress: echomw5.Decompress,
	bodyLimit:  echomw5.BodyLimit,
	clientIP: func(e extract) func(*http.Request) (netip.Addr, error) {
		return echov5.ClientIP(e)
	},
	extractors: extractors{
		direct: echo5.ExtractIPDirect(), forwarded: echo5.ExtractIPFromXFFHeader(), realIP: echo5.ExtractIPFromRealIPHeader(),
		proxied: echo5.ExtractIPFromXFFHeader(
			echo5.TrustLoopback(false), echo5.TrustLinkLocal(false), echo5.TrustPrivateNet(false), echo5.TrustIPRange(balancers),
		),
	},
}

// both runs a test with each version of Echo.
func both(t *testing.T, with4, with5 func(*testing.T)) {
	t.Helper()
	t.Run("Echo v4", func(t *testing.T) { t.Parallel(); with4(t) })
	t.Run("Echo v5", func(t *testing.T) { t.Parallel(); with5(t) })
}

// mounted returns an app with the routes of adaptertest.Mount.
func (v version[C, H, M]) mounted(auth *middleware.Auth) app[H, M] {
	a := v.newApp()
	v.mount(a, auth)
	return a
}

func (v version[C, H, M]) mount(a app[H, M], auth *middleware.Auth) {
	adaptertest.Mount(auth, v.newAuth(auth), v.wrap(http.HandlerFunc(adaptertest.Hello)), a.any)
}

// server returns an app that keeps the error of the last request, as a server.
func (v version[C, H, M]) server(name string) adaptertest.Server {
	return adaptertest.Server{Name: name, ClientIP: v.clientIP(v.extractors.direct), Serve: func(h *adaptertest.Fixture) (http.Handler, func() error) {
		var refusal error
		a := v.newApp()
		a.use(func(next H) H {
			return func(c C) error {
				refusal = next(c)
				return refusal
			}
		})
		v.mount(a, h.Auth)
		return a, func() error { return refusal }
	}}
}
