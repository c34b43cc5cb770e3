package remote

import (
	"sync"
	"time"

	"github.com/sallyport-go/sallyport/middleware/ratelimit"
)

const (
	// mostLeases is how many callers are watched for whether they return often.
	mostLeases = 1 << 12

	// hotWithin is how soon a caller must return to get a lease.
	hotWithin = 100 * time.Millisecond

	// mostLeaked is the share of a caller's spending that may leak out of a lease
	// meanwhile. If callers are not much faster than the bucket leaks, leases would
	// take more of the limit than the callers do.
	mostLeaked = 0.1
)

// leases are charges in advance: a part of the limit that this node may spend
// itself until the window, or the step of a rolling one, ends. A lease of a
// bucket leaks as the bucket does: all leases and what was really spent are
// together never more than the server has in the bucket, because they leak at
// least as fast, and spending only moves an amount from one to the other. What a
// node does not spend is lost until the window ends, or until it has leaked;
// nothing is ever admitted beyond the limit.
type leases struct {
	size int64
	now  func() time.Time

	mu  sync.Mutex
	all map[[2]uint64]lease
}

func newLeases(size int64, now func() time.Time) *leases {
	return &leases{size: size, now: now, all: map[[2]uint64]lease{}}
}

type lease struct {
	seen   time.Time // when the caller was last seen
	asking bool      // a lease has been requested
	stale  bool      // the server has not answered since
	left   float64   // at the time began
	began  time.Time // not after the charge on the server
	until  time.Time
	at     time.Time        // when the server returned status
	status ratelimit.Status // of the counter, without what is left here
}

// lends reports whether there are leases for these charges.
func (l *leases) lends(charges []ratelimit.Charge) bool {
	return l != nil && len(charges) == 1 && !charges[0].Done
}

// spend takes a charge out of its lease. If there is none, it returns how large a
// lease to request. The caller that requests it must call keep or answered.
func (l *leases) spend(name [2]uint64, charges []ratelimit.Charge, dst []ratelimit.Status) (d ratelimit.Decision, ask int64, ok bool) {
	if !l.lends(charges) {
		return d, 0, false
	}
	c := &charges[0]
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now() // read under the lock: a lease leaks while the caller waits
	one, known := l.all[name]
	if !known && len(l.all) >= mostLeases {
		l.evict(now)
	}
	worth := known && hot(c, now.Sub(one.seen))
	one.seen = now
	if rest := one.rest(&c.Policy, now) - float64(c.Cost); rest >= 0 {
		one.left -= float64(c.Cost)
		s := one.status
		s.Remaining += int64(rest)
		s.ResetAfter = one.resets(now)
		d, ok = ratelimit.Decision{Allowed: true, Status: append(dst[:0], s)}, true
	} else if worth && !one.asking {
		one.asking, one.stale, ask = true, true, l.size
	}
	l.all[name] = one
	return d, ask, ok
}

// hot reports whether a caller that returns after this time gets a lease.
func hot(c *ratelimit.Charge, after time.Duration) bool {
	return after < hotWithin && (c.Policy.Algorithm != ratelimit.GCRA || leaked(&c.Policy, after) <= mostLeaked*float64(c.Cost))
}

// leaked returns how much a bucket has lost after this time: never less than
// zero, even if the clock was set back or the limit is below 0.
func leaked(p *ratelimit.Policy, after time.Duration) float64 {
	return float64(max(after, 0)) * float64(max(p.Limit, 0)) / float64(p.Window)
}

// rest returns what is left now.
func (l *lease) rest(p *ratelimit.Policy, now time.Time) float64 {
	switch {
	case p.Algorithm == ratelimit.GCRA:
		return max(l.left-leaked(p, now.Sub(l.began)), 0)
	case now.Before(l.until):
		return l.left
	}
	return 0
}

// keep stores what the server returned for a counter, and what it charged in
// advance for the caller. The request was sent at sent and counted later, so the
// lease ends, or leaks, too soon here, and never too late.
func (l *leases) keep(name [2]uint64, p *ratelimit.Policy, ask, more int64, s ratelimit.Status, sent time.Time, good time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	one, known := l.all[name]
	if !known {
		return // evicted meanwhile
	}
	now := l.now()
	one.hear(s, now)
	if ask > 0 {
		one.asking = false
	}
	if more > 0 {
		until, rest := sent.Add(good), one.rest(p, now)
		if rest > 0 && one.until.Before(until) {
			until = one.until // the rest may be of the window before
		}
		one.left, one.began, one.until = rest+float64(more), sent, until
	}
	l.all[name] = one
}

// hear takes the worst of what the server has returned since a lease was
// requested: many callers ask concurrently, and the answers come in any order.
func (l *lease) hear(s ratelimit.Status, now time.Time) {
	s.Allowed, s.RetryAfter = true, 0 // of what is spent here
	if !l.stale {
		s.Remaining = min(s.Remaining, l.status.Remaining)
		s.ResetAfter = max(s.ResetAfter, l.resets(now))
	}
	l.status, l.at, l.stale = s, now, false
}

// resets returns how long it takes until the whole limit is available again, as
// the server said.
func (l *lease) resets(now time.Time) time.Duration {
	return max(l.status.ResetAfter-max(now.Sub(l.at), 0), 0)
}

// answered records that the request for a lease has ended.
func (l *leases) answered(name [2]uint64, asked int64) {
	if asked == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if one, known := l.all[name]; known {
		one.asking = false
		l.all[name] = one
	}
}

// evict deletes a caller: of a sample, the one that was seen least recently. Its
// lease is lost until the window ends.
func (l *leases) evict(now time.Time) {
	var oldest [2]uint64
	seen, looked := now, 0
	for name, one := range l.all {
		if !one.seen.After(seen) {
			oldest, seen = name, one.seen
		}
		looked++
		if looked == 16 {
			break
		}
	}
	delete(l.all, oldest)
}
