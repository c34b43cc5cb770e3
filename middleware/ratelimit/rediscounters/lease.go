package rediscounters

import (
	"sync"
	"time"

	"github.com/sallyport-go/sallyport/middleware/ratelimit"
)

const (
	// mostLeases is how many callers are watched for whether they are hot.
	mostLeases = 1 << 12

	// hotWithin is how soon a caller comes back who is worth a lease.
	hotWithin = 100 * time.Millisecond

	// mostLeaked is how much of what a caller spends may leak out of a lease
	// meanwhile. Where callers come not much faster than the bucket leaks, leases
	// would take more out of the limit than the callers do.
	mostLeaked = 0.1
)

// leases are charged ahead: a part of the limit that this node may spend by
// itself until the window, or the step of a rolling one, ends. One of a bucket leaks
// as the bucket does: what is left of all leases and what was really spent are
// together never more than what the server has in the bucket, for they leak at least
// as fast, and spending only moves something from one to the other. What a node does
// not spend is lost until the window ends, or until it has leaked; nothing is ever
// admitted beyond the limit.
type leases struct {
	size int64
	now  func() time.Time

	mu  sync.Mutex
	all map[[2]uint64]lease
}

type lease struct {
	seen   time.Time // the caller
	asking bool      // somebody asks for a lease
	stale  bool      // nothing was heard since
	left   float64   // when it began
	began  time.Time // not after the server has charged it
	until  time.Time
	at     time.Time        // the server said so
	status ratelimit.Status // of the counter, without what is left here
}

// lends reports whether there are leases for these charges.
func (l *leases) lends(charges []ratelimit.Charge) bool {
	return l != nil && len(charges) == 1 && !charges[0].Done
}

// spend makes a charge out of its lease. If there is none, it returns how large a
// lease to ask for. The caller who asks for it must call keep or answered.
func (l *leases) spend(name [2]uint64, charges []ratelimit.Charge, dst []ratelimit.Status) (d ratelimit.Decision, ask int64, ok bool) {
	if !l.lends(charges) {
		return d, 0, false
	}
	c := &charges[0]
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now() // when it is this caller's turn: a lease leaks while they wait for it
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

// hot reports whether a caller who comes back after so long is worth a lease.
func hot(c *ratelimit.Charge, after time.Duration) bool {
	return after < hotWithin && (c.Policy.Algorithm != ratelimit.GCRA || leaked(&c.Policy, after) <= mostLeaked*float64(c.Cost))
}

// leaked is how much a bucket has lost after so long: never less than nothing, even
// if the clock was set back or the limit is below 0.
func leaked(p *ratelimit.Policy, after time.Duration) float64 {
	return float64(max(after, 0)) * float64(max(p.Limit, 0)) / float64(p.Window)
}

// rest is what is left now.
func (l *lease) rest(p *ratelimit.Policy, now time.Time) float64 {
	switch {
	case p.Algorithm == ratelimit.GCRA:
		return max(l.left-leaked(p, now.Sub(l.began)), 0)
	case now.Before(l.until):
		return l.left
	}
	return 0
}

// keep notes what the server has said of a counter, and what it has charged
// ahead for the caller, if anything. It was told so at sent, and counted later: what is good
// until then ends, or leaks, too soon here, and never too late.
func (l *leases) keep(name [2]uint64, p *ratelimit.Policy, ask, more int64, s ratelimit.Status, sent time.Time, good time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	one, known := l.all[name]
	if !known {
		return // forgotten in the meantime
	}
	now := l.now()
	one.hear(s, now)
	if ask > 0 {
		one.asking = false
	}
	if more > 0 {
		until, rest := sent.Add(good), one.rest(p, now)
		if rest > 0 && one.until.Before(until) {
			until = one.until // what was left may be of the window before
		}
		one.left, one.began, one.until = rest+float64(more), sent, until
	}
	l.all[name] = one
}

// hear takes the worst of what the server has said since it was asked for a lease:
// many ask at once, and the answers come in any order.
func (l *lease) hear(s ratelimit.Status, now time.Time) {
	s.Allowed, s.RetryAfter = true, 0 // of what is spent here
	if !l.stale {
		s.Remaining = min(s.Remaining, l.status.Remaining)
		s.ResetAfter = max(s.ResetAfter, l.resets(now))
	}
	l.status, l.at, l.stale = s, now, false
}

// resets is in what time all of the limit is there again, as the server has said.
func (l *lease) resets(now time.Time) time.Duration {
	return max(l.status.ResetAfter-max(now.Sub(l.at), 0), 0)
}

// answered notes that the request for a lease has ended.
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

// evict forgets a caller: among a sample, the one that was seen least recently.
// Its lease is lost until the window ends.
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
