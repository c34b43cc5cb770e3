package middleware

import (
	"sync"
	"time"

	"github.com/sallyport-go/sallyport/internal/keytable"
)

// shard has some of the counters, and one lock for them.
type shard struct {
	lock sync.Mutex

	most    int // counters, shared ones left out
	fixed   ledger[fixedWindow]
	gcra    ledger[bucket]
	rolling ledger[rollingWindow]
	block   []Status
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

// answer returns room for the Status of so many charges. It comes out of a block,
// so that a decision does not cost an allocation of its own; nothing of a block is
// ever used twice.
func (s *shard) answer(n int) []Status {
	if len(s.block) < n {
		s.block = make([]Status, max(128, n))
	}
	status := s.block[:n:n]
	s.block = s.block[n:]
	return status
}

// visit does something with the counter of a charge, and says how it stands.
func (s *shard) visit(k keytable.Key, c *Charge, now int64, why purpose) Status {
	room := s.most - s.fixed.Len() - s.gcra.Len() - s.rolling.Len()
	switch c.Policy.Algorithm {
	case GCRA:
		return s.gcra.visit(k, c, now, why, room)
	case Rolling:
		return s.rolling.visit(k, c, now, why, room)
	default:
		return s.fixed.visit(k, c, now, why, room)
	}
}

func (s *shard) forget() {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.fixed, s.gcra, s.rolling, s.block = ledger[fixedWindow]{}, ledger[bucket]{}, ledger[rollingWindow]{}, nil
}

// spending is what one counter has of one caller. It is a value without
// pointers, and the zero value is nothing. Times are in nanoseconds since the
// counters began.
type spending[V any] interface {
	// at is the same at a later time.
	at(p *Policy, now int64) V

	// fits reports whether a cost is within the limit, and if it is not, when it
	// will be.
	fits(p *Policy, now, cost int64) (retryAfter time.Duration, ok bool)

	// spend adds a cost, or takes one back as far as there is one.
	spend(p *Policy, cost int64) V

	// left is what can be spent, and how long it takes until all can.
	left(p *Policy, now int64) (remaining int64, resetAfter time.Duration)

	// ended reports whether there is nothing to remember.
	ended(now int64) bool
}

// ledger has the counters of one algorithm.
type ledger[V spending[V]] struct {
	keytable.Table[V]

	cursor      int   // of the sweep
	sharedUntil int64 // when the last of the shared counters ends
}

const (
	// sharedCounters are for callers who find no room, in each shard, for windows
	// of one length.
	sharedCounters = 8

	// sweptAtOnce is how many counters a newcomer looks at, for one that has ended.
	sweptAtOnce = 4
)

// visit does something with the counter of a charge, and says how it stands. A
// refusal and a look write nothing.
func (l *ledger[V]) visit(k keytable.Key, c *Charge, now int64, why purpose, room int) Status {
	found := l.Find(k)
	if why == reset {
		if found != nil {
			l.Delete(k)
		}
		return Status{}
	}
	own := found != nil
	if !own && now < l.sharedUntil {
		found = l.shared(k, c, now)
	}
	if why == refund && (found == nil || (*found).ended(now)) {
		return Status{}
	}
	var v V
	if found != nil {
		v = *found
	}
	v = v.at(&c.Policy, now)
	if why == refund {
		*found = v.spend(&c.Policy, -c.Cost)
		return Status{}
	}
	var s Status
	s.RetryAfter, s.Allowed = v.fits(&c.Policy, now, c.Cost)
	if why == look || !s.Allowed && !c.Done {
		s.Remaining, s.ResetAfter = v.left(&c.Policy, now)
		return s
	}
	v = v.spend(&c.Policy, c.Cost)
	s.Remaining, s.ResetAfter = v.left(&c.Policy, now)
	if found == nil {
		found, own = l.admit(k, c, now, room)
	}
	*found = v
	if !own {
		l.sharedUntil = max(l.sharedUntil, now+int64(s.ResetAfter))
	}
	return s
}

// shared is the counter that a caller shares with others, if there is one: who
// has found no room has no other until it ends.
func (l *ledger[V]) shared(k keytable.Key, c *Charge, now int64) *V {
	v := l.Find(sharedKey(k, c))
	if v == nil || (*v).ended(now) {
		return nil
	}
	return v
}

// sharedKey is none that a hash is likely to be.
func sharedKey(k keytable.Key, c *Charge) keytable.Key {
	return keytable.Key{k[0] % sharedCounters, uint64(c.Policy.Window)} //nolint:gosec // positive
}

// admit makes a counter for a newcomer, or one to share where there is no room.
func (l *ledger[V]) admit(k keytable.Key, c *Charge, now int64, room int) (v *V, own bool) {
	for range min(sweptAtOnce, l.Len()) {
		if l.cursor >= l.Len() {
			l.cursor = 0
		}
		if other, v := l.At(l.cursor); (*v).ended(now) {
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
