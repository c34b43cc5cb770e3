package rediscounters_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/internal/proxytest"
	"github.com/sallyport-go/sallyport/internal/redistest"
	"github.com/sallyport-go/sallyport/internal/skip"
	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/ratelimit/rediscounters"
	"github.com/sallyport-go/sallyport/store/redisstore"
)

// node is a host with a Limiter whose counters are on a Redis at some distance.
type node struct {
	*ratelimit.Limiter

	proxy *proxytest.Proxy

	mu   sync.Mutex
	told map[ratelimit.EventKind]int
	errs []error
}

// newNode returns a node with this number of connections, all else as the defaults are,
// but for what the config has.
func newNode(t *testing.T, connections, prefix string, c rediscounters.Config, limits ratelimit.Config) *node {
	t.Helper()
	n := &node{proxy: proxytest.Start(t, redistest.Start(t).Addr), told: map[ratelimit.EventKind]int{}}
	options, err := redisstore.Options("redis://" + n.proxy.Addr + "/0?pool_size=" + connections)
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(options)
	t.Cleanup(func() { _ = client.Close() })
	c.Secret, c.Prefix = secret, prefix
	limits.Counters, err = rediscounters.New(client, c)
	if err != nil {
		t.Fatal(err)
	}
	limits.Tiers = ratelimit.Tiers{ratelimit.Anonymous: {Limit: 1 << 30, Period: time.Hour}}
	limits.ClientIP = clientip.RemoteAddr
	limits.Events = func(_ context.Context, e ratelimit.Event) {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.told[e.Kind]++
		n.errs = append(n.errs, e.Err)
	}
	if n.Limiter, err = ratelimit.New(limits); err != nil {
		t.Fatal(err)
	}
	return n
}

// crowd lets this number of clients make a request at once, each with a context of its
// own, and returns how many were admitted.
func (n *node) crowd(t *testing.T, clients int, leave bool) (admitted int) {
	t.Helper()
	var all sync.WaitGroup
	results := make([]bool, clients)
	for i := range results {
		all.Go(func() {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if leave {
				cancel()
			}
			pass, err := n.CheckLimit(httptest.NewRequestWithContext(ctx, "GET", "/", nil))
			if err != nil {
				return
			}
			pass.Done()
			results[i] = true
		})
	}
	all.Wait()
	for _, ok := range results {
		if ok {
			admitted++
		}
	}
	return admitted
}

// A node that has fewer connections to Redis than requests is slow, and Redis is not at
// fault.
func TestFaultC17CongestionOfANodeIsNoFailureOfRedis(t *testing.T) {
	t.Parallel()
	t.Run("the defaults bear 2000 requests at once over 20 connections", func(t *testing.T) {
		t.Parallel()
		n := newNode(t, "20", "congested", rediscounters.Config{}, ratelimit.Config{})
		n.proxy.Delay(4 * time.Millisecond) // 2000 of these on 20 connections are 400 ms
		if admitted := n.crowd(t, 2000, false); admitted != 2000 || len(n.told) > 0 {
			t.Errorf("%d of 2000 were admitted; events: %v, the first %v", admitted, n.told, first(n.errs))
		}
	})
	t.Run("who waits too long for a connection gets counters_busy, and the circuit stays closed", func(t *testing.T) {
		t.Parallel()
		var mu sync.Mutex
		var waits int
		n := newNode(t, "1", "busy", rediscounters.Config{OnWait: func(d time.Duration) {
			mu.Lock()
			defer mu.Unlock()
			if d > 0 {
				waits++
			}
		}}, ratelimit.Config{CounterTimeout: 300 * time.Millisecond})
		n.proxy.Delay(50 * time.Millisecond)
		const clients = 100 // six of them can be served in time
		admitted := n.crowd(t, clients, false)
		busy := n.told[ratelimit.EventCountersBusy]
		if admitted < 1 || busy != clients-admitted || len(n.told) != 1 {
			t.Errorf("%d of %d were admitted; events: %v", admitted, clients, n.told)
		}
		for _, err := range n.errs {
			if !errors.Is(err, ratelimit.ErrBusy) || errors.Is(err, ratelimit.ErrCircuitOpen) {
				t.Errorf("a cause is %v", err)
			}
		}
		if waits < clients/2 {
			t.Errorf("OnWait was called for %d of %d", waits, clients)
		}
		n.proxy.Delay(0)
		// 300 ms may be too short for once on a machine that is busy with other tests.
		if !redistest.Eventually(t, func() bool { return n.crowd(t, 1, false) == 1 }) {
			t.Errorf("afterwards nothing is admitted: %v", n.errs[len(n.errs)-1])
		}
	})
	t.Run("the client's own pool is no failure of Redis either", func(t *testing.T) {
		t.Parallel()
		proxy := proxytest.Start(t, redistest.Start(t).Addr)
		options, err := redisstore.Options("redis://" + proxy.Addr + "/0?pool_size=1&pool_timeout=10ms")
		if err != nil {
			t.Fatal(err)
		}
		client := redis.NewClient(options)
		t.Cleanup(func() { _ = client.Close() })
		c := configured(t, client, "pool", rediscounters.Config{})
		takes(t, c, charge("a", 100, 1))
		conn := client.Conn() // of the host's own: it takes the only connection
		if err := conn.Ping(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		for range 10 {
			if _, err := c.Take(t.Context(), []ratelimit.Charge{charge("a", 100, 1)}, nil); !errors.Is(err, ratelimit.ErrBusy) {
				t.Errorf("without a connection: %v", err)
			}
		}
		if err := conn.Close(); err != nil {
			t.Fatal(err)
		}
		takes(t, c, charge("a", 100, 1))
	})
}

func TestFaultC18ClientsThatHangUpAreNoFailureOfTheCounters(t *testing.T) {
	t.Parallel()
	n := newNode(t, "20", "hangup", rediscounters.Config{}, ratelimit.Config{})
	if admitted := n.crowd(t, 500, true); admitted != 500 || len(n.told) > 0 {
		t.Errorf("%d of 500 were counted; events: %v, the first %v", admitted, n.told, first(n.errs))
	}
}

func first(errs []error) error {
	if len(errs) == 0 {
		return nil
	}
	return errs[0]
}

// The one probe of an interval finds out whether the server answers, also if its caller
// leaves meanwhile.
func TestFaultC17CallerWhoLeavesDuringTheProbe(t *testing.T) {
	t.Parallel()
	a := newAsker(t, redistest.Start(t), "probe", rediscounters.Config{})
	if err := a.ask(t.Context()); err != nil {
		t.Fatal(err)
	}
	a.proxy.Down()
	for range 5 {
		_ = a.ask(t.Context())
	}
	if err := a.ask(t.Context()); !errors.Is(err, ratelimit.ErrCircuitOpen) {
		t.Fatalf("the circuit is not open: %v", err)
	}
	if err := a.proxy.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	a.clock.Pass(time.Second)
	ctx, cancel := context.WithCancel(t.Context())
	if err := a.ask(context.WithValue(ctx, between{}, func(send func() error) error {
		cancel() // on the way to the server
		return send()
	})); err != nil {
		t.Errorf("the probe: %v", err)
	}
	if got := a.all(t); got != (answers{fine: crowd}) {
		t.Errorf("in the same interval: %+v", got)
	}
}

// A slot that moves to another node refuses decisions about counters of which some
// exist and some do not. They are made when it has moved.
func TestFaultC17SlotThatMoves(t *testing.T) {
	t.Parallel()
	skip.Long(t)
	addrs := redistest.Cluster(t, 0)
	for how, config := range map[string]rediscounters.Config{"": {}, "leases": {Lease: 10}, "pipeline": {Pipeline: true}} {
		client := dialCluster(t, addrs)
		c := configured(t, client, "moving"+how, config)
		takes(t, c, charge("old", 1000, 1))
		keys := redistest.Keys(t, client, "moving"+how+":")
		if len(keys) != 1 {
			t.Fatalf("the keys are %q", keys)
		}
		move := redistest.MoveSlot(t, addrs, keys[0])
		const callers = 20
		var all sync.WaitGroup
		for range callers {
			all.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				if _, err := c.Take(ctx, []ratelimit.Charge{charge("old", 1000, 1), charge("new", 1000, 1)}, nil); err != nil {
					t.Errorf("%s: while the slot moves: %v", how, err)
				}
			})
		}
		if !redistest.Eventually(t, func() bool { return move.Refusals() > 2*callers }) {
			t.Errorf("%s: the node has refused %d calls only", how, move.Refusals())
		}
		move.Finish()
		all.Wait()
		for key, want := range map[string]int64{"old": 1000 - 1 - callers, "new": 1000 - callers} {
			d, err := c.Peek(t.Context(), []ratelimit.Charge{charge(key, 1000, 1)}, nil)
			if err != nil || d.Status[0].Remaining != want {
				t.Errorf("%s: of %q %+v are left, want %d; %v", how, key, d.Status, want, err)
			}
		}
	}
}

func TestFaultC19OneCircuitForAllThatCallTheServer(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		first func(context.Context, ratelimit.Counters, *redisstore.Store) error
	}{
		{"the counters find out", func(ctx context.Context, c ratelimit.Counters, _ *redisstore.Store) error {
			_, err := c.Take(ctx, []ratelimit.Charge{charge("a", 100, 1)}, nil)
			return err
		}},
		{"the deny list finds out", func(ctx context.Context, _ ratelimit.Counters, s *redisstore.Store) error {
			_, err := s.SessionDenied(ctx, "a")
			return err
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server := redistest.Start(t)
			client := dial(t, server.URL())
			prefix := strings.ReplaceAll(test.name, " ", "-")
			c := configured(t, client, prefix, rediscounters.Config{Timeout: 300 * time.Millisecond})
			other, err := rediscounters.Engine(client, rediscounters.Config{Secret: secret, Prefix: prefix + "engine"})
			if err != nil {
				t.Fatal(err)
			}
			s, err := redisstore.New(t.Context(), client, redisstore.Config{Users: &loginStore{}, Prefix: prefix + ":", Timeout: 600 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			calls := map[string]func() error{
				"the counters": func() error { _, err := c.Take(t.Context(), []ratelimit.Charge{charge("b", 100, 1)}, nil); return err },
				"ulule's counters": func() error {
					_, err := other.Take(t.Context(), []ratelimit.Charge{charge("b", 100, 1)}, nil)
					return err
				},
				"the deny list": func() error { _, err := s.SessionDenied(t.Context(), "b"); return err },
			}
			for name, call := range calls {
				if err := call(); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
			}
			server.Pause()
			defer server.Resume()
			if err := test.first(t.Context(), c, s); err == nil {
				t.Fatal("a frozen server has answered")
			}
			for name, call := range calls {
				quickest := time.Hour
				for range 100 {
					began := time.Now()
					if err := call(); err == nil || !strings.Contains(err.Error(), "circuit breaker is open") {
						t.Fatalf("%s: %v", name, err)
					}
					quickest = min(quickest, time.Since(began))
				}
				if quickest > time.Millisecond {
					t.Errorf("%s: a refusal takes %v", name, quickest)
				}
			}
		})
	}
}
