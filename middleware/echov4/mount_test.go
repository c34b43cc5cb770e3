package echov4_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/sallyport-go/sallyport/middleware/echov4"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
)

// name answers with the caller's subject.
func name(c echo.Context) error {
	p, _ := echov4.Principal(c)
	return c.String(http.StatusOK, p.Subject)
}

func TestMountGuards(t *testing.T) {
	t.Parallel()
	type want struct {
		line   string
		status int // without a token
		known  int // with one
	}
	tests := map[string]struct {
		mount func(*echo.Echo, *echov4.Auth)
		wants []want
	}{
		"one route": {func(e *echo.Echo, a *echov4.Auth) {
			e.GET("/in", name, a.Protect)
			e.GET("/out", name)
		}, []want{
			{"GET /in", 401, 200}, {"GET /out", 200, 200}, {"GET /else", 404, 404}, {"POST /in", 405, 405},
		}},
		"several on one route, from left to right": {func(e *echo.Echo, a *echov4.Auth) {
			e.GET("/in", name, a.Bearer, a.RequireScope("read"), a.Limit)
			e.GET("/admin", name, a.Bearer, a.RequireScope("admin"))
		}, []want{
			{"GET /in", 401, 200}, {"GET /admin", 401, 403},
		}},
		"a group": {func(e *echo.Echo, a *echov4.Auth) {
			g := e.Group("/api", a.Protect)
			g.GET("/in", name)
			g.GET("/admin", name, a.RequireScope("admin"))
			g.Group("/v1").GET("/in", name)
			e.GET("/out", name)
		}, []want{
			{"GET /api/in", 401, 200}, {"GET /api/admin", 401, 403}, {"GET /api/v1/in", 401, 200}, {"GET /out", 200, 200},
			{"GET /api/else", 401, 404}, // 401, so that callers without a token cannot find out which routes exist
		}},
		"a group's Use": {func(e *echo.Echo, a *echov4.Auth) {
			g := e.Group("/api")
			g.GET("/before", name)
			g.Use(a.Protect)
			g.GET("/in", name)
		}, []want{
			{"GET /api/before", 200, 200}, {"GET /api/in", 401, 200},
		}},
		"all routes": {func(e *echo.Echo, a *echov4.Auth) {
			e.GET("/in", name)
			e.Use(a.Protect)
			e.Any("/any", name)
		}, []want{
			{"GET /in", 401, 200}, {"GET /else", 401, 404}, {"POST /in", 401, 405}, {"DELETE /any", 401, 200}, {"HEAD /any", 401, 200},
		}},
		"all routes, where some allow anonymous callers": {func(e *echo.Echo, a *echov4.Auth) {
			e.Use(a.OptionalBearer)
			e.GET("/out", name)
			e.GET("/in", name, a.Bearer)
			e.GET("/scope", name, a.RequireScope("read"))
		}, []want{
			{"GET /out", 200, 200}, {"GET /in", 401, 200}, {"GET /scope", 401, 200},
		}},
		"in front of the router": {func(e *echo.Echo, a *echov4.Auth) {
			e.Pre(a.Protect)
			e.GET("/in", name)
		}, []want{
			{"GET /in", 401, 200}, {"GET /else", 401, 404}, {"POST /in", 401, 405},
		}},
		"in front of the router, and a scope behind it": {func(e *echo.Echo, a *echov4.Auth) {
			e.Pre(a.OptionalBearer)
			e.GET("/in", name, a.RequireScope("read"))
		}, []want{
			{"GET /in", 401, 200},
		}},
		"a host": {func(e *echo.Echo, a *echov4.Auth) {
			e.Host("example.com", a.Protect).GET("/in", name)
		}, []want{
			{"GET /in", 401, 200},
		}},
	}
	for title, tt := range tests {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			for _, w := range tt.wants {
				h := open(t)
				login(t, h)
				e := echo.New()
				tt.mount(e, echov4.New(h.auth))
				if got := bare(w.line).serve(t, h, e); got.Code != w.status {
					t.Errorf("%s without a token: status = %d, want %d", w.line, got.Code, w.status)
				}
				got := bare(w.line, bearer).serve(t, h, e)
				if got.Code != w.known {
					t.Errorf("%s with a token: status = %d, want %d", w.line, got.Code, w.known)
				}
				guarded := w.known == 200 && w.status == 401
				if guarded && got.Body.String() != "u-alice" {
					t.Errorf("%s with a token: the handler saw %q", w.line, got.Body)
				}
			}
		})
	}
}

// Protect counts a request once, on a route, on a group and on the app.
func TestMountCountsOnce(t *testing.T) {
	t.Parallel()
	for title, mount := range map[string]func(*echo.Echo, *echov4.Auth){
		"one route": func(e *echo.Echo, a *echov4.Auth) { e.GET("/", name, a.Protect) },
		"a group":   func(e *echo.Echo, a *echov4.Auth) { e.Group("", a.Protect).GET("/", name) },
		"all":       func(e *echo.Echo, a *echov4.Auth) { e.Use(a.Protect); e.GET("/", name) },
		"in front":  func(e *echo.Echo, a *echov4.Auth) { e.Pre(a.Protect); e.GET("/", name) },
	} {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			h := open(t)
			login(t, h)
			e := echo.New()
			mount(e, echov4.New(h.auth))
			for _, left := range []string{"3", "2", "1", "0"} {
				if got := bare("GET /", bearer).serve(t, h, e).Header().Get("X-RateLimit-Remaining"); got != left {
					t.Errorf("X-RateLimit-Remaining = %q, want %q", got, left)
				}
			}
			if got := bare("GET /", bearer).serve(t, h, e).Code; got != 429 {
				t.Errorf("status = %d, want 429", got)
			}
		})
	}
}

// A host's handler may replace the headers of its own answer.
func TestMountLeavesTheHandlerItsHeaders(t *testing.T) {
	t.Parallel()
	h := open(t)
	login(t, h)
	e := echo.New()
	e.GET("/", func(c echo.Context) error {
		c.Response().Header().Set("RateLimit", "mine")
		return c.JSON(http.StatusCreated, "done")
	}, echov4.New(h.auth).Protect)
	w := bare("GET /", bearer).serve(t, h, e)
	if w.Code != 201 || w.Header().Get("RateLimit") != "mine" || w.Header().Get("Cache-Control") != "" {
		t.Errorf("answer = %d %v, want the handler's", w.Code, w.Header())
	}
}

// Two wire formats of one Auth share the rate limit counters.
func TestMountTwoDialects(t *testing.T) {
	t.Parallel()
	h := open(t)
	login(t, h)
	e := echo.New()
	e.GET("/old", name, echov4.New(h.auth.WithDialect(lexik)).Protect)
	e.GET("/new", name, echov4.New(h.auth).Protect)
	bare("GET /old", bearer).serve(t, h, e)
	if got := bare("GET /new", bearer).serve(t, h, e).Header().Get("X-RateLimit-Remaining"); got != "2" {
		t.Errorf("X-RateLimit-Remaining = %q, want 2", got)
	}
	if got, want := bare("GET /old").serve(t, h, e).Body.String(), `{"code":401,"message":"JWT Token not found"}`+"\n"; got != want {
		t.Errorf("body = %q, want %q", got, want)
	}
}

// Of a hundred requests at once each has its own caller's principal, and exactly
// as many as the limit are admitted.
func TestMountIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	const callers, limit = 100, 30
	h := open(t, func(c *config) {
		c.auth.Counters = nil // the ones in memory
		c.auth.Tiers = ratelimit.Tiers{"free": {Limit: limit, Period: time.Hour}, "premium": {Limit: 1000, Period: time.Hour}}
	})
	access := map[string]string{}
	for _, user := range []string{"alice", "bob"} {
		loginAs(user)(t, h)
		access[user] = h.words["access"]
	}
	e := echo.New()
	var r record
	var mu sync.Mutex
	e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			err := next(c)
			mu.Lock()
			defer mu.Unlock()
			return r.careful(func(echo.Context) error { return err })(c)
		}
	})
	mount(e, h.auth)
	e.GET("/me", name, echov4.New(h.auth).WithContextKey("user").Protect)

	var admitted, limited, others atomic.Int64
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			get := func(line, user string) *httptest.ResponseRecorder {
				header := []string{}
				if user != "" {
					header = append(header, "Authorization: Bearer "+access[user])
				}
				return bare(line, header...).serve(t, h, e)
			}
			switch w := get("GET /me", "alice"); {
			case w.Code == 200 && w.Body.String() == "u-alice":
				admitted.Add(1)
			case w.Code == 429 && strings.HasSuffix(w.Header().Get("Content-Type"), "problem+json"):
				limited.Add(1)
			default:
				t.Errorf("alice: %d %q", w.Code, w.Body)
			}
			if w := get("GET /me", "bob"); w.Code == 200 && w.Body.String() == "u-bob" {
				others.Add(1)
			}
			if w := get("GET /me", ""); w.Code != 401 {
				t.Errorf("without a token: %d", w.Code)
			}
			if i%10 == 0 { // a hash each
				if w := form("POST /login", alicesOwn).serve(t, h, e); w.Code != 200 {
					t.Errorf("login: %d %q", w.Code, w.Body)
				}
			}
		})
	}
	all.Wait()
	if got, want := fmt.Sprint(admitted.Load(), limited.Load(), others.Load()), fmt.Sprint(limit, callers-limit, callers); got != want {
		t.Errorf("admitted, limited, others = %s, want %s", got, want)
	}
}

// Of many concurrent refreshes with one token exactly one succeeds, as on
// net/http.
func TestMountRefreshesOnce(t *testing.T) {
	t.Parallel()
	h := open(t)
	login(t, h)
	e := echo.New()
	mount(e, h.auth)
	var answered atomic.Int64
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			switch w := form("POST /refresh", "refresh_token={refresh}").serve(t, h, e); w.Code {
			case 200:
				answered.Add(1)
			case 400:
			default:
				t.Errorf("answer = %d %q", w.Code, w.Body)
			}
		})
	}
	all.Wait()
	if n := answered.Load(); n != 1 {
		t.Errorf("%d were answered, want 1", n)
	}
}
