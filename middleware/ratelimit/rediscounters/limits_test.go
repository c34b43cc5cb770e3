package rediscounters_test

import (
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/internal/proxytest"
	"github.com/sallyport-go/sallyport/internal/redistest"
	"github.com/sallyport-go/sallyport/internal/skip"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/ratelimit/countertest"
	"github.com/sallyport-go/sallyport/middleware/ratelimit/rediscounters"
)

var algorithms = []ratelimit.Algorithm{ratelimit.FixedWindow, ratelimit.GCRA, ratelimit.Rolling}

// by is a charge by another algorithm.
func by(a ratelimit.Algorithm, c ratelimit.Charge) ratelimit.Charge {
	c.Policy.Algorithm = a
	return c
}

// configured returns Counters with this Config, whose Secret and Prefix are set.
func configured(t testing.TB, client redis.UniversalClient, prefix string, c rediscounters.Config) ratelimit.Counters {
	t.Helper()
	c.Secret, c.Prefix = secret, strings.TrimSuffix(prefix, ":")
	if c.Timeout == 0 {
		c.Timeout = patience
	}
	n, err := rediscounters.New(client, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

// The suite that others run, on a server, by a clock of its own.
func TestConformance(t *testing.T) {
	t.Parallel()
	client := dial(t, redistest.URL(t))
	for name, c := range map[string]rediscounters.Config{
		"one by one": {}, "pipelined": {Pipeline: true}, "with leases": {Lease: 10},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			countertest.Run(t, func(t *testing.T) countertest.Fixture {
				prefix := redistest.Prefix(t, client)
				clock := countertest.NewClock()
				c := c
				c.Now = clock.Now
				client, stall := client, (func(bool))(nil)
				if strings.HasSuffix(t.Name(), "a_call_returns_when_its_context_is_done") { // others need no proxy
					address := *client.Options()
					proxy := proxytest.Start(t, address.Addr)
					address.Addr, address.Dialer = proxy.Addr, nil
					client = redis.NewClient(&address)
					t.Cleanup(func() { _ = client.Close() })
					stall = func(stalled bool) {
						proxy.Silence(stalled)
						if !stalled {
							proxy.Cut() // a client that waits for an answer would wait for patience
						}
					}
				}
				n := configured(t, client, prefix, c)
				rediscounters.WithClock(n, clock.Now)
				inexact := time.Duration(0)
				if c.Lease > 0 { // what is charged ahead may be missed elsewhere
					inexact = time.Microsecond
				}
				return countertest.Fixture{Counters: n, Pass: clock.Pass, RoundsUp: inexact, Stall: stall, Unend: func() {
					for _, key := range redistest.Keys(t, client, prefix) {
						if err := client.Persist(t.Context(), key).Err(); err != nil {
							t.Error(err)
						}
					}
				}}
			})
		})
	}
}

// counting counts the commands that are sent, and the connections that are made.
type counting struct{ n, dials atomic.Int64 }

func (c *counting) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		c.dials.Add(1)
		return next(ctx, network, addr)
	}
}

func (c *counting) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		c.n.Add(1)
		if step, ok := ctx.Value(between{}).(func(send func() error) error); ok {
			return step(func() error { return next(ctx, cmd) })
		}
		return next(ctx, cmd)
	}
}

// between is whose value in a context stands between the client and the network.
type between struct{}

func (c *counting) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// One decision is one round trip, however many windows; a refusal that is known
// is none until it ends, until the limit changes, or until somebody resets.
func TestRoundTrips(t *testing.T) {
	t.Parallel()
	url := redistest.URL(t)
	client := dial(t, url)
	prefix := redistest.Prefix(t, client)
	var trips counting
	client.AddHook(&trips)
	clock := countertest.NewClock()
	c := lending(t, client, prefix, 0, clock, clock)
	elsewhere := lending(t, dial(t, url), prefix, 0, clock, clock)
	takes(t, c, charge("warm", 5, 1)) // so that the server has the script
	cost := func(want int64, what string, f func()) {
		t.Helper()
		trips.n.Store(0)
		f()
		if got := trips.n.Load(); got != want {
			t.Errorf("%s: %d round trips, want %d", what, got, want)
		}
	}
	all := func(limit int64) []ratelimit.Charge {
		return []ratelimit.Charge{charge("a", limit, 1), by(ratelimit.GCRA, charge("b", 5000, 1)), by(ratelimit.Rolling, charge("c", 5000, 1))}
	}
	for range 2 {
		cost(1, "three windows", func() {
			if d := takes(t, c, all(2)...); !d.Allowed {
				t.Errorf("%+v", d)
			}
		})
	}
	refused := func(limit int64) {
		t.Helper()
		d := takes(t, c, all(limit)...)
		if s := d.Status[0]; d.Allowed || s.Allowed || s.RetryAfter <= 0 || s.RetryAfter != s.ResetAfter || !d.Status[1].Allowed {
			t.Errorf("%+v", d)
		}
	}
	cost(1, "the first refusal", func() { refused(2) })
	cost(0, "a flood of others", func() {
		for range 1000 {
			refused(2)
		}
		clock.Pass(59 * time.Minute)
		refused(2)
		if wait := takes(t, c, all(2)...).Status[0].RetryAfter; wait != time.Minute {
			t.Errorf("RetryAfter is %v, a minute before the end", wait)
		}
	})
	cost(1, "an upgrade", func() {
		if d := takes(t, c, all(3)...); !d.Allowed {
			t.Errorf("%+v", d)
		}
	})
	cost(1, "a downgrade", func() { refused(1) })
	cost(0, "the old limit", func() { refused(2) })
	if err := elsewhere.Reset(t.Context(), all(2)[:1]); err != nil {
		t.Fatal(err)
	}
	takes(t, c, charge("somebody else", 5, 1)) // which brings the news
	if d := takes(t, c, all(2)...); !d.Allowed {
		t.Errorf("after a reset on another node: %+v", d)
	}
	takes(t, c, all(2)...)
	cost(1, "over again", func() { refused(2) })
	clock.Pass(time.Hour)
	cost(1, "when the window has ended", func() {
		if d := takes(t, c, all(2)...); !d.Allowed {
			t.Errorf("%+v", d)
		}
	})
}

// One invalid counter does not open the circuit for the others.
func TestF28WrongType(t *testing.T) {
	t.Parallel()
	client := dial(t, redistest.URL(t))
	prefix := redistest.Prefix(t, client)
	c := counters(t, client, prefix)
	takes(t, c, charge("a", 5, 1))
	key := newest(t, client, prefix)
	for name, spoil := range map[string]func() error{
		"a list":       func() error { return client.RPush(t.Context(), key, "x").Err() },
		"a short word": func() error { return client.Set(t.Context(), key, "500", 0).Err() },
	} {
		client.Del(t.Context(), key)
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		for range 20 {
			if d, err := c.Take(t.Context(), []ratelimit.Charge{charge("b", 1000, 1), charge("a", 5, 1)}, nil); err == nil || errors.Is(err, ratelimit.ErrCircuitOpen) {
				t.Fatalf("%s: %+v, %v", name, d, err)
			}
		}
		if d := takes(t, c, charge("b", 1000, 1)); d.Status[0].Remaining < 998 {
			t.Errorf("%s: what failed was charged: %+v", name, d)
		}
	}
}

func TestF28CounterWithoutEnd(t *testing.T) {
	t.Parallel()
	client := dial(t, redistest.URL(t))
	for _, algorithm := range algorithms {
		prefix := redistest.Prefix(t, client)
		c := counters(t, client, prefix)
		takes(t, c, by(algorithm, charge("a", 5, 4)))
		key := newest(t, client, prefix)
		if err := client.Persist(t.Context(), key).Err(); err != nil {
			t.Fatal(err)
		}
		takes(t, c, by(algorithm, charge("a", 5, 1)))
		if ttl := client.TTL(t.Context(), key).Val(); ttl <= 0 || ttl > 2*time.Hour {
			t.Errorf("%v: it has %v to live", algorithm, ttl)
		}
	}
}

// A request whose reply was lost is charged once, however often the client is told
// to retry.
func TestF27LostReply(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	for name, c := range map[string]rediscounters.Config{"one by one": {}, "pipelined": {Pipeline: true}} {
		for _, keep := range []int{0, 1, 7} {
			proxy := proxytest.Start(t, server.Addr)
			prefix := "lost" + strconv.Itoa(keep) + name
			n, direct := configured(t, dial(t, "redis://"+proxy.Addr), prefix, c), configured(t, dial(t, server.URL()), prefix, rediscounters.Config{})
			takes(t, n, charge("a", 50, 1))
			proxy.CutReply(keep, prefix)
			if d, err := n.Take(t.Context(), []ratelimit.Charge{charge("a", 50, 1)}, nil); err == nil {
				t.Errorf("%s: %+v", name, d)
			}
			d, err := direct.Peek(t.Context(), []ratelimit.Charge{charge("a", 50, 1)}, nil)
			if err != nil || d.Status[0].Remaining != 48 || proxy.Hits() != 1 {
				t.Errorf("%s: it was sent %d times: %+v, %v", name, proxy.Hits(), d, err)
			}
			proxy.CutReply(0)
			if !redistest.Eventually(t, func() bool {
				_, err := n.Take(t.Context(), []ratelimit.Charge{charge("b", 50, 1)}, nil)
				return err == nil
			}) {
				t.Errorf("%s: the counters do not recover", name)
			}
		}
	}
}

// Decisions depend on the server's clock, whatever the node's says.
func TestF31NodeClock(t *testing.T) {
	t.Parallel()
	client := dial(t, redistest.URL(t))
	prefix := redistest.Prefix(t, client)
	for _, off := range []time.Duration{0, 10 * time.Minute, -10 * time.Minute} {
		c := configured(t, client, prefix, rediscounters.Config{Now: func() time.Time { return time.Now().Add(off) }})
		d := takes(t, c, charge("a", 3, 1))
		if s := d.Status[0]; !d.Allowed || s.ResetAfter > time.Hour || s.ResetAfter < time.Hour-time.Minute {
			t.Errorf("%v off: %+v", off, d)
		}
	}
	for _, off := range []time.Duration{0, 10 * time.Minute, -10 * time.Minute} {
		c := configured(t, client, prefix, rediscounters.Config{Now: func() time.Time { return time.Now().Add(off) }})
		for range 2 {
			if d := takes(t, c, charge("a", 3, 1)); d.Allowed || d.Status[0].RetryAfter > time.Hour || d.Status[0].RetryAfter < time.Hour-time.Minute {
				t.Errorf("%v off: %+v", off, d)
			}
		}
	}
}

// All keys of a decision have one hash tag, so a Cluster keeps them together.
func TestF30Cluster(t *testing.T) {
	t.Parallel()
	skip.Long(t)
	cluster := dialCluster(t, redistest.SharedCluster(t))
	for _, pipelined := range []bool{false, true} {
		prefix := redistest.Prefix(t, cluster)
		c := configured(t, cluster, prefix, rediscounters.Config{Pipeline: pipelined})
		for i := range 50 {
			var all []ratelimit.Charge
			for j := range 5 {
				all = append(all, by(algorithms[j%3], charge(strconv.Itoa(i*j)+"/"+strconv.Itoa(j), 1000, 1)))
			}
			if d := takes(t, c, all...); !d.Allowed {
				t.Errorf("%+v", d)
			}
		}
	}
}
