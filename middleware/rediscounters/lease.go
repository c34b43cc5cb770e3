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
// itself until the window, or the step of a rolling one, ends. What it does not
// spend is lost until the window ends; nothing is ever admitted beyond the limit.
type leases struct {
	size int64

	mu  sync.Mutex
	all map[[2]uint64]lease
}

type lease struct {
	seen   time.Time // the caller
	asking bool      // somebody asks for a lease
	left   int64
	until  time.Time
	at     time.Time         // the server said so
	status middleware.Status // of the counter, without what is left here
}

// spend makes a charge out of its lease. If there is none, it says how large a
// lease to ask for; whoever asks calls keep.
func (l *leases) spend(name [2]uint64, charges []middleware.Charge, room []middleware.Status, now time.Time) (d middleware.Decision, ask int64, ok bool) {
	if l == nil || len(charges) != 1 || charges[0].Done || charges[0].Policy.Algorithm == middleware.GCRA {
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
	if cost := charges[0].Cost; cost <= one.left && now.Before(one.until) {
		one.left -= cost
		s := one.status
		s.Remaining += one.left
		s.ResetAfter = max(s.ResetAfter-now.Sub(one.at), 0)
		d, ok = middleware.Decision{Allowed: true, Status: append(room[:0], s)}, true
	} else if hot && !one.asking {
		one.asking, ask = true, l.size
	}
	l.all[name] = one
	return d, ask, ok
}

// keep notes what the server has charged ahead, if anything. It was asked at sent,
// and counted later: what is good until then ends too soon here, and never too
// late.
func (l *leases) keep(name [2]uint64, more int64, s middleware.Status, sent, now time.Time, good time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	one, known := l.all[name]
	if !known {
		return // forgotten in the meantime
	}
	one.asking = false
	if more > 0 {
		until := sent.Add(good)
		switch {
		case !now.Before(one.until):
			one.left = 0 // it was of a window that has ended
		case one.left > 0 && one.until.Before(until):
			until = one.until // what was left may be of the window before
		}
		one.left += more
		one.until, one.at, one.status = until, now, s
	}
	l.all[name] = one
}

// answered says that nobody asks for a lease any more.
func (l *leases) answered(name [2]uint64, asked int64) {
	if asked > 0 {
		l.keep(name, 0, middleware.Status{}, time.Time{}, time.Time{}, 0)
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
