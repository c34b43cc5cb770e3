package ratelimit

import (
	"math"
	"time"
)

// fixedWindow is a counter of FixedWindow.
type fixedWindow struct {
	spent int64
	ends  int64
}

func (w *fixedWindow) visit(c *Charge, now int64, why purpose) (s Status, spent bool) {
	p, v := &c.Policy, w.at(&c.Policy, now)
	s.RetryAfter, s.Allowed = v.fits(p, now, c.Cost)
	if spent = why.spends(c, s.Allowed); spent {
		v = v.spend(c.Cost)
		*w = v
	}
	s.Remaining, s.ResetAfter = v.left(p, now)
	return s, spent
}

func (w *fixedWindow) refund(c *Charge, now int64) (nothing bool) {
	*w = w.at(&c.Policy, now).spend(-c.Cost)
	return w.spent == 0
}

func (w *fixedWindow) merge(o *fixedWindow, _ time.Duration) {
	*w = fixedWindow{spent: w.spend(o.spent).spent, ends: max(w.ends, o.ends)}
}

func (w *fixedWindow) above(spent int64) bool { return w.spent > spent }

func (w fixedWindow) at(p *Policy, now int64) fixedWindow {
	if w.ended(now) {
		return fixedWindow{ends: now + int64(p.Window)}
	}
	return w
}

func (w fixedWindow) fits(p *Policy, now, cost int64) (time.Duration, bool) {
	switch {
	case w.spent+cost <= p.Limit:
		return 0, true
	case cost > p.Limit:
		return p.Window, false
	}
	return time.Duration(w.ends - now), false
}

func (w fixedWindow) spend(cost int64) fixedWindow {
	w.spent = min(max(w.spent+cost, 0), math.MaxInt64>>1)
	return w
}

func (w fixedWindow) left(p *Policy, now int64) (int64, time.Duration) {
	return max(p.Limit-w.spent, 0), time.Duration(w.ends - now)
}

func (w fixedWindow) ended(now int64) bool { return now >= w.ends }

// bucket is a counter of GCRA. It stores the level of the bucket, and not the
// time at which it will be empty, so that a changed limit counts at once and what
// was spent stays.
type bucket struct {
	level float64

	// when is the time at which the bucket had this level.
	when int64
	ends int64
}

// crumb is an amount that rounding may have lost.
func crumb(p *Policy) float64 { return 1e-6 + 1e-12*float64(p.Limit) }

func (p *Policy) burst() float64 {
	if p.Burst > 0 {
		return float64(p.Burst)
	}
	return float64(max(p.Limit, 0))
}

// leaks returns how long it takes until this much has leaked, rounded up. A limit
// of 0 leaks nothing. The quotient does not depend on the level, so that the
// processor can compute it early.
func (p *Policy) leaks(much float64) time.Duration {
	if much <= 0 {
		return 0
	}
	if p.Limit <= 0 {
		return p.Window
	}
	long := much * (float64(p.Window) / float64(p.Limit))
	if most := 2 * float64(p.Window); long > most {
		long = most
	}
	return time.Duration(math.Ceil(long))
}

func (b *bucket) visit(c *Charge, now int64, why purpose) (s Status, spent bool) {
	p, v := &c.Policy, b.at(&c.Policy, now)
	s.RetryAfter, s.Allowed = v.fits(p, c.Cost)
	if spent = why.spends(c, s.Allowed); spent {
		v.level = v.with(p, c.Cost)
	}
	s.Remaining, s.ResetAfter = max(int64(p.burst()-v.level+crumb(p)), 0), p.leaks(v.level)
	if spent {
		v.ends = v.ending(s.ResetAfter)
		*b = v
	}
	return s, spent
}

func (b *bucket) refund(c *Charge, now int64) (nothing bool) {
	p, v := &c.Policy, b.at(&c.Policy, now)
	v.level = v.with(p, -c.Cost)
	v.ends = v.ending(p.leaks(v.level))
	*b = v
	return v.level <= 0
}

// merge adds the level of another bucket. It does not know how fast that leaks,
// so the earlier level counts as if nothing had leaked since, and the end is the
// latest that is possible.
func (b *bucket) merge(o *bucket, window time.Duration) {
	b.level += o.level
	b.when = max(b.when, o.when)
	b.ends = max(b.ends, o.ends, b.when+2*int64(window))
}

func (b *bucket) above(spent int64) bool { return b.level > float64(spent) }

// at returns the bucket at a later time. No level takes longer than two windows
// to leak.
func (b bucket) at(p *Policy, now int64) bucket {
	if most := mostLevel(p); b.level > most {
		b.level = most
	}
	if now <= b.when {
		return b
	}
	b.level -= float64(now-b.when) * (float64(max(p.Limit, 0)) / float64(p.Window))
	if b.level < 0 {
		b.level = 0
	}
	b.when = now
	return b
}

func (b bucket) fits(p *Policy, cost int64) (time.Duration, bool) {
	over := b.level + float64(cost) - p.burst()
	switch {
	case over <= crumb(p) && p.Limit > 0:
		return 0, true
	case float64(cost) > p.burst():
		return p.Window, false
	}
	return p.leaks(over), false
}

// with returns the level after a cost.
func (b bucket) with(p *Policy, cost int64) float64 {
	level := b.level + float64(cost)
	if most := mostLevel(p); level > most {
		return most
	}
	if level < 0 {
		return 0
	}
	return level
}

func mostLevel(p *Policy) float64 { return 2 * float64(max(p.Limit, 1)) }

// ending returns when a bucket can be deleted that will be empty after this time.
func (b bucket) ending(empty time.Duration) int64 { return b.when + int64(empty) }

func (b bucket) ended(now int64) bool { return now >= b.ends }

// steps is the number of steps in which a rolling window moves.
const steps = 12

// rollingWindow is a counter of Rolling: what was spent in the current step and
// in those before it. A window that begins within a step includes one step more
// than it has, so all of them count.
type rollingWindow struct {
	step  int64             // the current step
	spent [steps + 1]uint32 // by step, modulo their number
	ends  uint32            // in seconds, rounded up, because counters must be small
}

// width is the length of a step.
func (p *Policy) width() int64 { return (int64(p.Window) + steps - 1) / steps }

func (p *Policy) rollingLimit() int64 { return min(max(p.Limit, 0), math.MaxUint32) }

// visit advances the window in place: a copy would cost more, and the result is
// the same.
func (w *rollingWindow) visit(c *Charge, now int64, why purpose) (s Status, spent bool) {
	p := &c.Policy
	w.advance(p, now)
	all, limit := w.sum(), p.rollingLimit()
	s.RetryAfter, s.Allowed = w.fits(p, now, c.Cost, all)
	if spent = why.spends(c, s.Allowed); spent {
		w.spend(p, c.Cost)
		all += c.Cost
	}
	s.Remaining, s.ResetAfter = max(limit-all, 0), w.resets(p, now)
	return s, spent
}

func (w *rollingWindow) refund(c *Charge, now int64) (nothing bool) {
	w.advance(&c.Policy, now)
	w.spend(&c.Policy, -c.Cost)
	return w.sum() == 0
}

// merge adds a window of the same length.
func (w *rollingWindow) merge(o *rollingWindow, _ time.Duration) {
	newer, older := *w, *o
	if newer.step < older.step {
		newer, older = older, newer
	}
	for i := max(earliest(newer.step), earliest(older.step)); i <= older.step; i++ {
		at := i % (steps + 1)
		newer.spent[at] = uint32(min(uint64(newer.spent[at])+uint64(older.spent[at]), math.MaxUint32))
	}
	newer.ends = max(newer.ends, older.ends)
	*w = newer
}

func (w *rollingWindow) above(spent int64) bool { return w.sum() > spent }

// advance moves the window to a later time.
func (w *rollingWindow) advance(p *Policy, now int64) {
	step := now / p.width()
	switch {
	case w.ended(now):
		*w = rollingWindow{step: step}
	case step > w.step:
		for i := max(w.step+1, earliest(step)); i <= step; i++ {
			w.spent[i%(steps+1)] = 0
		}
		w.step = step
	}
}

// earliest returns the first step that counts together with this one.
func earliest(step int64) int64 { return max(step-steps, 0) }

func (w *rollingWindow) sum() (all int64) {
	for _, n := range w.spent {
		all += int64(n)
	}
	return all
}

// leaves returns how long a step remains in the window.
func (p *Policy) leaves(step, now int64) time.Duration {
	return time.Duration((step+steps+1)*p.width() - now)
}

// fits is asked with the sum.
func (w *rollingWindow) fits(p *Policy, now, cost, all int64) (time.Duration, bool) {
	over := all + cost - p.rollingLimit()
	if over <= 0 {
		return 0, true
	}
	if cost > p.rollingLimit() {
		return p.Window, false
	}
	step := earliest(w.step)
	for ; step < w.step; step++ {
		if over -= int64(w.spent[step%(steps+1)]); over <= 0 {
			break
		}
	}
	return p.leaves(step, now), false
}

func (w *rollingWindow) spend(p *Policy, cost int64) {
	for step := earliest(w.step); cost < 0 && step <= w.step; step++ { // the oldest first, so that the rest stays longer
		n := &w.spent[step%(steps+1)]
		back := min(int64(*n), -cost)
		*n -= uint32(back) //nolint:gosec // at most what it is
		cost += back
	}
	if cost > 0 {
		n := &w.spent[w.step%(steps+1)]
		*n = uint32(min(int64(*n)+cost, math.MaxUint32))                   //nolint:gosec // at most that
		w.ends = uint32((w.step+steps+1)*p.width()/int64(time.Second) + 1) //nolint:gosec // see longest
	}
}

// resets returns how long it takes until nothing is spent.
func (w *rollingWindow) resets(p *Policy, now int64) time.Duration {
	for step := w.step; step >= earliest(w.step); step-- {
		if w.spent[step%(steps+1)] > 0 {
			return p.leaves(step, now)
		}
	}
	return 0
}

func (w *rollingWindow) ended(now int64) bool { return now >= int64(w.ends)*int64(time.Second) }
