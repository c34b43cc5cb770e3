package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-redis/redis_rate/v10"
	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/ratelimit/rediscounters"
)

// far is a connection on which everything that is sent leaves a while later.
type far struct {
	net.Conn

	by time.Duration
}

func (f far) Write(p []byte) (int, error) {
	time.Sleep(f.by) //nolint:forbidigo // the wire cannot be stopped either
	return f.Conn.Write(p)
}

func dial(url string, by time.Duration) (*redis.Client, error) {
	options, err := redis.ParseURL(url)
	if err != nil {
		return nil, err
	}
	options.ContextTimeoutEnabled, options.MaxRetries = true, -1
	if by > 0 {
		options.Dialer = func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, addr)
			return far{conn, by}, err
		}
	}
	return redis.NewClient(options), nil
}

// onRedis prints decisions a second over Redis, by 1, 32 and 256 callers, and two
// windows at a millisecond of round trip beside two calls of the engine.
func onRedis(ctx context.Context, url string) error {
	near, err := dial(url, 0)
	if err != nil {
		return err
	}
	distant, err := dial(url, time.Millisecond)
	if err != nil {
		return err
	}
	prefix := "sallyport-bench-" + rand.Text()[:8]
	defer func() {
		for keys := near.Scan(ctx, 0, prefix+"*", 1000).Iterator(); keys.Next(ctx); {
			near.Del(ctx, keys.Val())
		}
		_, _ = near.Close(), distant.Close()
	}()
	secret := make([]byte, 32)
	open := func(client *redis.Client, c rediscounters.Config) ratelimit.Counters {
		c.Secret, c.Prefix = secret, prefix
		n, err := rediscounters.New(client, c)
		if err != nil {
			panic(err)
		}
		return n
	}
	take := func(c ratelimit.Counters, charges ...ratelimit.Charge) decision {
		return func(key string) bool {
			mine := make([]ratelimit.Charge, len(charges))
			copy(mine, charges)
			for i := range mine {
				mine[i].Key = key
			}
			d, err := c.Take(ctx, mine, nil)
			return err == nil && d.Allowed
		}
	}
	charge := func(a ratelimit.Algorithm, window time.Duration) ratelimit.Charge {
		return ratelimit.Charge{Cost: 1, Policy: ratelimit.Policy{Limit: limit, Window: window, Algorithm: a}}
	}
	rate := redis_rate.NewLimiter(near)
	fmt.Print("\n| over Redis, decisions a second | 1 caller | 32 | 256 |\n|---|--:|--:|--:|\n")
	for _, row := range []struct {
		name   string
		decide decision
	}{
		{"redis_rate", func(key string) bool {
			r, err := rate.Allow(ctx, prefix+key, redis_rate.Limit{Rate: limit, Burst: limit, Period: time.Hour})
			return err == nil && r.Allowed > 0
		}},
		{"Sallyport, fixed window", take(open(near, rediscounters.Config{}), charge(ratelimit.FixedWindow, time.Hour))},
		{"Sallyport, GCRA", take(open(near, rediscounters.Config{}), charge(ratelimit.GCRA, time.Hour))},
		{"Sallyport, rolling window", take(open(near, rediscounters.Config{}), charge(ratelimit.Rolling, time.Hour))},
		{"Sallyport, fixed window, pipelined", take(open(near, rediscounters.Config{Pipeline: true}), charge(ratelimit.FixedWindow, time.Hour))},
	} {
		fmt.Printf("| %s | %.0f | %.0f | %.0f |\n", row.name, speed(row.decide, 1), speed(row.decide, 32), speed(row.decide, 256))
	}
	engine, err := rediscounters.Engine(distant, rediscounters.Config{Secret: secret, Prefix: prefix + "e"})
	if err != nil {
		return err
	}
	hour, second := charge(ratelimit.FixedWindow, time.Hour), charge(ratelimit.FixedWindow, time.Second)
	first, then := take(engine, second), take(engine, hour)
	fmt.Print("\n| two windows, 1 ms of round trip, decisions a second | 1 caller | 32 | 256 |\n|---|--:|--:|--:|\n")
	for _, row := range []struct {
		name   string
		decide decision
	}{
		{"the engine, called twice", func(key string) bool { return first(key) && then(key) }},
		{"Sallyport", take(open(distant, rediscounters.Config{}), second, hour)},
	} {
		fmt.Printf("| %s | %.0f | %.0f | %.0f |\n", row.name, speed(row.decide, 1), speed(row.decide, 32), speed(row.decide, 256))
	}
	return nil
}

// speed is how many decisions so many callers get in a second, on 1000 keys.
func speed(decide decision, callers int) float64 {
	const long = 1500 * time.Millisecond
	var done atomic.Int64
	var all sync.WaitGroup
	ends := time.Now().Add(long)
	for i := range callers {
		all.Go(func() {
			for n := i; time.Now().Before(ends); n++ {
				if !decide(strconv.Itoa(n % 1000)) {
					panic("refused, or failed")
				}
				done.Add(1)
			}
		})
	}
	all.Wait()
	return float64(done.Load()) / long.Seconds()
}
