// Package countertest tests whether counters keep the contract of
// [ratelimit.Counters]. A host that implements its own runs it in three lines:
//
//	func TestCounters(t *testing.T) {
//		countertest.Run(t, open) // open returns a countertest.Fixture
//	}
//
// CheckHeaders tests the quota headers of a response.
package countertest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/middleware/ratelimit"
)

// Fixture is the counters under test, in which nothing is counted yet.
type Fixture struct {
	// Counters is required: the counters under test.
	Counters ratelimit.Counters

	// Pass lets time pass for the counters, for example with [Clock]. Nil: the rules
	// about time are skipped, which are many.
	Pass func(time.Duration)

	// Unend removes the expiry from all counters, as another program might do on a
	// server. Nil: the rule about it is skipped. Leave it nil for counters whose
	// expiry cannot be lost.
	Unend func()

	// Stall makes the server of the counters accept requests and answer none, or, with
	// false, answer again. The rule about contexts then also tests calls that wait for
	// it. Nil: it tests calls whose context is done before. Leave it nil for counters
	// without a server.
	Stall func(stalled bool)

	// KeepsWindows says that a counter of which all is refunded stays until its
	// window ends, as those of ratelimit.FromLimiter do. The rule that it is then as
	// if it had never been made is skipped. False: that rule is tested.
	KeepsWindows bool

	// Capacity is the maximum number of counters of each group. The rules about a
	// full group make twice as many counters. Zero: there is no limit, or one that a
	// test cannot reach; they make 512.
	Capacity int

	// RoundsUp is by how much the times of these counters may be too long, for
	// example 1 s if they count in whole seconds. Zero: they are exact.
	RoundsUp time.Duration
}

// Clock is a clock that stands still until Pass is called. It is safe for
// concurrent use.
type Clock struct{ passed chan time.Duration }

// NewClock returns a Clock that shows a time in 2026.
func NewClock() *Clock {
	c := &Clock{passed: make(chan time.Duration, 1)}
	c.passed <- 0
	return c
}

// Now returns the time that the clock shows.
func (c *Clock) Now() time.Time {
	d := <-c.passed
	c.passed <- d
	return time.Unix(1795420000, 0).Add(d)
}

// Pass advances the clock by d.
func (c *Clock) Pass(d time.Duration) { c.passed <- d + <-c.passed }

// Run tests counters with each rule, for each Algorithm that they accept, in
// parallel subtests. It calls open for each rule; open must return counters in
// which nothing is counted yet, and can register its cleanup with t. Rules for
// which the Fixture lacks something are skipped.
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

// trial is one rule that is tested on one Fixture.
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

// hour returns a charge with a window of an hour.
func (t *trial) hour(key string, limit, cost int64) ratelimit.Charge {
	return t.charge(key, limit, cost, time.Hour)
}

func (t *trial) charge(key string, limit, cost int64, window time.Duration) ratelimit.Charge {
	return ratelimit.Charge{Key: key, Cost: cost, Policy: ratelimit.Policy{Name: "p", Limit: limit, Window: window, Algorithm: t.algorithm}}
}

// take requires a Take to be allowed or rejected.
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

// left requires this much to be left.
func (t *trial) left(key string, limit, want int64) {
	if d := t.peek(want > 0, t.hour(key, limit, 1)); d.Status[0].Remaining != want {
		t.errorf("%d of %d are left, want %d", d.Status[0].Remaining, limit, want)
	}
}
