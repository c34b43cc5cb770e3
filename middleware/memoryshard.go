package middleware

import (
	"sync"

	"github.com/sallyport-go/sallyport/internal/keytable"
)

// shard has some of the counters, and one lock for them.
type shard struct {
	lock sync.Mutex

	most    int // counters, shared ones left out
	fixed   ledger[fixedWindow, *fixedWindow]
	gcra    ledger[bucket, *bucket]
	rolling ledger[rollingWindow, *rollingWindow]
	_       [64]byte // the next shard's lock is on another cache line
}

// purpose says what a visit is for.
type purpose uint8

const (
	look purpose = iota
	take
	refund
	reset
)

// spends reports whether a visit spends its charge, which is within the limit or
// is not.
func (w purpose) spends(c *Charge, within bool) bool { return w == take && (within || c.Done) }

// visit does something with the counter of a charge, and says how it stands.
func (s *shard) visit(k keytable.Key, c *Charge, now int64, why purpose) Status {
	switch c.Policy.Algorithm {
	case GCRA:
		return s.gcra.visit(s, k, c, now, why)
	case Rolling:
		return s.rolling.visit(s, k, c, now, why)
	default:
		return s.fixed.visit(s, k, c, now, why)
	}
}

// room is how many callers more may have counters.
func (s *shard) room() int { return s.most - s.fixed.Len() - s.gcra.Len() - s.rolling.Len() }

func (s *shard) forget() {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.fixed.forget()
	s.gcra.forget()
	s.rolling.forget()
}

// spending is what one counter has of one caller: a value V without pointers, of
// which the zero value is nothing. Times are in nanoseconds since the counters
// began.
//
// A call of a method of a type parameter is never inlined, so a decision is one
// such call.
type spending[V any] interface {
	*V

	// visit looks whether a charge is within the limit, and if it is not, when it
	// will be. It spends the charge if the purpose says so; otherwise nothing has
	// changed but, perhaps, the time that it is for.
	visit(c *Charge, now int64, why purpose) (s Status, spent bool)

	// refund takes a charge back, as far as there is one.
	refund(c *Charge, now int64)

	// ended reports whether there is nothing to remember.
	ended(now int64) bool
}

// ledger has the counters of one algorithm.
type ledger[V any, P spending[V]] struct {
	keytable.Table[V]

	cursor      int   // of the sweep
	sharedUntil int64 // when the last of the shared counters ends
	blank       V     // what a newcomer has
}

const (
	// sharedCounters are for callers who find no room, in each shard, for windows
	// of one length.
	sharedCounters = 8

	// sweptAtOnce is how many counters a newcomer looks at, for one that has ended.
	sweptAtOnce = 4
)

func (l *ledger[V, P]) forget() { *l = ledger[V, P]{} }

// visit does something with the counter of a charge, and says how it stands. A
// refusal and a look write nothing.
func (l *ledger[V, P]) visit(home *shard, k keytable.Key, c *Charge, now int64, why purpose) Status {
	found := l.Find(k)
	own := found != nil
	switch {
	case why == reset:
		if own {
			l.Delete(k)
		}
		return Status{}
	case !own && now < l.sharedUntil:
		found = l.shared(k, c, now)
	}
	switch {
	case why == refund:
		if found != nil && !P(found).ended(now) {
			P(found).refund(c, now)
		}
		return Status{}
	case found != nil:
		s, spent := P(found).visit(c, now, why)
		if spent && !own {
			l.sharedUntil = max(l.sharedUntil, now+int64(s.ResetAfter))
		}
		return s
	}
	s, spent := P(&l.blank).visit(c, now, why)
	if spent {
		if found, own = l.admit(k, c, now, home.room()); !own {
			l.sharedUntil = max(l.sharedUntil, now+int64(s.ResetAfter))
		}
		var blank V
		*found, l.blank = l.blank, blank
	}
	return s
}

// shared is the counter that a caller shares with others, if there is one: who
// has found no room has no other until it ends.
func (l *ledger[V, P]) shared(k keytable.Key, c *Charge, now int64) *V {
	v := l.Find(sharedKey(k, c))
	if v == nil || P(v).ended(now) {
		return nil
	}
	return v
}

// sharedKey is none that a hash is likely to be.
func sharedKey(k keytable.Key, c *Charge) keytable.Key {
	return keytable.Key{k[0] % sharedCounters, uint64(c.Policy.Window)} //nolint:gosec // positive
}

// admit makes a counter for a newcomer, or one to share where there is no room.
func (l *ledger[V, P]) admit(k keytable.Key, c *Charge, now int64, room int) (v *V, own bool) {
	for range min(sweptAtOnce, l.Len()) {
		if l.cursor >= l.Len() {
			l.cursor = 0
		}
		if other, v := l.At(l.cursor); P(v).ended(now) {
			l.Delete(other)
			room++
		} else {
			l.cursor++
		}
	}
	if room > 0 {
		return l.Insert(k), true
	}
	k = sharedKey(k, c)
	if v = l.Find(k); v == nil { // else it has ended
		v = l.Insert(k)
	}
	return v, false
}
