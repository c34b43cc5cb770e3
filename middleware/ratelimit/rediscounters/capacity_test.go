package rediscounters_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/internal/redistest"
	"github.com/sallyport-go/sallyport/internal/skip"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/ratelimit/countertest"
	"github.com/sallyport-go/sallyport/middleware/ratelimit/rediscounters"
)

var allGroups = []ratelimit.Group{ratelimit.GroupCallers, ratelimit.GroupAddresses, ratelimit.GroupAttempts, ratelimit.GroupKnown}

// in is a charge in a group, from a source.
func in(g ratelimit.Group, source string, c ratelimit.Charge) ratelimit.Charge {
	c.Group, c.Source = g, source
	return c
}

// exact checks that a caller has a counter of its own, with a limit that is not
// spent.
func exact(t *testing.T, c ratelimit.Counters, what string, charge ratelimit.Charge) {
	t.Helper()
	for i := range charge.Policy.Limit + 1 {
		if d := takes(t, c, charge); d.Allowed != (i < charge.Policy.Limit) {
			t.Fatalf("%s: charge %d of a limit of %d: %+v", what, i+1, charge.Policy.Limit, d)
		}
	}
}

func refunds(t *testing.T, c ratelimit.Counters, charges ...ratelimit.Charge) {
	t.Helper()
	if err := c.Refund(t.Context(), charges); err != nil {
		t.Fatal(err)
	}
}

func TestFaultA1KeysOnRedis(t *testing.T) {
	t.Parallel()
	skip.Long(t)
	const most = 64
	config := rediscounters.Config{SourceCounters: most}
	for _, algorithm := range algorithms {
		of := func(g ratelimit.Group, source, key string, limit int64) ratelimit.Charge {
			c := in(g, source, by(algorithm, charge(key, limit, 1)))
			c.Policy.Window = 30 * 24 * time.Hour // of which nothing leaks while the test runs
			return c
		}
		t.Run(algorithm.String(), func(t *testing.T) {
			t.Parallel()
			client := dial(t, redistest.Start(t).URL())
			size := func() int64 {
				n, err := client.DBSize(t.Context()).Result()
				if err != nil {
					t.Fatal(err)
				}
				return n
			}
			c := configured(t, client, "a", config)
			other := configured(t, client, "a", config) // another node
			before := func() int64 {                    // the number of the last reset is one key
				charges := []ratelimit.Charge{of(ratelimit.GroupCallers, "", "reset", 1)}
				if err := c.Reset(t.Context(), charges); err != nil {
					t.Fatal(err)
				}
				return size()
			}()
			// What is refunded or reset leaves no key.
			for _, g := range allGroups {
				for i := range 3 * most {
					charges := []ratelimit.Charge{of(g, "192.0.2.0/24", strconv.Itoa(i), 20), of(g, "192.0.2.0/24", "b"+strconv.Itoa(i), 20)}
					if d := takes(t, c, charges...); !d.Allowed {
						t.Fatalf("%v, %d: %+v", g, i, d)
					}
					if i%2 == 0 {
						refunds(t, other, charges...)
					} else if err := other.Reset(t.Context(), charges); err != nil {
						t.Fatal(err)
					}
				}
				if n := size() - before; n != 0 {
					t.Fatalf("%v: %d keys are left", g, n)
				}
			}
			for _, g := range allGroups[1:3] {
				if err := client.FlushDB(t.Context()).Err(); err != nil {
					t.Fatal(err)
				}
				c, other := configured(t, client, "a", config), configured(t, client, "a", config)
				before := int64(1)
				refunds(t, c, of(g, "", "nothing", 1)) // is no counter
				if err := c.Reset(t.Context(), []ratelimit.Charge{of(g, "", "reset", 1)}); err != nil {
					t.Fatal(err)
				}
				for i := range 20 * most {
					takes(t, c, of(g, "2001:db8::/48", strconv.Itoa(i), 1000))
				}
				if n := size() - before; n != most+2 { // the number that was made, and the shared counter
					t.Errorf("%v: one source has made %d keys", g, n)
				}
				for i := range most { // and many at once, from a source that makes no more
					charges := []ratelimit.Charge{of(g, "2001:db8::/48", fmt.Sprint("x", i), 1<<20), of(g, "2001:db8::/48", fmt.Sprint("y", i), 1<<20)}
					takes(t, c, charges...)
					refunds(t, c, charges...)
				}
				if n := size() - before; n != most+2 {
					t.Errorf("%v: one source has made %d keys", g, n)
				}
				// It is limited first.
				for i := range 1000 {
					takes(t, other, of(g, "2001:db8::/48", "more "+strconv.Itoa(i), 1000))
				}
				if d := takes(t, other, of(g, "2001:db8::/48", "last", 1000)); d.Allowed {
					t.Errorf("%v: %+v", g, d)
				}
				// Others are not, whatever their group.
				for _, other := range allGroups {
					source := "192.0.2.0/24"
					if other != g {
						source = "2001:db8::/48"
					}
					exact(t, c, fmt.Sprint(g, " full, ", other), of(other, source, g.String()+" "+other.String(), 3))
				}
				// Who has a counter keeps it.
				if d := takes(t, c, of(g, "2001:db8::/48", "1", 1000)); !d.Allowed || d.Status[0].Remaining < 990 {
					t.Errorf("%v: %+v", g, d)
				}
			}
		})
	}
	t.Run("what was counted in a shared counter is remembered when a source may make counters again", func(t *testing.T) {
		t.Parallel()
		for _, client := range []redis.UniversalClient{dial(t, redistest.URL(t)), dialCluster(t, redistest.SharedCluster(t))} {
			clock := countertest.NewClock()
			config := config
			config.Now = clock.Now
			c := configured(t, client, redistest.Prefix(t, client), config)
			rediscounters.WithClock(c, clock.Now)
			day := func(key string, limit int64) ratelimit.Charge {
				x := in(ratelimit.GroupAttempts, "s", charge(key, limit, 1))
				x.Policy.Window = 24 * time.Hour
				return x
			}
			for i := range most {
				takes(t, c, day(strconv.Itoa(i), 3))
			}
			exact(t, c, "shared", day("a", 3))
			clock.Pass(2 * time.Hour)
			if d := takes(t, c, day("a", 3)); d.Allowed {
				t.Errorf("%+v", d)
			}
			clock.Pass(23 * time.Hour)
			exact(t, c, "later", day("a", 3))
			exact(t, c, "later", day("b", 3))
		}
	})
	t.Run("a counter that is refunded begins a new window", func(t *testing.T) {
		t.Parallel()
		client := dial(t, redistest.URL(t))
		clock := countertest.NewClock()
		c := configured(t, client, redistest.Prefix(t, client), rediscounters.Config{})
		rediscounters.WithClock(c, clock.Now)
		takes(t, c, charge("a", 5, 1))
		clock.Pass(59 * time.Minute)
		refunds(t, c, charge("a", 5, 1))
		if d := takes(t, c, charge("a", 5, 1)); d.Status[0].ResetAfter != time.Hour {
			t.Errorf("%+v", d)
		}
	})
	t.Run("leases and known refusals are each group's", func(t *testing.T) {
		t.Parallel()
		client := dial(t, redistest.URL(t))
		c := configured(t, client, redistest.Prefix(t, client), rediscounters.Config{Lease: 2})
		for _, g := range allGroups {
			exact(t, c, g.String(), in(g, "s", charge("same key", 7, 1)))
		}
		for _, g := range allGroups { // known refusals
			if d := takes(t, c, in(g, "s", charge("same key", 7, 1))); d.Allowed {
				t.Errorf("%v: %+v", g, d)
			}
		}
	})
	t.Run("a bound that cannot be is refused", func(t *testing.T) {
		t.Parallel()
		client := dial(t, redistest.URL(t))
		for _, most := range []int64{-1, 63, 1_000_001} {
			if _, err := rediscounters.New(client, rediscounters.Config{Secret: secret, SourceCounters: most}); err == nil || !strings.Contains(err.Error(), "Config.SourceCounters: must be 64 to 1000000") {
				t.Errorf("%d: %v", most, err)
			}
		}
	})
}
