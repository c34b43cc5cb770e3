package rediscounters

import (
	"sync"
	"time"

	"github.com/sallyport-go/sallyport/middleware"
)

const (
	// mostLeases is how many callers are watched for whether they are hot.
	mostLeases = 1 << 12

	// hotWithin is how soon a caller comes back who is worth a lease.
	hotWithin = 100 * time.Millisecond
)

// leases are charged ahead: a part of the limit that this node may spend by
// itself until the window, or the step of a rolling one, ends. One of a bucket leaks
// as the bucket does: what is left of all leases and what was really spent are
// together never more than what the server has in the bucket. What a node does not
// spend is lost until the window ends, or until it has leaked; nothing is ever
// admitted beyond the limit.
type leases struct {
	size int64

	mu  sync.Mutex
	all map[[2]uint64]lease
}

type lease struct {
	seen   time.Time // the caller
	asking bool      // somebody asks for a lease
	left   float64   // when it began
	began  time.Time // not after the server has charged it
	until  time.Time
	at     time.Time         // the server said so
	status middleware.Status // of the counter, without what is left here
}

// spend makes a charge out of its lease. If there is none, it says how large a
// lease to ask for; whoever asks calls keep.
func (l *leases) spend(name [2]uint64, charges []middleware.Charge, room []middleware.Status, now time.Time) (d middleware.Decision, ask int64, ok bool) {
	if l == nil || len(charges) != 1 || charges[0].Done {
		return d, 0, false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	one, known := l.all[name]
	if !known && len(l.all) >= mostLeases {
		l.makeRoom(now)
	}
	hot := known && now.Sub(one.seen) < hotWithin
	one.seen = now
	if rest := one.rest(&charges[0].Policy, now) - float64(charges[0].Cost); rest >= -crumb {
		one.left -= float64(charges[0].Cost)
		s := one.status
		s.Remaining += int64(rest + crumb)
		s.ResetAfter = max(s.ResetAfter-now.Sub(one.at), 0)
		d, ok = middleware.Decision{Allowed: true, Status: append(room[:0], s)}, true
	} else if hot && !one.asking {
		one.asking, ask = true, l.size
	}
	l.all[name] = one
	return d, ask, ok
}

// crumb is so little of one unit that nobody is refused for the want of it. Where it
// was wanting it is owed to the next lease.
const crumb = 1e-3

// rest is what is left now: less than nothing by what is owed.
func (l *lease) rest(p *middleware.Policy, now time.Time) float64 {
	if p.Algorithm != middleware.GCRA {
		if !now.Before(l.until) {
			return 0
		}
		return l.left
	}
	leaked := float64(now.Sub(l.began)) / float64(p.Window) * float64(p.Limit)
	return max(l.left-leaked, min(l.left, 0))
}

// keep notes what the server has charged ahead, if anything. It was asked at sent,
// and counted later: what is good until then ends too soon here, and never too
// late.
func (l *leases) keep(name [2]uint64, p *middleware.Policy, more int64, s middleware.Status, sent, now time.Time, good time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	one, known := l.all[name]
	if !known {
		return // forgotten in the meantime
	}
	one.asking = false
	if more > 0 {
		until, rest := sent.Add(good), one.rest(p, now)
		if rest > 0 && one.until.Before(until) {
			until = one.until // what was left may be of the window before
		}
		one.left, one.began = rest+float64(more), sent
		one.until, one.at, one.status = until, now, s
	}
	l.all[name] = one
}

// answered says that nobody asks for a lease any more.
func (l *leases) answered(name [2]uint64, charges []middleware.Charge, asked int64) {
	if asked > 0 {
		l.keep(name, &charges[0].Policy, 0, middleware.Status{}, time.Time{}, time.Time{}, 0)
	}
}

// makeRoom forgets a caller: of some, the one whom nobody has seen for longest.
// Its lease is lost until the window ends.
func (l *leases) makeRoom(now time.Time) {
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
