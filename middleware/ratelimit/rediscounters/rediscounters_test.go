package rediscounters_test

import (
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/internal/redistest"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/ratelimit/rediscounters"
)

func TestNew(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{})
	defer func() { _ = client.Close() }()
	c, err := rediscounters.New(client, rediscounters.Config{Secret: secret[:31], Lease: 1, Timeout: -1, ProbeEvery: -1})
	if c != nil || err == nil {
		t.Fatalf("New: %v, %v", c, err)
	}
	for _, part := range []string{"rediscounters: client.ContextTimeoutEnabled: must be true, got false", "Config.Secret: must be 32 random bytes or more, got 31", "Config.Lease: must be 2", "Config.Timeout", "Config.ProbeEvery"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
}

// What holds in memory holds on Redis.
func TestCounters(t *testing.T) {
	t.Parallel()
	single := dial(t, redistest.URL(t))
	cluster := dialCluster(t, redistest.SharedCluster(t))
	for name, open := range map[string]func(t *testing.T) ratelimit.Counters{
		"in memory":                   func(*testing.T) ratelimit.Counters { return ratelimit.Memory() },
		"on a server":                 func(t *testing.T) ratelimit.Counters { return counters(t, single, redistest.Prefix(t, single)) },
		"on the engine, on a server":  func(t *testing.T) ratelimit.Counters { return engine(t, single, redistest.Prefix(t, single)) },
		"on the engine, on a Cluster": func(t *testing.T) ratelimit.Counters { return engine(t, cluster, redistest.Prefix(t, cluster)) },
		"on a Cluster":                func(t *testing.T) ratelimit.Counters { return counters(t, cluster, redistest.Prefix(t, cluster)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, test := range countersTests {
				t.Run(test.name, func(t *testing.T) {
					t.Parallel()
					test.check(t, open(t))
				})
			}
		})
	}
}

var countersTests = []struct {
	name  string
	check func(t *testing.T, c ratelimit.Counters)
}{
	{"a charge is counted, and its end is told", func(t *testing.T, c ratelimit.Counters) {
		for left := int64(2); left >= 0; left-- {
			s := takes(t, c, charge("a", 3, 1)).Status[0]
			if !s.Allowed || s.Remaining != left || s.RetryAfter != 0 || s.ResetAfter > time.Hour || s.ResetAfter < time.Hour-time.Minute {
				t.Errorf("with %d left: %+v", left, s)
			}
		}
		d := takes(t, c, charge("a", 3, 1))
		if s := d.Status[0]; d.Allowed || s.Allowed || s.Remaining != 0 || s.RetryAfter != s.ResetAfter || s.RetryAfter < time.Hour-time.Minute {
			t.Errorf("over the limit: %+v", d)
		}
	}},
	{"what is refused spends nothing", func(t *testing.T, c ratelimit.Counters) {
		takes(t, c, charge("a", 100, 95))
		for range 3 {
			if d := takes(t, c, charge("a", 100, 10)); d.Allowed || d.Status[0].Remaining != 5 {
				t.Errorf("10 of 5: %+v", d)
			}
		}
		for range 5 {
			if d := takes(t, c, charge("a", 100, 1)); !d.Allowed {
				t.Errorf("1 of the last 5: %+v", d)
			}
		}
	}},
	{"all charges are made, or none", func(t *testing.T, c ratelimit.Counters) {
		takes(t, c, charge("b", 5, 5))
		d := takes(t, c, charge("a", 5, 2), charge("b", 5, 1), charge("c", 5, 3))
		if d.Allowed || !d.Status[0].Allowed || d.Status[1].Allowed || d.Status[0].Remaining != 5 || d.Status[2].Remaining != 5 {
			t.Errorf("%+v", d)
		}
	}},
	{"a limit that changes counts at once", func(t *testing.T, c ratelimit.Counters) {
		takes(t, c, charge("a", 5, 5))
		for range 20 {
			takes(t, c, charge("a", 5, 1))
		}
		if d := takes(t, c, charge("a", 10, 1)); !d.Allowed || d.Status[0].Remaining != 4 {
			t.Errorf("raised: %+v", d)
		}
		if d := takes(t, c, charge("a", 6, 1)); d.Allowed {
			t.Errorf("lowered: %+v", d)
		}
		if d := takes(t, c, charge("z", 0, 1)); d.Allowed {
			t.Errorf("none: %+v", d)
		}
	}},
	{"a peek writes nothing, and a reset forgets", func(t *testing.T, c ratelimit.Counters) {
		takes(t, c, charge("a", 5, 3))
		for range 5 {
			if d, err := c.Peek(t.Context(), []ratelimit.Charge{charge("a", 5, 3)}, nil); err != nil || d.Allowed || d.Status[0].Remaining != 2 {
				t.Errorf("Peek: %+v, %v", d, err)
			}
		}
		if err := c.Reset(t.Context(), []ratelimit.Charge{charge("a", 5, 1)}); err != nil {
			t.Fatal(err)
		}
		if d := takes(t, c, charge("a", 5, 5)); !d.Allowed {
			t.Errorf("after Reset: %+v", d)
		}
	}},
	{"keys that look alike are two", func(t *testing.T, c ratelimit.Counters) {
		for _, key := range []string{"a:b", "a", "A", "a ", "a:b:"} {
			if d := takes(t, c, charge(key, 1, 1)); !d.Allowed {
				t.Errorf("%q: %+v", key, d)
			}
		}
	}},
	{"a charge that is none is an error", func(t *testing.T, c ratelimit.Counters) {
		for _, wrong := range []ratelimit.Charge{
			charge("", 1, 1), charge("a", 1, 0), charge("a", 1, math.MaxInt64),
			{Key: "a", Policy: ratelimit.Policy{Limit: 1, Window: time.Millisecond}, Cost: 1},
		} {
			if d, err := c.Take(t.Context(), []ratelimit.Charge{wrong}, nil); err == nil {
				t.Errorf("%+v: %+v", wrong, d)
			}
		}
	}},
}

func TestExactness(t *testing.T) {
	t.Parallel()
	const limit, callers, each = 1000, 64, 24
	url := redistest.URL(t)
	prefix := redistest.Prefix(t, dial(t, url))
	var admitted atomic.Int64
	var all sync.WaitGroup
	for range 2 { // nodes
		c := counters(t, dial(t, url), prefix)
		for range callers {
			all.Go(func() {
				for range each {
					d, err := c.Take(t.Context(), []ratelimit.Charge{charge("a", limit, 1)}, nil)
					if err != nil {
						t.Error(err)
					}
					if d.Allowed {
						admitted.Add(1)
					}
				}
			})
		}
	}
	all.Wait()
	if admitted.Load() != limit {
		t.Errorf("of %d calls %d were admitted, want %d", 2*callers*each, admitted.Load(), limit)
	}
}
