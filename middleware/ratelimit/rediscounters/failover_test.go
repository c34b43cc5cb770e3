package rediscounters_test

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/internal/redistest"
	"github.com/sallyport-go/sallyport/internal/skip"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/ratelimit/rediscounters"
	"github.com/sallyport-go/sallyport/store/redisstore"
)

// A replica takes over from a master that was killed under load. Every decision ends
// within its deadline, the counters recover without a restart, and the limit then holds
// exactly.
func TestFaultC17Failover(t *testing.T) {
	t.Parallel()
	skip.Long(t)
	for name, start := range map[string]func(*testing.T) (client redis.UniversalClient, fail func() (recovered func())){
		"Sentinel":                   behindSentinel,
		"a Cluster of three masters": inCluster,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, fail := start(t)
			const probeEvery = 100 * time.Millisecond
			var sent failing
			client.AddHook(&sent)
			nodes := map[string]*underLoad{}
			for how, lease := range map[string]int64{"without leases": 0, "with leases": 10} {
				nodes[how] = &underLoad{Counters: configured(t, client, "failover", rediscounters.Config{Lease: lease, Timeout: 500 * time.Millisecond, ProbeEvery: probeEvery})}
			}
			end := make(chan struct{})
			var load sync.WaitGroup
			for how, n := range nodes {
				for range 4 {
					load.Go(func() { n.load(t, "load "+how, end) })
				}
			}
			all := func(what string, so func(n *underLoad) bool) {
				t.Helper()
				for how, n := range nodes {
					if !redistest.Eventually(t, func() bool { return so(n) }) {
						t.Errorf("%s: %s", how, what)
					}
				}
			}
			all("nothing is counted before", func(n *underLoad) bool { return n.answered.Load() > 100 })
			began := time.Now()
			sent.n.Store(0)
			recovered := fail()
			all("the circuit does not open", func(n *underLoad) bool { return n.refused.Load() > 0 })
			recovered()
			for _, n := range nodes {
				n.answered.Store(0)
			}
			there := time.Now()
			all("the counters do not recover", func(n *underLoad) bool { return n.answered.Load() > 0 })
			took := time.Since(there)
			all("the counters do not go on", func(n *underLoad) bool { return n.answered.Load() > 100 })
			// Those that were under way, one or two for each of 8 callers, and the probes.
			if most, failed := 16+2*int64(time.Since(began)/probeEvery), sent.n.Load(); failed > most {
				t.Errorf("%d calls have failed in %v, want a probe each %v: %d at most", failed, time.Since(began), probeEvery, most)
			}
			t.Logf("recovered %v after the server, with %d calls that have failed and %d refusals", took, sent.n.Load(), nodes["with leases"].refused.Load()+nodes["without leases"].refused.Load())
			if alone := os.Getenv("SALLYPORT_ALONE") != ""; alone && took > 2*time.Second {
				t.Errorf("they recover %v after the server, want 2 s at most", took)
			}
			close(end)
			load.Wait()
			for how, n := range nodes {
				const limit = 50
				admitted := 0
				for range 2 * limit {
					d, err := n.take(t, how, limit)
					if err != nil {
						t.Fatalf("%s: after %d: %v", how, admitted, err)
					}
					if d.Allowed {
						admitted++
					}
				}
				if admitted != limit {
					t.Errorf("%s: %d were admitted, want %d", how, admitted, limit)
				}
			}
		})
	}
}

// failing counts the commands that fail. It is all that the server is asked while it
// does not answer.
type failing struct{ n atomic.Int64 }

func (*failing) DialHook(next redis.DialHook) redis.DialHook { return next }

func (f *failing) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		if err != nil {
			f.n.Add(1)
		}
		return err
	}
}

func (*failing) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// underLoad are counters that several callers use all the time.
type underLoad struct {
	ratelimit.Counters

	answered, refused atomic.Int64
}

func (n *underLoad) take(t *testing.T, key string, limit int64) (ratelimit.Decision, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	return n.Take(ctx, []ratelimit.Charge{charge(key, limit, 1)}, nil)
}

// load takes until the end, and counts the answers and the refusals of the circuit.
func (n *underLoad) load(t *testing.T, key string, end chan struct{}) {
	t.Helper()
	for {
		select {
		case <-end:
			return
		default:
		}
		began := time.Now()
		_, err := n.take(t, key, 1<<30)
		switch {
		case err == nil:
			n.answered.Add(1)
		case errors.Is(err, ratelimit.ErrCircuitOpen):
			n.refused.Add(1)
		}
		if took := time.Since(began); took > patience/2 {
			t.Errorf("a decision took %v", took)
		}
	}
}

// behindSentinel and inCluster return a client, and what kills the master of it. That
// returns what waits until another has taken over.
func behindSentinel(t *testing.T) (client redis.UniversalClient, fail func() (recovered func())) {
	t.Helper()
	addr, master := redistest.Sentinel(t)
	options, err := redisstore.Options("redis://" + master.Addr)
	if err != nil {
		t.Fatal(err)
	}
	failover := redis.NewFailoverClient(&redis.FailoverOptions{
		MasterName: redistest.MasterName, SentinelAddrs: []string{addr},
		ContextTimeoutEnabled: true, DialTimeout: options.DialTimeout, ReadTimeout: options.ReadTimeout,
		WriteTimeout: options.WriteTimeout, PoolTimeout: options.PoolTimeout, MaxRetries: options.MaxRetries, DialerRetries: options.DialerRetries,
	})
	t.Cleanup(func() { _ = failover.Close() })
	return failover, func() func() {
		master.Kill()
		return func() {
			sentinel := redis.NewSentinelClient(&redis.Options{Addr: addr})
			defer func() { _ = sentinel.Close() }()
			if !redistest.Eventually(t, func() bool {
				now, err := sentinel.GetMasterAddrByName(t.Context(), redistest.MasterName).Result()
				return err == nil && net.JoinHostPort(now[0], now[1]) != master.Addr
			}) {
				t.Fatal("no replica takes over")
			}
		}
	}
}

func inCluster(t *testing.T) (client redis.UniversalClient, fail func() (recovered func())) {
	t.Helper()
	addrs := redistest.Cluster(t, 1)
	options, err := redisstore.ClusterOptions("redis://" + addrs[0] + "?addr=" + addrs[1] + "&addr=" + addrs[2])
	if err != nil {
		t.Fatal(err)
	}
	cluster := redis.NewClusterClient(options)
	t.Cleanup(func() { _ = cluster.Close() })
	return cluster, func() func() {
		keys := redistest.Keys(t, cluster, "failover:")
		if len(keys) == 0 {
			t.Fatal("there are no counters")
		}
		master, err := cluster.MasterForKey(t.Context(), keys[0])
		if err != nil {
			t.Fatal(err)
		}
		replica := redistest.Replica(t, master)
		_ = master.Do(t.Context(), "shutdown", "nosave").Err() // it hangs up
		if err := replica.Do(t.Context(), "cluster", "failover", "takeover").Err(); err != nil {
			t.Fatal(err)
		}
		return func() {}
	}
}
