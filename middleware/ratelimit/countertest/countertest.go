// Package countertest tells whether counters keep what [ratelimit.Counters]
// promises. A host that writes some runs it in three lines:
//
//	func TestCounters(t *testing.T) {
//		countertest.Run(t, open) // open returns a countertest.Fixture
//	}
package countertest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/middleware/ratelimit"
)

// Fixture is counters under test, with nothing counted yet.
type Fixture struct {
	// Counters is required.
	Counters ratelimit.Counters

	// Pass lets time pass for the counters. Without it the rules that are about
	// time are skipped, and that is much.
	Pass func(time.Duration)

	// Unend takes the end away from all that is counted, as a hand or another
	// program might do to counters that a server forgets by itself. Nil: these
	// cannot lose it.
	Unend func()

	// KeepsWindows says that a counter which has given back all that it had stays until
	// its window ends, as those of ratelimit.FromLimiter do. The rule that it is as if
	// it had never been is then skipped.
	KeepsWindows bool

	// Capacity is how many counters each group has at most. Zero: no bound, or one that
	// a test cannot reach. The rules about a full group make twice as many counters, or
	// 512.
	Capacity int

	// RoundsUp is by how much these counters say too long, for instance a second
	// if they tell time in seconds.
	RoundsUp time.Duration
}

// Clock is time that stands still until somebody lets it pass.
type Clock struct{ passed chan time.Duration }

// NewClock returns a Clock that shows some moment of 2026.
func NewClock() *Clock {
	c := &Clock{passed: make(chan time.Duration, 1)}
	c.passed <- 0
	return c
}

// Now is what the clock shows.
func (c *Clock) Now() time.Time {
	d := <-c.passed
	c.passed <- d
	return time.Unix(1795420000, 0).Add(d)
}

// Pass lets time pass.
func (c *Clock) Pass(d time.Duration) { c.passed <- d + <-c.passed }

// Run tries every rule, by each Algorithm that the counters can count by. Open is
// called for each, and makes a Fixture of its own.
func Run(t *testing.T, open func(t *testing.T) Fixture) {
	t.Helper()
	for _, algorithm := range []ratelimit.Algorithm{ratelimit.FixedWindow, ratelimit.GCRA, ratelimit.Rolling} {
		t.Run(algorithm.String(), func(t *testing.T) {
			t.Parallel()
			if err := open(t).Counters.Check(ratelimit.Policy{Limit: 1, Window: time.Hour, Algorithm: algorithm}); err != nil {
				t.Skipf("skipped: %v", err)
			}
			for _, r := range rules {
				t.Run(r.name, func(t *testing.T) {
					t.Parallel()
					f := open(t)
					if r.wants != nil && !r.wants(f) {
						t.Skip("skipped: the Fixture has no way to")
					}
					if err := r.try(t.Context(), f, algorithm); err != nil {
						t.Errorf("%v\nbecause: %s", err, r.why)
					}
				})
			}
		})
	}
}

// rule is a sentence of the contract.
type rule struct {
	name  string
	why   string // what breaks for a host where it does not hold
	wants func(Fixture) bool
	check func(*trial)
}

// try returns what the rule finds wrong.
func (r rule) try(ctx context.Context, f Fixture, a ratelimit.Algorithm) (err error) {
	t := &trial{Fixture: f, ctx: ctx, algorithm: a}
	defer func() {
		if p := recover(); p != nil && p != errStop {
			t.errs = append(t.errs, fmt.Errorf("panic: %v", p))
		}
		err = errors.Join(t.errs...)
	}()
	r.check(t)
	return nil
}

var errStop = errors.New("countertest: enough")

// trial is one rule tried on one Fixture.
type trial struct {
	Fixture

	ctx       context.Context
	algorithm ratelimit.Algorithm
	errs      []error
}

func (t *trial) errorf(format string, args ...any) {
	t.errs = append(t.errs, fmt.Errorf(format, args...))
	if len(t.errs) > 5 {
		panic(errStop)
	}
}

func (t *trial) must(what string, err error) {
	if err != nil {
		t.errorf("%s: %w", what, err)
		panic(errStop)
	}
}

// hour is so much of an hour's limit.
func (t *trial) hour(key string, limit, cost int64) ratelimit.Charge {
	return t.charge(key, limit, cost, time.Hour)
}

func (t *trial) charge(key string, limit, cost int64, window time.Duration) ratelimit.Charge {
	return ratelimit.Charge{Key: key, Cost: cost, Policy: ratelimit.Policy{Name: "p", Limit: limit, Window: window, Algorithm: t.algorithm}}
}

// take wants a Take to be allowed or refused.
func (t *trial) take(want bool, charges ...ratelimit.Charge) ratelimit.Decision {
	d, err := t.Counters.Take(t.ctx, charges, nil)
	return t.decided("Take", d, err, want, charges)
}

func (t *trial) peek(want bool, charges ...ratelimit.Charge) ratelimit.Decision {
	d, err := t.Counters.Peek(t.ctx, charges, nil)
	return t.decided("Peek", d, err, want, charges)
}

func (t *trial) decided(what string, d ratelimit.Decision, err error, want bool, charges []ratelimit.Charge) ratelimit.Decision {
	t.must(what, err)
	if len(d.Status) != len(charges) {
		t.errorf("%s answers with %d Status for %d charges", what, len(d.Status), len(charges))
		panic(errStop)
	}
	if d.Allowed != want {
		t.errorf("%s of %+v is %+v, want Allowed to be %t", what, charges, d, want)
	}
	for i, s := range d.Status {
		limit := max(charges[i].Policy.Limit, 0)
		most := 2*charges[i].Policy.Window + charges[i].Policy.Window/12 + t.RoundsUp
		if s.Remaining < 0 || s.Remaining > limit || s.ResetAfter < 0 || s.ResetAfter > most || s.RetryAfter < 0 || s.RetryAfter > most || (s.RetryAfter > 0) == s.Allowed {
			t.errorf("%s of %+v: the Status makes no sense: %+v", what, charges[i], s)
		}
	}
	return d
}

// left wants so much to be left.
func (t *trial) left(key string, limit, want int64) {
	if d := t.peek(want > 0, t.hour(key, limit, 1)); d.Status[0].Remaining != want {
		t.errorf("%d of %d are left, want %d", d.Status[0].Remaining, limit, want)
	}
}
