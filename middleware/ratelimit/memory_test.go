package ratelimit_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/middleware/ratelimit"
)

var algorithms = []ratelimit.Algorithm{ratelimit.FixedWindow, ratelimit.GCRA, ratelimit.Rolling}

// hands is a clock that a test moves.
type hands struct{ passed atomic.Int64 }

func (h *hands) now() time.Time       { return time.Unix(0, h.passed.Load()) }
func (h *hands) pass(d time.Duration) { h.passed.Add(int64(d)) }

func inMemory(t testing.TB, counters int, h *hands) ratelimit.Counters {
	t.Helper()
	c, err := ratelimit.NewMemory(ratelimit.MemoryConfig{MaxCounters: counters, Now: h.now})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func policed(a ratelimit.Algorithm, key string, limit, cost int64, window time.Duration) ratelimit.Charge {
	c := charge(key, limit, cost, window)
	c.Policy.Algorithm = a
	return c
}

func TestNewMemory(t *testing.T) {
	t.Parallel()
	for _, most := range []int{-1, 1, 1023, 1<<30 + 1} {
		if _, err := ratelimit.NewMemory(ratelimit.MemoryConfig{MaxCounters: most}); err == nil || !strings.Contains(err.Error(), "MemoryConfig.MaxCounters") {
			t.Errorf("%d: %v", most, err)
		}
	}
}

// outlay is what a model knows: all that was ever admitted of one caller.
type outlay struct {
	at   time.Duration
	cost int64
}

// within is what was spent after a time.
func within(all []outlay, after time.Duration) (sum int64) {
	for _, s := range all {
		if s.at > after {
			sum += s.cost
		}
	}
	return sum
}

// Each algorithm decides as a plain model of it does, which keeps everything and
// adds it up.
func TestAlgorithmsAgainstModels(t *testing.T) {
	t.Parallel()
	const window = 12 * time.Second
	models := map[ratelimit.Algorithm]func() func(now time.Duration, limit, cost int64) bool{
		ratelimit.FixedWindow: func() func(time.Duration, int64, int64) bool {
			var all []outlay
			ends := time.Duration(0)
			return func(now time.Duration, limit, cost int64) bool {
				if now >= ends {
					all = nil
				}
				if within(all, -1)+cost > limit {
					return false
				}
				if len(all) == 0 {
					ends = now + window
				}
				all = append(all, outlay{now, cost})
				return true
			}
		},
		// In units of a nanosecond times a limit: the limit does not change here.
		ratelimit.GCRA: func() func(time.Duration, int64, int64) bool {
			var full, when int64
			return func(now time.Duration, limit, cost int64) bool {
				level := max(full-(int64(now)-when)*limit, 0)
				if level+cost*int64(window) > limit*int64(window) {
					return false
				}
				full, when = level+cost*int64(window), int64(now)
				return true
			}
		},
		ratelimit.Rolling: func() func(time.Duration, int64, int64) bool {
			const step = window / 12
			var all []outlay
			return func(now time.Duration, limit, cost int64) bool {
				if within(all, now.Truncate(step)-window-1)+cost > limit {
					return false
				}
				all = append(all, outlay{now, cost})
				return true
			}
		},
	}
	for _, algorithm := range algorithms {
		t.Run(algorithm.String(), func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(60) {
				chance := rand.New(rand.NewPCG(seed, 7))
				var clock hands
				c := inMemory(t, 1024, &clock)
				model, limit := models[algorithm](), 1+chance.Int64N(30)
				pace := time.Duration(1 + chance.Int64N(int64(2*window)/max(limit, 4)))
				refusals := 0
				for step := range 300 {
					cost := 1 + chance.Int64N(3)*chance.Int64N(2)
					now := clock.now().Sub(time.Unix(0, 0))
					d, err := c.Take(t.Context(), []ratelimit.Charge{policed(algorithm, "a", limit, cost, window)}, nil)
					if want := model(now, limit, cost); err != nil || d.Allowed != want {
						t.Fatalf("seed %d, step %d, %v, limit %d, cost %d: %+v, %v, want %t", seed, step, now, limit, cost, d, err, want)
					}
					s := d.Status[0]
					if s.Remaining < 0 || s.Remaining > limit || s.ResetAfter < 0 || s.ResetAfter > window+window/12 || (s.RetryAfter > 0) == d.Allowed {
						t.Fatalf("seed %d: %+v", seed, s)
					}
					if !d.Allowed {
						refusals++
					}
					clock.pass(time.Duration(chance.Int64N(int64(2 * pace))))
				}
				if refusals == 300 {
					t.Fatal("all were refused")
				}
			}
		})
	}
}

// In any window, whenever one begins to measure, at most the limit was admitted.
func TestF16RollingWindow(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		chance := rand.New(rand.NewPCG(seed, 16))
		window := time.Duration(1+chance.IntN(3600)) * time.Second
		limit := 1 + chance.Int64N(50)
		var clock hands
		clock.pass(time.Duration(chance.Int64N(int64(time.Hour))))
		c := inMemory(t, 1024, &clock)
		clock.pass(time.Duration(chance.Int64N(int64(window))))
		var all []outlay
		for range 1000 {
			cost := 1 + chance.Int64N(2)
			d, err := c.Take(t.Context(), []ratelimit.Charge{policed(ratelimit.Rolling, "a", limit, cost, window)}, nil)
			if err != nil {
				t.Fatal(err)
			}
			now := time.Duration(clock.passed.Load())
			if d.Allowed {
				all = append(all, outlay{now, cost})
				if n := within(all, now-window-1); n > limit {
					t.Fatalf("seed %d: %d in %v, with a limit of %d", seed, n, window, limit)
				}
			}
			clock.pass(time.Duration(chance.Int64N(int64(window) / limit * 2)))
			if chance.IntN(20) == 0 {
				clock.pass(time.Duration(chance.Int64N(int64(window))))
			}
		}
	}
}

// A caller that waits exactly as long as it is told gets in, and is told no more
// than it must be.
func TestF18RetryAfterIsEnough(t *testing.T) {
	t.Parallel()
	for _, algorithm := range algorithms {
		for seed := range uint64(300) {
			chance := rand.New(rand.NewPCG(seed, 18))
			window := time.Duration(1+chance.IntN(5000)) * time.Second
			limit := 1 + chance.Int64N(10000)
			var clock hands
			c := inMemory(t, 1024, &clock)
			for range 60 {
				one := []ratelimit.Charge{policed(algorithm, "a", limit, 1+chance.Int64N(limit), window)}
				d, err := c.Take(t.Context(), one, nil)
				if err != nil {
					t.Fatal(err)
				}
				if wait := d.Status[0].RetryAfter; !d.Allowed {
					clock.pass(wait)
					if d, err := c.Peek(t.Context(), one, nil); err != nil || !d.Allowed {
						t.Fatalf("%v, seed %d: after %v: %+v, %v", algorithm, seed, wait, d, err)
					}
				}
				if reset := d.Status[0].ResetAfter; chance.IntN(4) == 0 {
					clock.pass(reset)
					full := []ratelimit.Charge{policed(algorithm, "a", limit, limit, window)}
					if d, err := c.Peek(t.Context(), full, nil); err != nil || d.Allowed != (d.Status[0].Remaining == limit) {
						t.Fatalf("%v, seed %d: after %v: %+v, %v", algorithm, seed, reset, d, err)
					}
				}
				clock.pass(time.Duration(chance.Int64N(int64(window) / 3)))
			}
		}
	}
}

// An idle caller gets no more back than time gives.
func TestF14IdleCallers(t *testing.T) {
	t.Parallel()
	for _, algorithm := range algorithms {
		var clock hands
		c := inMemory(t, 1024, &clock)
		takes(t, c, true, policed(algorithm, "a", 100, 100, time.Hour))
		for range 59 { // newcomers, whose visits sweep
			clock.pass(time.Minute)
			for i := range 100 {
				takes(t, c, true, policed(algorithm, strconv.Itoa(i)+clock.now().String(), 1, 1, time.Second))
			}
		}
		want := int64(0)
		if algorithm == ratelimit.GCRA {
			want = 98
		}
		if d, err := c.Peek(t.Context(), []ratelimit.Charge{policed(algorithm, "a", 100, 1, time.Hour)}, nil); err != nil || d.Status[0].Remaining != want {
			t.Errorf("%v: %+v, %v, want %d", algorithm, d, err, want)
		}
	}
}

// What is said of changes, refunds and work that is done holds for each.
func TestAlgorithms(t *testing.T) {
	t.Parallel()
	for _, algorithm := range algorithms {
		one := func(limit, cost int64) ratelimit.Charge { return policed(algorithm, "a", limit, cost, time.Hour) }
		t.Run(algorithm.String(), func(t *testing.T) {
			t.Parallel()
			var clock hands
			c := inMemory(t, 1024, &clock)
			takes(t, c, true, one(100, 95))
			takes(t, c, false, one(100, 10))
			takes(t, c, true, one(100, 5))
			for range 1000 {
				takes(t, c, false, one(100, 1))
			}
			if d := takes(t, c, true, one(200, 1)); d.Status[0].Remaining != 99 { // raised
				t.Errorf("%+v", d)
			}
			takes(t, c, false, one(101, 1))
			takes(t, c, false, one(0, 1))
			if err := c.Refund(t.Context(), []ratelimit.Charge{one(102, 2)}); err != nil {
				t.Fatal(err)
			}
			takes(t, c, true, one(102, 3))
			takes(t, c, false, one(102, 1))
			if err := c.Refund(t.Context(), []ratelimit.Charge{one(102, 5000)}); err != nil {
				t.Fatal(err)
			}
			takes(t, c, true, one(102, 102))
			takes(t, c, false, one(102, 1))
			late := one(102, 1<<30)
			late.Done = true
			if d := takes(t, c, true, late); d.Status[0].Allowed || d.Status[0].Remaining != 0 {
				t.Errorf("%+v", d)
			}
			clock.pass(2*time.Hour + time.Second)
			takes(t, c, true, one(102, 102))
			if err := c.Reset(t.Context(), []ratelimit.Charge{one(102, 1)}); err != nil {
				t.Fatal(err)
			}
			takes(t, c, true, one(102, 102))
			clock.pass(-time.Minute) // a clock that is set back gives nothing away
			takes(t, c, false, one(102, 1))
		})
	}
	t.Run("GCRA with a burst", func(t *testing.T) {
		t.Parallel()
		var clock hands
		c := inMemory(t, 1024, &clock)
		x := policed(ratelimit.GCRA, "a", 3600, 1, time.Hour)
		x.Policy.Burst = 10
		for range 10 {
			takes(t, c, true, x)
		}
		d := takes(t, c, false, x)
		if s := d.Status[0]; s.RetryAfter != time.Second || s.ResetAfter != 10*time.Second {
			t.Errorf("%+v", s)
		}
		clock.pass(time.Second)
		takes(t, c, true, x)
		takes(t, c, false, x)
		x.Policy.Burst = 3601
		if err := c.Check(x.Policy); err == nil {
			t.Error("a burst above the limit is none")
		}
	})
	t.Run("one counter is not charged twice at once", func(t *testing.T) {
		t.Parallel()
		c := ratelimit.Memory()
		if d, err := c.Take(t.Context(), []ratelimit.Charge{hour("a", 5, 3), hour("b", 5, 1), hour("a", 5, 3)}, nil); err == nil {
			t.Errorf("%+v", d)
		}
		takes(t, c, true, hour("a", 5, 5), policed(ratelimit.GCRA, "a", 5, 5, time.Hour), policed(ratelimit.Rolling, "a", 5, 5, time.Hour))
	})
}

// F12, in one process: of many callers, some with several charges, exactly the
// limit is let in.
func TestF12Memory(t *testing.T) {
	t.Parallel()
	for _, algorithm := range algorithms {
		t.Run(algorithm.String(), func(t *testing.T) {
			t.Parallel()
			const limit = 1000
			c := ratelimit.Memory()
			var let atomic.Int64
			var all sync.WaitGroup
			for i := range 64 {
				all.Go(func() {
					for j := range 100 {
						charges := []ratelimit.Charge{policed(algorithm, "hot", limit, 1, 24*time.Hour*3600)}
						if i%2 == 0 {
							charges = append(charges, policed(algorithm, strconv.Itoa(i*j%97), 1<<30, 1, time.Hour))
						}
						d, err := c.Take(t.Context(), charges, nil)
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
			if let.Load() != limit {
				t.Errorf("%d were let in, want %d", let.Load(), limit)
			}
		})
	}
}

// A flood of ten times as many new callers as the capacity exceeds no bound, frees
// no caller who was limited before it or in it, and leaves capacity when it ends.
func TestF15Flood(t *testing.T) {
	t.Parallel()
	const most = 1 << 12
	for _, algorithm := range algorithms {
		t.Run(algorithm.String(), func(t *testing.T) {
			t.Parallel()
			var clock hands
			c := inMemory(t, most, &clock)
			one := func(key string) ratelimit.Charge { return policed(algorithm, key, 5, 1, time.Hour) }
			spend := func(key string) {
				for range 5 {
					takes(t, c, true, one(key))
				}
				takes(t, c, false, one(key))
			}
			spend("limited")
			admitted := 0
			for i := range 10 * most {
				d, err := c.Take(t.Context(), []ratelimit.Charge{one("new caller " + strconv.Itoa(i))}, nil)
				if err != nil {
					t.Fatal(err)
				}
				if d.Allowed {
					admitted++
				}
			}
			bound := most + 64*8 // those that new callers share
			if n := ratelimit.CountersInMemory(c); n > bound || n < most/2 {
				t.Errorf("%d counters, want %d at most", n, bound)
			}
			if admitted > most+64*8*5 {
				t.Errorf("%d of the flood were let in", admitted)
			}
			takes(t, c, false, one("limited"))

			// In the flood a newcomer shares with others, and stays with them: capacity
			// that is made in the meantime does not give it a counter of its own.
			takes(t, c, false, one("late"))
			if err := c.Reset(t.Context(), []ratelimit.Charge{one("late")}); err != nil {
				t.Fatal(err)
			}
			for i := range most {
				_ = c.Reset(t.Context(), []ratelimit.Charge{one("new caller " + strconv.Itoa(i))})
			}
			takes(t, c, false, one("late"))
			takes(t, c, false, one("limited"))
			clock.pass(3 * time.Hour)
			spend("late")
			spend("limited")
			for i := range 10 * most { // whose visits sweep
				takes(t, c, true, policed(algorithm, "passer-by "+strconv.Itoa(i), 5, 1, time.Second))
				clock.pass(10 * time.Millisecond)
			}
			if n := ratelimit.CountersInMemory(c); n > most/2 {
				t.Errorf("%d counters are left", n)
			}
			takes(t, c, false, policed(algorithm, "late", 0, 1, time.Hour))
		})
	}
}

// A host's clock may be set back, even to before the counters began, and wildly
// ahead: no caller waits, nothing that was spent comes back early, and a window that was
// begun meanwhile is over some time.
func TestAClockThatIsSet(t *testing.T) {
	t.Parallel()
	for _, algorithm := range algorithms {
		t.Run(algorithm.String(), func(t *testing.T) {
			t.Parallel()
			for _, by := range []time.Duration{-time.Nanosecond, -time.Second, -1500 * time.Millisecond, -time.Hour, -400 * 24 * time.Hour} {
				var clock hands
				c := inMemory(t, 1<<12, &clock)
				one := policed(algorithm, "a", 5, 1, 12*time.Second)
				for range 5 {
					takes(t, c, true, one)
				}
				clock.pass(by)
				takes(t, c, false, one)
				takes(t, c, true, policed(algorithm, "b", 5, 5, 12*time.Second))
				takes(t, c, false, policed(algorithm, "b", 5, 1, 12*time.Second))
				clock.pass(-by)
				takes(t, c, false, one)
				clock.pass(30 * time.Second)
				takes(t, c, true, policed(algorithm, "a", 5, 5, 12*time.Second), policed(algorithm, "b", 5, 5, 12*time.Second))
			}
			var clock hands
			c := inMemory(t, 1<<12, &clock)
			one := policed(algorithm, "a", 5, 5, time.Second)
			const year = 365 * 24 * time.Hour
			for _, ahead := range []time.Duration{5 * year, 6 * year, 6 * year, 30 * year, 52 * year} {
				clock.pass(ahead)
				takes(t, c, true, one)
				takes(t, c, false, one)
			}
			clock.pass(-99 * year)
			takes(t, c, false, one)
		})
	}
}

// million are a million visits by an algorithm, and then those of newcomers when the
// windows of all have ended.
type million struct {
	counters       int     // after the first million
	bytes, objects float64 // of the heap, for each of these counters
	left           int     // at the end
	visits         int
	longest        time.Duration // of the visits
}

// visit makes the visits once for the tests that look at them; without SALLYPORT_FULL a
// quarter of them. No other test may run meanwhile: it weighs the heap, and measures time
// with SALLYPORT_FULL. Then the same visits are made again, to
// counters that are alike, if one takes a millisecond: the machine may delay one of them
// now and then, and the work is what delays it every time.
var visit = sync.OnceValue(func() map[ratelimit.Algorithm]million {
	all := map[ratelimit.Algorithm]million{}
	callers, capacity, runs := 250_000, 1<<18, 1
	switch {
	case raced:
		callers, capacity = 20_000, 1<<20
	case full:
		callers, capacity, runs = 1_000_000, 1<<20, 12
	}
	for _, algorithm := range algorithms {
		m := million{visits: callers + callers/3, longest: time.Hour}
		least := make([]time.Duration, m.visits)
		charges, dst := []ratelimit.Charge{policed(algorithm, "", 100, 1, time.Hour)}, make([]ratelimit.Status, 1)
		var first ratelimit.Counters
		for run := 0; run == 0 || m.longest >= time.Millisecond && run < runs; run++ {
			var clock hands
			var before, after runtime.MemStats
			if run == 0 {
				runtime.GC()
				runtime.ReadMemStats(&before)
			}
			c, err := ratelimit.NewMemory(ratelimit.MemoryConfig{MaxCounters: capacity, Now: clock.now})
			if err != nil {
				panic(err)
			}
			if run == 0 {
				first = c
			}
			ratelimit.HashAlike(c, first)
			for i := range least {
				if i == callers {
					if run == 0 {
						runtime.GC()
						runtime.ReadMemStats(&after)
						m.counters = ratelimit.CountersInMemory(c)
					}
					clock.pass(3 * time.Hour)
				}
				charges[0].Key = "tier/3600/address/" + strconv.Itoa(i)
				begun := time.Now()
				_, err := c.Take(context.Background(), charges, dst)
				if took := time.Since(begun); run == 0 || took < least[i] {
					least[i] = took
				}
				if err != nil {
					panic(err)
				}
			}
			m.longest = slices.Max(least)
			if run == 0 {
				m.bytes = float64(after.HeapAlloc-before.HeapAlloc) / float64(m.counters)
				m.objects = float64(after.HeapObjects-before.HeapObjects) / float64(m.counters)
				m.left = ratelimit.CountersInMemory(c)
			}
		}
		all[algorithm] = m
	}
	return all
})

// A million counters take at most 100 bytes each with the key, and cost the
// garbage collector nothing.
func TestF35AMillionCounters(t *testing.T) { //nolint:paralleltest // it weighs the heap
	if testing.Short() {
		t.Skip("skipped: it takes several seconds") //nolint:forbidigo // it needs no service
	}
	for algorithm, m := range visit() {
		t.Logf("%v: %.1f bytes and %.3f objects a counter, of %d", algorithm, m.bytes, m.objects, m.counters)
		if callers := m.visits / 4 * 3; !raced && (m.bytes > 100 || m.objects > 0.1) || m.counters < callers*98/100 {
			t.Errorf("%v: %.1f bytes and %.3f objects a counter, of %d", algorithm, m.bytes, m.objects, m.counters)
		}
		// A newcomer looks at a few counters, so no visit is long; all are swept
		// when as many have come.
		if m.left > m.visits*3/8 {
			t.Errorf("%v: %d counters are left", algorithm, m.left)
		}
	}
}

// full lets a million counters be made.
var full = os.Getenv("SALLYPORT_FULL") != ""

// No visit takes a millisecond, whatever it makes grow and whatever it sweeps.
func TestF35NoCallerWaitsForASweep(t *testing.T) { //nolint:paralleltest // it measures time
	if !full || raced {
		t.Skip("skipped: SALLYPORT_FULL is not set") //nolint:forbidigo // it needs no service
	}
	for algorithm, m := range visit() {
		t.Logf("%v: the longest of %d visits took %v", algorithm, m.visits, m.longest)
		if m.longest >= time.Millisecond {
			t.Errorf("%v: a visit takes %v", algorithm, m.longest)
		}
	}
}

// F36: a decision costs no allocation with a dst.
func TestF36Allocations(t *testing.T) { //nolint:paralleltest // it counts allocations
	c := ratelimit.Memory()
	for _, algorithm := range algorithms {
		for _, n := range []int{1, 3} {
			var charges []ratelimit.Charge
			for i := range n {
				charges = append(charges, policed(algorithm, fmt.Sprint("a", n, i), 1<<30, 1, time.Hour))
			}
			ctx, dst := t.Context(), make([]ratelimit.Status, n)
			if got := testing.AllocsPerRun(1000, func() { _, _ = c.Take(ctx, charges, dst) }); got > 0 {
				t.Errorf("%v, %d charges: %v allocations", algorithm, n, got)
			}
		}
	}
}
