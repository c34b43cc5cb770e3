package main

import (
	"context"
	"log"
	"net/http"
	"time"

	"github.com/go-chi/httprate"
	"github.com/labstack/echo/v4/middleware"
	"github.com/sethvargo/go-limiter/memorystore"
	"github.com/throttled/throttled/v2"
	throttledmemory "github.com/throttled/throttled/v2/store/memstore"
	"github.com/ulule/limiter/v3"
	engine "github.com/ulule/limiter/v3/drivers/store/memory"

	"github.com/sallyport-go/sallyport/middleware/ratelimit"
)

const limit = 1 << 30 // so high that no request is rejected

// contestant is a rate limiter that decides in memory.
type contestant struct {
	name string
	open func() decision
}

func contestants(ctx context.Context) []contestant {
	ours := func(a ratelimit.Algorithm) func() decision {
		return func() decision {
			c := ratelimit.Memory()
			charges := []ratelimit.Charge{{Cost: 1, Policy: ratelimit.Policy{Limit: limit, Window: time.Hour, Algorithm: a}}}
			dst := make([]ratelimit.Status, 1)
			return func(key string) bool {
				charges[0].Key = key
				d, err := c.Take(ctx, charges, dst)
				return err == nil && d.Allowed
			}
		}
	}
	return []contestant{
		{"ulule/limiter", func() decision {
			s := engine.NewStore()
			rate := limiter.Rate{Limit: limit, Period: time.Hour}
			return func(key string) bool {
				c, err := s.Get(ctx, key, rate)
				return err == nil && !c.Reached
			}
		}},
		{"**Sallyport, fixed window**", ours(ratelimit.FixedWindow)},
		{"**Sallyport, GCRA**", ours(ratelimit.GCRA)},
		{"**Sallyport, rolling window**", ours(ratelimit.Rolling)},
		{"Echo's limiter", func() decision {
			s := middleware.NewRateLimiterMemoryStoreWithConfig(middleware.RateLimiterMemoryStoreConfig{Rate: limit, Burst: limit, ExpiresIn: time.Hour})
			return func(key string) bool {
				ok, err := s.Allow(key)
				return err == nil && ok
			}
		}},
		{"httprate", func() decision {
			l := httprate.NewRateLimiter(limit, time.Hour, httprate.WithResponseHeaders(httprate.ResponseHeaders{}))
			r, err := http.NewRequestWithContext(ctx, http.MethodGet, "/", http.NoBody)
			if err != nil {
				log.Fatal(err)
			}
			w := &discard{header: http.Header{}}
			return func(key string) bool { return !l.OnLimit(w, r, key) }
		}},
		{"throttled (GCRA)", func() decision {
			s, err := throttledmemory.NewCtx(0)
			if err != nil {
				log.Fatal(err)
			}
			l, err := throttled.NewGCRARateLimiterCtx(s, throttled.RateQuota{MaxRate: throttled.PerSec(1 << 20), MaxBurst: limit})
			if err != nil {
				log.Fatal(err)
			}
			return func(key string) bool {
				limited, _, err := l.RateLimitCtx(ctx, key, 1)
				return err == nil && !limited
			}
		}},
		{"go-limiter", func() decision {
			s, err := memorystore.New(&memorystore.Config{Tokens: limit, Interval: time.Hour})
			if err != nil {
				log.Fatal(err)
			}
			return func(key string) bool {
				_, _, _, ok, err := s.Take(ctx, key)
				return err == nil && ok
			}
		}},
	}
}
