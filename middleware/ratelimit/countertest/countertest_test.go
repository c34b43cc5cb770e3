package countertest_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ulule/limiter/v3"
	"github.com/ulule/limiter/v3/drivers/store/memory"
	"go.uber.org/goleak"

	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/ratelimit/countertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func inMemory(clock *countertest.Clock) ratelimit.Counters {
	c, err := ratelimit.NewMemory(ratelimit.MemoryConfig{Now: clock.Now})
	if err != nil {
		panic(err)
	}
	return c
}

func TestMemory(t *testing.T) {
	t.Parallel()
	countertest.Run(t, func(*testing.T) countertest.Fixture {
		clock := countertest.NewClock()
		return countertest.Fixture{Counters: inMemory(clock), Pass: clock.Pass}
	})
	t.Run("with the least capacity", func(t *testing.T) {
		t.Parallel()
		countertest.Run(t, func(t *testing.T) countertest.Fixture {
			clock := countertest.NewClock()
			c, err := ratelimit.NewMemory(ratelimit.MemoryConfig{MaxCounters: 1024, Now: clock.Now})
			if err != nil {
				t.Fatal(err)
			}
			return countertest.Fixture{Counters: c, Pass: clock.Pass, Capacity: 1024}
		})
	})
}

// The engine counts by the clock of the machine, so it runs in a bubble.
func TestEngines(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func() countertest.Fixture{
		"in memory": func() countertest.Fixture {
			return countertest.Fixture{Counters: ratelimit.UluleMemory(), KeepsWindows: true}
		},
		"on a limiter.Store": func() countertest.Fixture {
			store := memory.NewStoreWithOptions(limiter.StoreOptions{Prefix: "p"})
			return countertest.Fixture{Counters: ratelimit.FromLimiter(store), KeepsWindows: true, RoundsUp: time.Second}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, rule := range countertest.Rules() {
				synctest.Test(t, func(t *testing.T) {
					f := open()
					f.Pass = func(d time.Duration) { time.Sleep(d) }
					if err := countertest.Try(t.Context(), rule, f, ratelimit.FixedWindow); err != nil {
						t.Errorf("%s: %v", rule, err)
					}
				})
			}
		})
	}
}

// cheat are counters that break the contract in one way.
type cheat struct {
	ratelimit.Counters

	take   func(ratelimit.Counters, []ratelimit.Charge) (ratelimit.Decision, error)
	refund func(ratelimit.Counters, []ratelimit.Charge) error
	peek   func(ratelimit.Counters, []ratelimit.Charge) (ratelimit.Decision, error)
	reset  func(ratelimit.Counters, []ratelimit.Charge) error
}

func (c cheat) Take(ctx context.Context, charges []ratelimit.Charge, dst []ratelimit.Status) (ratelimit.Decision, error) {
	if c.take != nil {
		return c.take(c.Counters, charges)
	}
	return c.Counters.Take(ctx, charges, dst)
}

func (c cheat) Refund(ctx context.Context, charges []ratelimit.Charge) error {
	if c.refund != nil {
		return c.refund(c.Counters, charges)
	}
	return c.Counters.Refund(ctx, charges)
}

func (c cheat) Peek(ctx context.Context, charges []ratelimit.Charge, dst []ratelimit.Status) (ratelimit.Decision, error) {
	if c.peek != nil {
		return c.peek(c.Counters, charges)
	}
	return c.Counters.Peek(ctx, charges, dst)
}

func (c cheat) Reset(ctx context.Context, charges []ratelimit.Charge) error {
	if c.reset != nil {
		return c.reset(c.Counters, charges)
	}
	return c.Counters.Reset(ctx, charges)
}

type (
	counters = ratelimit.Counters
	charge   = ratelimit.Charge
	decision = ratelimit.Decision
)

// changed are copies of charges, each changed.
func changed(charges []charge, f func(*charge)) []charge {
	charges = append([]charge(nil), charges...)
	for i := range charges {
		f(&charges[i])
	}
	return charges
}

// shared is the key of a counter that marks share.
func shared(c *charge) string {
	if c.Group == ratelimit.GroupKnown {
		return c.Key[len(c.Key)-1:]
	}
	return c.Key
}

// Each faulty implementation is found by the rule about its fault.
func TestCheats(t *testing.T) {
	t.Parallel()
	ctx := context.Background() //nolint:usetesting // the cheats have none of their own
	with := func(f func(*charge)) func(counters, []charge) (decision, error) {
		return func(c counters, charges []charge) (decision, error) { return c.Take(ctx, changed(charges, f), nil) }
	}
	one := make([]ratelimit.Status, 8)
	for _, test := range []struct {
		name  string
		cheat cheat
		rule  string
	}{
		{"lets one more in", cheat{take: with(func(c *charge) { c.Policy.Limit++ })}, "what is spent is counted"},
		{"forgets the cost", cheat{take: with(func(c *charge) { c.Cost = min(c.Cost, 1) })}, "what is spent is counted"},
		{"charges what it refuses", cheat{take: func(c counters, charges []charge) (decision, error) {
			d, err := c.Take(ctx, charges, nil)
			if err == nil && !d.Allowed {
				_, err = c.Take(ctx, changed(charges, func(c *charge) { c.Done = true }), nil)
			}
			return d, err
		}}, "what is refused spends nothing"},
		{"charges one after the other", cheat{take: func(c counters, charges []charge) (decision, error) {
			all := decision{Allowed: true}
			for _, one := range charges {
				d, err := c.Take(ctx, []charge{one}, nil)
				if err != nil {
					return d, err
				}
				all.Status = append(all.Status, d.Status...)
				all.Allowed = all.Allowed && d.Allowed
			}
			return all, nil
		}}, "all charges are made, or none"},
		{"looks, and then takes", cheat{take: func(c counters, charges []charge) (decision, error) {
			d, err := c.Peek(ctx, charges, nil)
			if err != nil || !d.Allowed || len(charges) == 0 {
				return d, err
			}
			time.Sleep(time.Millisecond)
			taken, err := c.Take(ctx, changed(charges, func(c *charge) { c.Done = true }), nil)
			for i := range d.Status {
				d.Status[i].Remaining = taken.Status[i].Remaining
			}
			return d, err
		}}, "of callers at once exactly the limit"},
		{"counts by limit", cheat{take: with(func(c *charge) { c.Key += string(rune('a' + c.Policy.Limit)) })}, "a limit that has changed"},
		{"gives credit", cheat{
			refund: func(c counters, charges []charge) error { return c.Reset(ctx, charges) },
		}, "a refund gives back what there is"},
		{"leaves a little of what is given back", cheat{refund: func(c counters, charges []charge) error {
			if err := c.Refund(ctx, charges); err != nil {
				return err
			}
			_, err := c.Take(ctx, changed(charges, func(c *charge) { c.Cost = 1 }), nil)
			return err
		}}, "a counter that was given back completely"},
		{"knows no groups", cheat{take: with(func(c *charge) { c.Group = ratelimit.GroupCallers })}, "counters of other groups"},
		{"counts groups apart, and floods together", cheat{take: with(func(c *charge) {
			if c.Group == ratelimit.GroupAttempts && strings.HasPrefix(c.Key, "flood") {
				c.Group, c.Key = ratelimit.GroupCallers, "after attempts"
			}
		})}, "counters of other groups"},
		{"shares marks", cheat{
			take: with(func(c *charge) { c.Key = shared(c) }),
			peek: func(c counters, charges []charge) (decision, error) {
				return c.Peek(ctx, changed(charges, func(c *charge) { c.Key = shared(c) }), nil)
			},
		}, "a mark of GroupKnown"},
		{"spends when it is looked at", cheat{peek: func(c counters, charges []charge) (decision, error) { return c.Take(ctx, charges, nil) }}, "a look writes nothing"},
		{"never forgets", cheat{reset: func(counters, []charge) error { return nil }}, "a reset forgets"},
		{"refuses what is done", cheat{take: with(func(c *charge) { c.Done = false })}, "work that is done"},
		{"folds the case of keys", cheat{take: with(func(c *charge) { c.Key = strings.ToLower(c.Key) })}, "counters of other names"},
		{"reuses one buffer for all decisions", cheat{take: func(c counters, charges []charge) (decision, error) { return c.Take(ctx, charges, one) }}, "a decision does not change"},
		{"lets nonsense in", cheat{take: func(c counters, charges []charge) (decision, error) {
			d, err := c.Take(ctx, charges, nil)
			if err != nil {
				return decision{Allowed: true, Status: make([]ratelimit.Status, len(charges))}, nil //nolint:nilerr // that is the cheat
			}
			return d, nil
		}}, "a charge that is none"},
		{"tells to come back too soon", cheat{take: func(c counters, charges []charge) (decision, error) {
			d, err := c.Take(ctx, charges, nil)
			for i := range d.Status {
				d.Status[i].RetryAfter /= 2
			}
			return d, err
		}}, "who waits as long as it is told"},
		{"begins a window with every charge", cheat{take: func(c counters, charges []charge) (decision, error) {
			d, err := c.Take(ctx, charges, nil)
			for i := range d.Status {
				d.Status[i].ResetAfter = charges[i].Policy.Window
			}
			return d, err
		}}, "all is there again when it is said to be"},
		{"counts a window as half", cheat{take: with(func(c *charge) {
			if c.Policy.Window == 12*time.Second {
				c.Policy.Window /= 2
			}
		})}, "any schedule"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			found := false
			for _, rule := range countertest.Rules() {
				clock := countertest.NewClock()
				test.cheat.Counters = inMemory(clock)
				err := countertest.Try(t.Context(), rule, countertest.Fixture{Counters: test.cheat, Pass: clock.Pass}, ratelimit.FixedWindow)
				found = found || err != nil && strings.HasPrefix(rule, test.rule)
			}
			if !found {
				t.Errorf("the rule %q has found nothing", test.rule)
			}
		})
	}
}

// waiting are counters that wait for a server: if deaf, whatever the context says.
type waiting struct {
	ratelimit.Counters

	method  string // that waits
	deaf    bool
	stalls  bool // it waits only while stalled; else whenever its context is done
	stalled atomic.Bool
	ended   chan struct{} // closed when the test ends
}

func (w *waiting) wait(ctx context.Context, method string) error {
	if method != w.method || w.stalls && !w.stalled.Load() || !w.stalls && ctx.Err() == nil {
		return nil
	}
	if w.deaf {
		<-w.ended
		return nil
	}
	<-ctx.Done()
	return ctx.Err()
}

func (w *waiting) Take(ctx context.Context, charges []charge, dst []ratelimit.Status) (decision, error) {
	if err := w.wait(ctx, "Take"); err != nil {
		return decision{}, err
	}
	return w.Counters.Take(ctx, charges, dst)
}

func (w *waiting) Peek(ctx context.Context, charges []charge, dst []ratelimit.Status) (decision, error) {
	if err := w.wait(ctx, "Peek"); err != nil {
		return decision{}, err
	}
	return w.Counters.Peek(ctx, charges, dst)
}

func (w *waiting) Refund(ctx context.Context, charges []charge) error {
	if err := w.wait(ctx, "Refund"); err != nil {
		return err
	}
	return w.Counters.Refund(ctx, charges)
}

func (w *waiting) Reset(ctx context.Context, charges []charge) error {
	if err := w.wait(ctx, "Reset"); err != nil {
		return err
	}
	return w.Counters.Reset(ctx, charges)
}

// In a bubble the five seconds of the rule take no time.
func TestCountersThatWaitAreFound(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"Take", "Peek", "Refund", "Reset"} {
		for _, test := range []struct {
			name  string
			deaf  bool
			stall bool // before the context is done
			found bool
		}{
			{"does not look at a context that is done", true, false, true},
			{"does not look at its context while it waits", true, true, true},
			{"returns when its context is done", false, true, false},
		} {
			t.Run(method+" "+test.name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					w := &waiting{
						Counters: inMemory(countertest.NewClock()), method: method, deaf: test.deaf, stalls: test.stall, ended: make(chan struct{}),
					}
					defer close(w.ended)
					f := countertest.Fixture{Counters: w}
					if test.stall {
						f.Stall = w.stalled.Store
					}
					err := countertest.Try(t.Context(), "a call returns when its context is done", f, ratelimit.FixedWindow)
					if test.found != (err != nil && strings.Contains(err.Error(), "call of "+method)) {
						t.Errorf("the rule has found: %v", err)
					}
				})
			})
		}
	}
}

func TestCheckHeaders(t *testing.T) {
	t.Parallel()
	at := time.Unix(1795416398, 0)
	good := func() http.Header {
		h := http.Header{}
		h.Set("RateLimit-Policy", `"free";q=1500;w=3600, "burst";q=50;w=1`)
		h.Set("RateLimit", `"free";r=0;t=1234`)
		h.Set("X-RateLimit-Limit", "1500")
		h.Set("X-RateLimit-Remaining", "0")
		h.Set("X-RateLimit-Reset", "1795419999")
		h.Set("Retry-After", "1234")
		h.Set("Cache-Control", "no-store")
		return h
	}
	if err := countertest.CheckHeaders(http.StatusTooManyRequests, good(), at); err != nil {
		t.Error(err)
	}
	for name, value := range map[string]string{
		"RateLimit-Policy": "free;q=1500", "RateLimit": `"free";r=-1;t=3`, "X-RateLimit-Limit": "", "X-RateLimit-Remaining": "1501",
		"X-RateLimit-Reset": "1", "Retry-After": "1233", "Cache-Control": "private",
	} {
		h := good()
		h.Set(name, value)
		if err := countertest.CheckHeaders(http.StatusTooManyRequests, h, at); err == nil {
			t.Errorf("%s: %q is not found", name, value)
		}
	}
	for _, without := range []string{"", "soon"} {
		h := good()
		h.Del("Retry-After")
		if without != "" {
			h.Set("Retry-After", without)
		}
		if err := countertest.CheckHeaders(http.StatusTooManyRequests, h, at, countertest.WantRetryAfter); err == nil {
			t.Errorf("Retry-After %q is not found with WantRetryAfter", without)
		}
	}
	if err := countertest.CheckHeaders(http.StatusTooManyRequests, good(), at, countertest.WantRetryAfter); err != nil {
		t.Error(err)
	}
	twice := good()
	twice.Add("X-RateLimit-Limit", "7")
	if countertest.CheckHeaders(http.StatusTooManyRequests, twice, at) == nil || countertest.CheckHeaders(http.StatusOK, good(), at) == nil {
		t.Error("a header that is there twice, or Retry-After in a 200, is not found")
	}
}

// Where waiting does not help, or the host omits it, a Limiter sends no Retry-After.
func TestCheckHeadersAccepts(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func(*ratelimit.Config){
		"a limit of 0": func(c *ratelimit.Config) {
			c.Tiers = ratelimit.Tiers{ratelimit.Anonymous: {Limit: 0, Period: time.Hour}}
		},
		"a request that costs more than its limit": func(c *ratelimit.Config) {
			c.Limit.Cost = func(*http.Request) int64 { return 6 }
		},
		"NoRetryAfter": func(c *ratelimit.Config) {
			c.Headers.NoRetryAfter = true
			c.Limit.Cost = func(*http.Request) int64 { return 5 }
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clock := countertest.NewClock()
			c := ratelimit.Config{
				ClientIP: clientip.RemoteAddr, Now: clock.Now,
				Tiers: ratelimit.Tiers{ratelimit.Anonymous: {Limit: 5, Period: time.Minute}},
			}
			edit(&c)
			l, err := ratelimit.New(c)
			if err != nil {
				t.Fatal(err)
			}
			w := httptest.NewRecorder()
			for range 2 { // the second is rejected in any case
				w = httptest.NewRecorder()
				l.Limit(http.NotFoundHandler()).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody))
			}
			if w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") != "" {
				t.Fatalf("%d with %v, want a 429 without Retry-After", w.Code, w.Header())
			}
			if err := countertest.CheckHeaders(w.Code, w.Header(), clock.Now()); err != nil {
				t.Errorf("%v: %v", w.Header(), err)
			}
		})
	}
}
