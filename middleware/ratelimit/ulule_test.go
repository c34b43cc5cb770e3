package ratelimit_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ulule/limiter/v3"
	"github.com/ulule/limiter/v3/drivers/store/memory"

	"github.com/sallyport-go/sallyport/middleware/ratelimit"
)

// engines are the counters of this package: the embedded ones, and those on a
// limiter.Store of the host's (ulule's own, without the cleaner that no test can
// stop).
var engines = []struct {
	name string
	open func() ratelimit.Counters
}{
	{"in memory", ratelimit.Memory},
	{"in memory on the engine", ratelimit.UluleMemory},
	{"on a limiter.Store", func() ratelimit.Counters {
		return ratelimit.FromLimiter(memory.NewStoreWithOptions(limiter.StoreOptions{Prefix: "p"}))
	}},
}

func charge(key string, limit, cost int64, window time.Duration) ratelimit.Charge {
	return ratelimit.Charge{Key: key, Policy: ratelimit.Policy{Name: "p", Limit: limit, Window: window}, Cost: cost}
}

// takes wants a Take to be allowed or refused.
func takes(t *testing.T, c ratelimit.Counters, want bool, charges ...ratelimit.Charge) ratelimit.Decision {
	t.Helper()
	d, err := c.Take(t.Context(), charges, nil)
	if err != nil || d.Allowed != want || len(d.Status) != len(charges) {
		t.Fatalf("Take = %+v, %v, want %t", d, err, want)
	}
	return d
}

// What holds whatever the engine.
func TestEngines(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		run  func(*testing.T, ratelimit.Counters)
	}{
		{"a charge over the limit spends nothing, and smaller ones still fit", func(t *testing.T, c ratelimit.Counters) {
			t.Helper()
			takes(t, c, true, hour("a", 100, 95))
			takes(t, c, false, hour("a", 100, 10))
			for range 5 {
				takes(t, c, true, hour("a", 100, 1))
			}
			takes(t, c, false, hour("a", 100, 1))
		}},
		{"of several charges all are made or none, whichever is over its limit", func(t *testing.T, c ratelimit.Counters) {
			t.Helper()
			for i := range 3 {
				charges := []ratelimit.Charge{hour("a", 9, 2), hour("b", 9, 2), hour("c", 9, 2)}
				charges[i].Policy.Limit = 1
				d := takes(t, c, false, charges...)
				for j, s := range d.Status {
					if s.Allowed != (i != j) || (s.RetryAfter > 0) != (i == j) || s.Remaining != charges[j].Policy.Limit {
						t.Errorf("charge %d of %+v", j, d)
					}
				}
			}
			takes(t, c, true, hour("a", 9, 9), hour("b", 9, 9), hour("c", 9, 9))
		}},
		{"a limit that is raised admits the next call at once, after any number of refusals", func(t *testing.T, c ratelimit.Counters) {
			t.Helper()
			takes(t, c, true, hour("a", 5, 5))
			for range 10000 {
				takes(t, c, false, hour("a", 5, 1))
			}
			if d := takes(t, c, true, hour("a", 7, 1)); d.Status[0].Remaining != 1 {
				t.Errorf("%+v", d)
			}
			takes(t, c, false, hour("a", 5, 1))
			takes(t, c, true, hour("a", 7, 1))
			takes(t, c, false, hour("a", 7, 1))
		}},
		{"a window begins with its first request, and nothing moves its end", func(t *testing.T, c ratelimit.Counters) {
			t.Helper()
			pass(17*time.Minute + 300*time.Millisecond)
			takes(t, c, true, hour("a", 2, 1))
			pass(59 * time.Minute)
			takes(t, c, true, hour("a", 2, 1))
			d := takes(t, c, false, hour("a", 2, 1))
			if after := d.Status[0].ResetAfter; after < time.Minute || after > time.Minute+time.Second {
				t.Errorf("the window ends after %v, want a minute", after)
			}
			pass(time.Minute - 1)
			takes(t, c, false, hour("a", 2, 1))
			pass(time.Second + 1)
			takes(t, c, true, hour("a", 2, 2))
			takes(t, c, false, hour("a", 2, 1))
		}},
		{"what is left is never less than nothing, nor more than the limit", func(t *testing.T, c ratelimit.Counters) {
			t.Helper()
			for _, limit := range []int64{0, 1, 5, 3, 0, 10} {
				d, err := c.Take(t.Context(), []ratelimit.Charge{hour("a", limit, 1)}, nil)
				if err != nil || d.Status[0].Remaining < 0 || d.Status[0].Remaining > limit {
					t.Errorf("%+v, %v", d, err)
				}
			}
		}},
		{"a window that ends while charges are refused leaves no credit", func(t *testing.T, c ratelimit.Counters) {
			t.Helper()
			takes(t, c, true, charge("a", 10, 10, 3*time.Second))
			for range 400 {
				if _, err := c.Take(t.Context(), []ratelimit.Charge{charge("a", 10, 11, 3*time.Second)}, nil); err != nil {
					t.Fatal(err)
				}
				pass(10 * time.Millisecond)
			}
			pass(10 * time.Second)
			takes(t, c, true, charge("a", 10, 10, 3*time.Second))
			takes(t, c, false, charge("a", 10, 1, 3*time.Second))
		}},
		{"one bad charge among good ones makes none of them", func(t *testing.T, c ratelimit.Counters) {
			t.Helper()
			good := charge("a", 5, 5, time.Second)
			for _, bad := range []ratelimit.Charge{hour("", 1, 1), hour("b", 1, 0), charge("b", 1, 1, 0)} {
				if d, err := c.Take(t.Context(), []ratelimit.Charge{good, bad}, nil); err == nil || d.Allowed {
					t.Errorf("Take = %+v, %v", d, err)
				}
			}
			takes(t, c, true, good)
		}},
		{"a refund gives back what is there, and moves no window", func(t *testing.T, c ratelimit.Counters) {
			t.Helper()
			refund := func(cost int64) {
				t.Helper()
				if err := c.Refund(t.Context(), []ratelimit.Charge{hour("a", 10, cost)}); err != nil {
					t.Fatal(err)
				}
			}
			refund(5) // there is nothing yet
			takes(t, c, true, hour("a", 10, 10))
			pass(59 * time.Minute)
			refund(4)
			d := takes(t, c, true, hour("a", 10, 4))
			if after := d.Status[0].ResetAfter; after < time.Minute || after > time.Minute+time.Second {
				t.Errorf("the window ends after %v, want a minute", after)
			}
			refund(1000)
			takes(t, c, true, hour("a", 10, 10))
			takes(t, c, false, hour("a", 10, 1))
			pass(time.Hour + time.Second) // a counter that had nothing may have begun a new window
			refund(5)
			takes(t, c, true, hour("a", 10, 10))
			takes(t, c, false, hour("a", 10, 1))
		}},
		{"work that is done is charged beyond the limit, and refuses nothing", func(t *testing.T, c ratelimit.Counters) {
			t.Helper()
			done := hour("a", 10, 25)
			done.Done = true
			takes(t, c, true, hour("a", 10, 9))
			if d := takes(t, c, true, hour("b", 10, 1), done); d.Status[0].Remaining != 9 || d.Status[1].Allowed || d.Status[1].Remaining != 0 {
				t.Errorf("%+v", d)
			}
			takes(t, c, false, hour("a", 10, 1))
			takes(t, c, false, hour("a", 34, 1))
			takes(t, c, true, hour("a", 35, 1))
		}},
		{"policies that differ in their window alone do not share a counter", func(t *testing.T, c ratelimit.Counters) {
			t.Helper()
			takes(t, c, true, charge("a", 1, 1, time.Hour), charge("a", 1, 1, time.Minute))
			takes(t, c, false, charge("a", 1, 1, time.Hour))
			takes(t, c, false, charge("a", 1, 1, time.Minute))
			takes(t, c, true, charge("a", 1, 1, time.Second))
		}},
		{"no charge is no refusal", func(t *testing.T, c ratelimit.Counters) {
			t.Helper()
			takes(t, c, true)
		}},
		{"of 64 callers with several charges exactly the limit is let in", func(t *testing.T, c ratelimit.Counters) {
			t.Helper()
			var let atomic.Int64
			var all sync.WaitGroup
			for range 64 {
				all.Go(func() {
					for range 50 {
						d, err := c.Take(t.Context(), []ratelimit.Charge{hour("b", 1<<40, 1), hour("a", 1000, 1)}, nil)
						if err != nil {
							t.Error(err)
						}
						if d.Allowed {
							let.Add(1)
						}
					}
				})
			}
			all.Wait()
			if n := let.Load(); n != 1000 {
				t.Errorf("%d were let in, want 1000", n)
			}
			d, err := c.Peek(t.Context(), []ratelimit.Charge{hour("b", 1<<40, 1)}, nil)
			if err != nil || d.Status[0].Remaining != 1<<40-1000 {
				t.Errorf("%+v, %v: the refusals were counted", d, err)
			}
		}},
	} {
		for _, engine := range engines {
			t.Run(test.name+", "+engine.name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) { test.run(t, engine.open()) })
			})
		}
	}
}

// The embedded counters know the end of a window to the nanosecond.
func TestMemoryIsExact(t *testing.T) {
	t.Parallel()
	for _, offset := range []time.Duration{0, 1, 400 * time.Millisecond, 999999999} {
		t.Run(fmt.Sprintf("a window that begins %v into a second has its length", offset), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := ratelimit.Memory()
				pass(offset)
				d := takes(t, c, true, charge("a", 1, 1, time.Second))
				if after := d.Status[0].ResetAfter; after != time.Second {
					t.Errorf("ResetAfter = %v", after)
				}
				d = takes(t, c, false, charge("a", 1, 1, time.Second)) // in the same instant
				if after := d.Status[0].RetryAfter; after != time.Second {
					t.Errorf("RetryAfter = %v", after)
				}
				pass(time.Second - 1)
				takes(t, c, false, charge("a", 1, 1, time.Second))
				pass(1)
				takes(t, c, true, charge("a", 1, 1, time.Second))
			})
		})
	}
	t.Run("in a window of a second, too, what is refused spends nothing", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			c := ratelimit.Memory()
			takes(t, c, true, charge("a", 100, 95, time.Second))
			takes(t, c, false, charge("a", 100, 10, time.Second))
			pass(500 * time.Millisecond)
			takes(t, c, false, charge("a", 100, 10, time.Second))
			takes(t, c, true, charge("a", 100, 5, time.Second))
		})
	})
}

// What is expired is forgotten, without a goroutine.
func TestF13Engine(t *testing.T) {
	t.Parallel()
	t.Run("counters whose window has ended are forgotten on the back of a request, and no other", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			c := ratelimit.UluleMemory()
			for i := range 1000 {
				takes(t, c, true, charge("short"+strconv.Itoa(i), 1, 1, time.Second))
				takes(t, c, true, charge("long"+strconv.Itoa(i), 1, 1, time.Hour))
			}
			if n := ratelimit.CountersIn(c); n != 2000 {
				t.Errorf("there are %d counters, want 2000", n)
			}
			pass(time.Minute)
			takes(t, c, true, charge("one more", 1, 1, time.Hour))
			if n := ratelimit.CountersIn(c); n != 1001 {
				t.Errorf("there are %d counters, want 1001", n)
			}
			takes(t, c, false, charge("long7", 1, 1, time.Hour))
			pass(2 * time.Hour)
			takes(t, c, true, charge("one more", 1, 1, time.Hour))
			if n := ratelimit.CountersIn(c); n != 1 {
				t.Errorf("there are %d counters, want 1", n)
			}
		})
	})
	t.Run("a counter that is revived while a sweep looks at it keeps its count", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			c := ratelimit.UluleMemory()
			takes(t, c, true, charge("a", 5, 1, time.Second))
			pass(time.Minute)
			// between the look of the sweep and its deletion
			ratelimit.SweepWith(c, func() { takes(t, c, true, charge("a", 5, 3, time.Second)) })
			if d := takes(t, c, true, charge("a", 5, 1, time.Second)); d.Status[0].Remaining != 1 {
				t.Errorf("%d are left, want 1", d.Status[0].Remaining)
			}
		})
	})
}

// stale is a limiter.Store whose state is a test's to say.
type stale struct {
	limiter.Store

	state limiter.Context
	look  *limiter.Context // what Peek sees, where that is another
	count []int64          // what was incremented by
}

func (s *stale) Increment(_ context.Context, _ string, n int64, _ limiter.Rate) (limiter.Context, error) {
	s.count = append(s.count, n)
	return s.state, nil
}

func (s *stale) Peek(context.Context, string, limiter.Rate) (limiter.Context, error) {
	if s.look != nil {
		return *s.look, nil
	}
	return s.state, nil
}

func TestFromLimiter(t *testing.T) {
	t.Parallel()
	t.Run("what a limiter.Store cannot count is refused by New and by Take", func(t *testing.T) {
		t.Parallel()
		c := ratelimit.FromLimiter(&stale{})
		for _, algorithm := range []ratelimit.Algorithm{ratelimit.GCRA, ratelimit.Rolling, 7} {
			x := hour("a", 5, 1)
			x.Policy.Algorithm = algorithm
			_, taken := c.Take(t.Context(), []ratelimit.Charge{x}, nil)
			_, seen := c.Peek(t.Context(), []ratelimit.Charge{x}, nil)
			for _, err := range []error{c.Check(x.Policy), taken, seen} {
				if err == nil || !strings.Contains(err.Error(), "fixed windows only") {
					t.Errorf("%v: %v", algorithm, err)
				}
			}
		}
	})
	t.Run("nothing is taken back where the window may have ended: it would be a credit", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			for _, x := range []struct {
				ends time.Duration // as the store has it, which cuts off what is less than a second
				back bool
			}{{-time.Hour, false}, {0, false}, {time.Second - 1, false}, {time.Second, true}, {time.Hour, true}} {
				s := &stale{state: limiter.Context{Reached: true, Reset: time.Now().Add(x.ends).Unix()}}
				takes(t, ratelimit.FromLimiter(s), false, hour("a", 1, 3))
				if back := len(s.count) == 2 && s.count[1] == -3; back != x.back {
					t.Errorf("%v before the end the store was incremented by %v", x.ends, s.count)
				}
			}
		})
	})
	t.Run("a refusal stays one, though the window has ended since", func(t *testing.T) {
		t.Parallel()
		ends := time.Now().Add(time.Hour).Unix()
		s := &stale{state: limiter.Context{Reached: true, Reset: ends}, look: &limiter.Context{Remaining: 5, Reset: ends}}
		d := takes(t, ratelimit.FromLimiter(s), false, hour("a", 5, 1))
		if got := d.Status[0]; got.Allowed || got.Remaining != 5 || got.RetryAfter != time.Second {
			t.Errorf("%+v", got)
		}
	})
	t.Run("a store in credit, or with an end in another century, is cut to the policy", func(t *testing.T) {
		t.Parallel()
		s := &stale{state: limiter.Context{Remaining: 1000, Reset: 1 << 40}}
		d := takes(t, ratelimit.FromLimiter(s), true, hour("a", 10, 1))
		if got := d.Status[0]; got.Remaining != 10 || got.ResetAfter != time.Hour {
			t.Errorf("%+v", got)
		}
		s.state = limiter.Context{Remaining: -5, Reset: -1 << 40, Reached: true}
		d = takes(t, ratelimit.FromLimiter(s), false, hour("a", 10, 1))
		if got := d.Status[0]; got.Remaining != 0 || got.ResetAfter != 0 {
			t.Errorf("%+v", got)
		}
	})
}
