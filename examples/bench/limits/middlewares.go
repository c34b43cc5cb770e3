package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/go-chi/httprate"
	"github.com/labstack/echo/v4"
	echomiddleware "github.com/labstack/echo/v4/middleware"
	"github.com/sethvargo/go-limiter/httplimit"
	"github.com/sethvargo/go-limiter/memorystore"
	"github.com/throttled/throttled/v2"
	throttledmemory "github.com/throttled/throttled/v2/store/memstore"
	"github.com/ulule/limiter/v3"
	"github.com/ulule/limiter/v3/drivers/middleware/stdlib"
	engine "github.com/ulule/limiter/v3/drivers/store/memory"

	sallyport "github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/store/memstore"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

// subject is a measured middleware, which counts requests in memory by the
// client's address.
type subject struct {
	name string
	open func(limit int64) (http.Handler, error) // returns nil if it never rejects a request
}

// inside is the handler behind each middleware.
var inside = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})

func middlewares(ctx context.Context) []subject {
	return []subject{
		{"ulule's stdlib middleware: `X-RateLimit-*`", func(limit int64) (http.Handler, error) {
			rate := limiter.Rate{Limit: limit, Period: time.Hour}
			return stdlib.NewMiddleware(limiter.New(engine.NewStore(), rate)).Handler(inside), nil
		}},
		{"**Sallyport**: `RateLimit`, `RateLimit-Policy`, `X-RateLimit-*`", func(limit int64) (http.Handler, error) {
			a, err := auth(limit)
			if err != nil {
				return nil, err
			}
			return a.Limit(inside), nil
		}},
		{"**Sallyport**, writing the same headers and nothing else", func(limit int64) (http.Handler, error) {
			if limit == 0 {
				return nil, nil
			}
			a, err := auth(limit)
			if err != nil {
				return nil, err
			}
			quota, err := a.CheckQuota(request(ctx))
			if err != nil {
				return nil, err
			}
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { quota.SetHeader(w.Header()) }), nil
		}},
		{"httprate: `X-RateLimit-*`", func(limit int64) (http.Handler, error) {
			address := func(r *http.Request) (string, error) {
				host, _, err := net.SplitHostPort(r.RemoteAddr)
				return host, err
			}
			return httprate.LimitBy(int(limit), time.Hour, address)(inside), nil
		}},
		{"throttled: `X-RateLimit-*`", func(limit int64) (http.Handler, error) {
			s, err := throttledmemory.NewCtx(0)
			if err != nil {
				return nil, err
			}
			quota := throttled.RateQuota{MaxRate: throttled.PerSec(1 << 20), MaxBurst: int(limit)}
			if limit == 0 {
				quota.MaxRate = throttled.PerDay(1)
			}
			l, err := throttled.NewGCRARateLimiterCtx(s, quota)
			if err != nil {
				return nil, err
			}
			h := throttled.HTTPRateLimiterCtx{RateLimiter: l, VaryBy: &throttled.VaryBy{RemoteAddr: true}}
			return h.RateLimit(inside), nil
		}},
		{"go-limiter: `X-RateLimit-*`", func(limit int64) (http.Handler, error) {
			s, err := memorystore.New(&memorystore.Config{Tokens: uint64(max(limit, 1)), Interval: time.Hour})
			if err != nil {
				return nil, err
			}
			m, err := httplimit.NewMiddleware(s, httplimit.IPKeyFunc())
			if err != nil {
				return nil, err
			}
			return m.Handle(inside), nil
		}},
		{"Echo's middleware, which writes no header", func(limit int64) (http.Handler, error) {
			e := echo.New()
			store := echomiddleware.NewRateLimiterMemoryStoreWithConfig(echomiddleware.RateLimiterMemoryStoreConfig{Rate: 1e-9, Burst: int(max(limit, 1)), ExpiresIn: time.Hour})
			e.Use(echomiddleware.RateLimiter(store))
			e.GET("/", func(echo.Context) error { return nil })
			return e, nil
		}},
	}
}

func auth(limit int64) (*sallyport.Auth, error) {
	users, err := memstore.New(memstore.Config{})
	if err != nil {
		return nil, err
	}
	authority, err := tokens.New(tokens.Config{
		Store: users, Issuer: "https://api.example.com", Audience: "api",
		Keys:        []keys.Key{{Algorithm: "HS256", Secret: keys.NewSecret()}},
		RefreshKeys: []keys.Secret{keys.NewSecret()},
	})
	if err != nil {
		return nil, err
	}
	return sallyport.New(sallyport.Config{
		Tokens: authority, ClientIP: clientip.RemoteAddr,
		Tiers: ratelimit.Tiers{ratelimit.Anonymous: {Limit: limit, Period: time.Hour}},
	})
}

func request(ctx context.Context) *http.Request {
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/", http.NoBody)
	r.RemoteAddr = "203.0.113.9:4711"
	return r
}

// compareMiddlewares prints the CPU time and the allocations of an allowed request
// and of a rejected one.
func compareMiddlewares(ctx context.Context, rounds int) error {
	all := middlewares(ctx)
	fmt.Print("\n| whole middleware, in memory | let through: ns | × ulule | allocations | refused: ns | × ulule | allocations |\n|---|--:|--:|--:|--:|--:|--:|\n")
	table := make([]string, len(all))
	for _, most := range [2]int64{limit, 0} {
		serve := make([]func(), len(all))
		for i, d := range all {
			handler, err := d.open(most)
			if err != nil {
				return fmt.Errorf("%s: %w", d.name, err)
			}
			if handler != nil {
				_, serve[i] = repeat(ctx, handler)
			}
		}
		ns, ratio := make([][]float64, len(all)), make([][]float64, len(all))
		for range rounds {
			first := 0.0
			for i := range all {
				if serve[i] == nil {
					continue
				}
				took := duration(serve[i], 100_000)
				if i == 0 {
					first = took
				}
				ns[i], ratio[i] = append(ns[i], took), append(ratio[i], took/first)
			}
		}
		for i := range all {
			if serve[i] == nil {
				table[i] += " | | |"
				continue
			}
			table[i] += fmt.Sprintf(" %.0f | %.2f | %d |", median(ns[i]), median(ratio[i]), allocations(serve[i]))
		}
	}
	for i, d := range all {
		fmt.Printf("| %s |%s\n", d.name, table[i])
	}
	return nil
}

// repeat returns a function that sends the same request again. It has sent two
// requests already, so that the limit is used up where the lowest limit is 1.
func repeat(ctx context.Context, handler http.Handler) (*discard, func()) {
	r, w := request(ctx), &discard{header: http.Header{}}
	send := func() {
		w.status = http.StatusOK
		clear(w.header) // some add to what is there
		handler.ServeHTTP(w, r)
	}
	send()
	send()
	return w, send
}

// discard is a ResponseWriter that drops the body.
type discard struct {
	header http.Header
	status int
}

func (n *discard) Header() http.Header       { return n.header }
func (*discard) Write(p []byte) (int, error) { return len(p), nil }
func (n *discard) WriteHeader(status int)    { n.status = status }
