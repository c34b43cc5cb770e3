package ratelimit_test

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ulule/limiter/v3"

	"github.com/sallyport-go/sallyport/middleware/ratelimit"
)

// pass lets time go by in a bubble.
func pass(d time.Duration) { <-time.After(d) }

func hour(key string, limit, cost int64) ratelimit.Charge {
	return ratelimit.Charge{Key: key, Policy: ratelimit.Policy{Name: "p", Limit: limit, Window: time.Hour}, Cost: cost}
}

func TestMemoryCounters(t *testing.T) {
	t.Parallel()
	take := func(t *testing.T, c ratelimit.Counters, want bool, charges ...ratelimit.Charge) ratelimit.Decision {
		t.Helper()
		d, err := c.Take(t.Context(), charges, nil)
		if err != nil || d.Allowed != want || len(d.Status) != len(charges) {
			t.Fatalf("Take = %+v, %v, want %v", d, err, want)
		}
		return d
	}

	t.Run("a charge over the limit spends nothing, and smaller ones still fit", func(t *testing.T) {
		t.Parallel()
		c := ratelimit.Memory()
		take(t, c, true, hour("a", 100, 95))
		take(t, c, false, hour("a", 100, 10))
		for range 5 {
			take(t, c, true, hour("a", 100, 1))
		}
		take(t, c, false, hour("a", 100, 1))
	})

	t.Run("of several charges all are made or none", func(t *testing.T) {
		t.Parallel()
		c := ratelimit.Memory()
		for range 10 {
			d := take(t, c, false, hour("wide", 100, 1), hour("shut", 0, 1), hour("behind", 100, 1))
			if !d.Status[0].Allowed || d.Status[1].Allowed || !d.Status[2].Allowed || d.Status[0].Remaining != 100 {
				t.Errorf("status = %+v", d.Status)
			}
		}
		take(t, c, true, hour("wide", 100, 100), hour("behind", 100, 100))
	})

	t.Run("a charge that is taken back never leaves credit", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			c := ratelimit.Memory()
			for range 50 {
				take(t, c, false, hour("a", 10, 11))
				pass(3 * time.Minute)
			}
			pass(2 * time.Hour)
			take(t, c, true, hour("a", 10, 10))
			take(t, c, false, hour("a", 10, 1))
		})
	})

	t.Run("a look writes nothing", func(t *testing.T) {
		t.Parallel()
		c := ratelimit.Memory()
		for range 100 {
			d, err := c.Peek(t.Context(), []ratelimit.Charge{hour("a", 1, 1)}, nil)
			if err != nil || !d.Allowed || d.Status[0].Remaining != 1 {
				t.Fatalf("Peek = %+v, %v", d, err)
			}
		}
		take(t, c, true, hour("a", 1, 1))
		if d, err := c.Peek(t.Context(), []ratelimit.Charge{hour("a", 1, 1)}, nil); err != nil || d.Allowed || d.Status[0].RetryAfter <= 0 {
			t.Errorf("Peek = %+v, %v", d, err)
		}
	})

	t.Run("a reset forgets", func(t *testing.T) {
		t.Parallel()
		c := ratelimit.Memory()
		take(t, c, true, hour("a", 1, 1))
		if err := c.Reset(t.Context(), []ratelimit.Charge{hour("a", 1, 1)}); err != nil {
			t.Fatal(err)
		}
		take(t, c, true, hour("a", 1, 1))
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})

	t.Run("a charge that makes no sense is an error", func(t *testing.T) {
		t.Parallel()
		c := ratelimit.Memory()
		for _, bad := range []ratelimit.Charge{
			hour("", 1, 1), hour("a", 1, 0), hour("a", 1, -1), hour("a", 1, 1<<40),
			{Key: "a", Policy: ratelimit.Policy{Limit: 1, Window: time.Millisecond}, Cost: 1},
			{Key: "a", Policy: ratelimit.Policy{Limit: 1, Window: 1500 * time.Millisecond}, Cost: 1},
		} {
			if _, err := c.Take(t.Context(), []ratelimit.Charge{hour("b", 1, 1), bad}, nil); err == nil {
				t.Errorf("Take(%+v): no error", bad)
			}
			if _, err := c.Peek(t.Context(), []ratelimit.Charge{bad}, nil); err == nil {
				t.Errorf("Peek(%+v): no error", bad)
			}
		}
		take(t, c, true, hour("b", 1, 1)) // which was taken back each time
	})

	t.Run("64 callers at once get exactly the limit, while expired counters are swept", func(t *testing.T) {
		t.Parallel()
		c := ratelimit.Memory()
		var let atomic.Int64
		var wg sync.WaitGroup
		for range 64 {
			wg.Go(func() {
				for range 100 {
					if d, err := c.Take(t.Context(), []ratelimit.Charge{hour("hot", 1000, 1)}, nil); err == nil && d.Allowed {
						let.Add(1)
					}
				}
			})
		}
		wg.Wait()
		if let.Load() != 1000 {
			t.Errorf("%d were let in, want 1000", let.Load())
		}
	})

	t.Run("a counter that a request revives is not swept away", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			c := ratelimit.Memory()
			second := func(key string) ratelimit.Charge {
				return ratelimit.Charge{Key: key, Policy: ratelimit.Policy{Limit: 1 << 20, Window: time.Second}, Cost: 1}
			}
			for range 100 { // minutes, each with a sweep by one of the callers
				pass(time.Minute)
				var wg sync.WaitGroup
				for range 8 {
					wg.Go(func() {
						if _, err := c.Take(t.Context(), []ratelimit.Charge{second("revived")}, nil); err != nil {
							t.Error(err)
						}
					})
				}
				wg.Wait()
				d, err := c.Peek(t.Context(), []ratelimit.Charge{second("revived")}, nil)
				if err != nil || d.Status[0].Remaining != 1<<20-8 {
					t.Fatalf("8 were counted as %d, %v", 1<<20-d.Status[0].Remaining, err)
				}
			}
		})
	})
}

// failing is a ulule store that fails at its n-th call.
type failing struct {
	limiter.Store

	n int
}

func (f *failing) step() error {
	f.n--
	if f.n == 0 {
		return io.ErrUnexpectedEOF
	}
	return nil
}

func (f *failing) Increment(_ context.Context, _ string, count int64, r limiter.Rate) (limiter.Context, error) {
	return limiter.Context{Limit: r.Limit, Reset: time.Now().Add(r.Period).Unix(), Reached: count > r.Limit}, f.step()
}

func (f *failing) Peek(_ context.Context, _ string, r limiter.Rate) (limiter.Context, error) {
	return limiter.Context{Limit: r.Limit, Remaining: r.Limit, Reset: time.Now().Add(r.Period).Unix()}, f.step()
}

func (f *failing) Reset(context.Context, string, limiter.Rate) (limiter.Context, error) {
	return limiter.Context{}, f.step()
}

func TestALimiterStoreThatFailsIsNoDecision(t *testing.T) {
	t.Parallel()
	charges := []ratelimit.Charge{hour("a", 5, 1), hour("b", 0, 1)}
	for n := 1; n <= 6; n++ {
		d, err := ratelimit.FromLimiter(&failing{n: n}).Take(t.Context(), charges, nil)
		// two increments, two refunds, two looks
		if !errors.Is(err, io.ErrUnexpectedEOF) || d.Allowed {
			t.Errorf("call %d: %+v, %v", n, d, err)
		}
	}
	if d, err := ratelimit.FromLimiter(&failing{n: 99}).Take(t.Context(), charges, nil); err != nil || d.Allowed || d.Status[1].Allowed || d.Status[1].RetryAfter <= 0 {
		t.Errorf("refused: %+v, %v", d, err)
	}
	if _, err := ratelimit.FromLimiter(&failing{n: 1}).Peek(t.Context(), charges, nil); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("Peek: %v", err)
	}
	if err := ratelimit.FromLimiter(&failing{n: 2}).Reset(t.Context(), charges); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("Reset: %v", err)
	}
}
