package adapter_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/internal/adaptertest"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/wire"
)

// name answers with the caller's subject.
func (v version[C, H, M]) name(c C) error {
	p, _ := v.principal(c)
	return c.String(http.StatusOK, p.Subject)
}

func TestMountGuards(t *testing.T) {
	t.Parallel()
	both(t, v4.testMountGuards, v5.testMountGuards)
}

func (v version[C, H, M]) testMountGuards(t *testing.T) {
	type want struct {
		line   string
		status int // without a token
		known  int // with one
	}
	tests := map[string]struct {
		mount func(app[H, M], adaptertest.Names[C, H, M])
		wants []want
	}{
		"one route": {func(e app[H, M], a adaptertest.Names[C, H, M]) {
			e.get("/in", v.name, a.Protect)
			e.get("/out", v.name)
		}, []want{
			{"GET /in", 401, 200}, {"GET /out", 200, 200}, {"GET /else", 404, 404}, {"POST /in", 405, 405},
		}},
		"several on one route, from left to right": {func(e app[H, M], a adaptertest.Names[C, H, M]) {
			e.get("/in", v.name, a.Bearer, a.RequireScope("read"), a.Limit)
			e.get("/admin", v.name, a.Bearer, a.RequireScope("admin"))
		}, []want{
			{"GET /in", 401, 200}, {"GET /admin", 401, 403},
		}},
		"a group": {func(e app[H, M], a adaptertest.Names[C, H, M]) {
			g := e.group("/api", a.Protect)
			g.get("/in", v.name)
			g.get("/admin", v.name, a.RequireScope("admin"))
			g.group("/v1").get("/in", v.name)
			e.get("/out", v.name)
		}, []want{
			{"GET /api/in", 401, 200}, {"GET /api/admin", 401, 403}, {"GET /api/v1/in", 401, 200}, {"GET /out", 200, 200},
			{"GET /api/else", 401, 404}, // 401, so that callers without a token cannot find out which routes exist
		}},
		"a group's Use": {func(e app[H, M], a adaptertest.Names[C, H, M]) {
			g := e.group("/api")
			g.get("/before", v.name)
			g.use(a.Protect)
			g.get("/in", v.name)
		}, []want{
			{"GET /api/before", 200, 200}, {"GET /api/in", 401, 200},
		}},
		"all routes": {func(e app[H, M], a adaptertest.Names[C, H, M]) {
			e.get("/in", v.name)
			e.use(a.Protect)
			e.any("/any", v.name)
		}, []want{
			{"GET /in", 401, 200}, {"GET /else", 401, 404}, {"POST /in", 401, 405}, {"DELETE /any", 401, 200}, {"HEAD /any", 401, 200},
		}},
		"all routes, where some allow anonymous callers": {func(e app[H, M], a adaptertest.Names[C, H, M]) {
			e.use(a.OptionalBearer)
			e.get("/out", v.name)
			e.get("/in", v.name, a.Bearer)
			e.get("/scope", v.name, a.RequireScope("read"))
		}, []want{
			{"GET /out", 200, 200}, {"GET /in", 401, 200}, {"GET /scope", 401, 200},
		}},
		"in front of the router": {func(e app[H, M], a adaptertest.Names[C, H, M]) {
			e.pre(a.Protect)
			e.get("/in", v.name)
		}, []want{
			{"GET /in", 401, 200}, {"GET /else", 401, 404}, {"POST /in", 401, 405},
		}},
		"in front of the router, and a scope behind it": {func(e app[H, M], a adaptertest.Names[C, H, M]) {
			e.pre(a.OptionalBearer)
			e.get("/in", v.name, a.RequireScope("read"))
		}, []want{
			{"GET /in", 401, 200},
		}},
	}
	for title, tt := range tests {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			for _, w := range tt.wants {
				h := adaptertest.Open(t)
				adaptertest.Login(t, h)
				e := v.newApp()
				tt.mount(e, v.newAuth(h.Auth))
				if got := adaptertest.Bare(w.line).Serve(t, h, e); got.Code != w.status {
					t.Errorf("%s without a token: status = %d, want %d", w.line, got.Code, w.status)
				}
				got := adaptertest.Bare(w.line, adaptertest.Bearer).Serve(t, h, e)
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
	both(t, v4.testMountCountsOnce, v5.testMountCountsOnce)
}

func (v version[C, H, M]) testMountCountsOnce(t *testing.T) {
	for title, mount := range map[string]func(app[H, M], adaptertest.Names[C, H, M]){
		"one route": func(e app[H, M], a adaptertest.Names[C, H, M]) { e.get("/", v.name, a.Protect) },
		"a group":   func(e app[H, M], a adaptertest.Names[C, H, M]) { e.group("", a.Protect).get("/", v.name) },
		"all":       func(e app[H, M], a adaptertest.Names[C, H, M]) { e.use(a.Protect); e.get("/", v.name) },
		"in front":  func(e app[H, M], a adaptertest.Names[C, H, M]) { e.pre(a.Protect); e.get("/", v.name) },
	} {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			h := adaptertest.Open(t)
			adaptertest.Login(t, h)
			e := v.newApp()
			mount(e, v.newAuth(h.Auth))
			for _, left := range []string{"3", "2", "1", "0"} {
				if got := adaptertest.Bare("GET /", adaptertest.Bearer).Serve(t, h, e).Header().Get("X-RateLimit-Remaining"); got != left {
					t.Errorf("X-RateLimit-Remaining = %q, want %q", got, left)
				}
			}
			if got := adaptertest.Bare("GET /", adaptertest.Bearer).Serve(t, h, e).Code; got != 429 {
				t.Errorf("status = %d, want 429", got)
			}
		})
	}
}

// A host's handler may replace the headers of its own answer.
func TestMountLeavesTheHandlerItsHeaders(t *testing.T) {
	t.Parallel()
	both(t, v4.testMountLeavesTheHandlerItsHeaders, v5.testMountLeavesTheHandlerItsHeaders)
}

func (v version[C, H, M]) testMountLeavesTheHandlerItsHeaders(t *testing.T) {
	h := adaptertest.Open(t)
	adaptertest.Login(t, h)
	e := v.newApp()
	e.any("/", v.wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("RateLimit", "mine")
		w.WriteHeader(http.StatusCreated)
	})), v.newAuth(h.Auth).Protect)
	w := adaptertest.Bare("GET /", adaptertest.Bearer).Serve(t, h, e)
	if w.Code != 201 || w.Header().Get("RateLimit") != "mine" || w.Header().Get("Cache-Control") != "" {
		t.Errorf("answer = %d %v, want the handler's", w.Code, w.Header())
	}
}

// Two wire formats of one Auth share the rate limit counters.
func TestMountTwoDialects(t *testing.T) {
	t.Parallel()
	both(t, v4.testMountTwoDialects, v5.testMountTwoDialects)
}

func (v version[C, H, M]) testMountTwoDialects(t *testing.T) {
	h := adaptertest.Open(t)
	adaptertest.Login(t, h)
	e := v.newApp()
	e.get("/old", v.name, v.newAuth(h.Auth.WithDialect(wire.Lexik{})).Protect)
	e.get("/new", v.name, v.newAuth(h.Auth).Protect)
	adaptertest.Bare("GET /old", adaptertest.Bearer).Serve(t, h, e)
	if got := adaptertest.Bare("GET /new", adaptertest.Bearer).Serve(t, h, e).Header().Get("X-RateLimit-Remaining"); got != "2" {
		t.Errorf("X-RateLimit-Remaining = %q, want 2", got)
	}
	if got, want := adaptertest.Bare("GET /old").Serve(t, h, e).Body.String(), `{"code":401,"message":"JWT Token not found"}`+"\n"; got != want {
		t.Errorf("body = %q, want %q", got, want)
	}
}

// Of a hundred requests at once each has its own caller's principal, and exactly
// as many as the limit are admitted.
func TestMountIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	both(t, v4.testMountIsSafeForConcurrentUse, v5.testMountIsSafeForConcurrentUse)
}

func (v version[C, H, M]) testMountIsSafeForConcurrentUse(t *testing.T) {
	const callers, limit = 100, 30
	h := adaptertest.Open(t, func(c *adaptertest.Config) {
		c.Auth.Counters = nil // the ones in memory
		c.Auth.Tiers = ratelimit.Tiers{"free": {Limit: limit, Period: time.Hour}, "premium": {Limit: 1000, Period: time.Hour}}
	})
	access := map[string]string{}
	for _, user := range []string{"alice", "bob"} {
		adaptertest.LoginAs(user)(t, h)
		access[user] = h.Words["access"]
	}
	e := v.newApp()
	v.mount(e, h.Auth)
	e.get("/me", v.name, v.withContextKey(h.Auth, "user").Protect)

	var admitted, limited, others atomic.Int64
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			get := func(line, user string) *httptest.ResponseRecorder {
				header := []string{}
				if user != "" {
					header = append(header, "Authorization: Bearer "+access[user])
				}
				return adaptertest.Bare(line, header...).Serve(t, h, e)
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
				if w := adaptertest.Form("POST /login", adaptertest.AlicesLogin).Serve(t, h, e); w.Code != 200 {
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
	both(t, v4.testMountRefreshesOnce, v5.testMountRefreshesOnce)
}

func (v version[C, H, M]) testMountRefreshesOnce(t *testing.T) {
	h := adaptertest.Open(t)
	adaptertest.Login(t, h)
	e := v.newApp()
	v.mount(e, h.Auth)
	var answered atomic.Int64
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			switch w := adaptertest.Form("POST /refresh", "refresh_token={refresh}").Serve(t, h, e); w.Code {
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
