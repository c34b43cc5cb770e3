package ratelimit

import (
	"sync"
	"time"

	"github.com/sallyport-go/sallyport/internal/keytable"
)

// shard has some of the counters of a group, and one lock for them.
type shard struct {
	lock sync.Mutex

	home    *partition
	fixed   ledger[fixedWindow, *fixedWindow]
	gcra    ledger[bucket, *bucket]
	rolling ledger[rollingWindow, *rollingWindow]
	sources sources
	_       [64]byte // puts the next shard's lock on another cache line
}

// purpose is what a visit is for.
type purpose uint8

const (
	look purpose = iota
	take
	refund
	reset
)

// spends reports whether a visit makes its charge, which is within the limit or
// not.
func (w purpose) spends(c *Charge, within bool) bool { return w == take && (within || c.Done) }

// visit applies a charge to its counter, and returns the status.
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

func (s *shard) forget() {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.fixed.forget()
	s.gcra.forget()
	s.rolling.forget()
	s.sources = sources{}
}

// spending is what one counter has stored: a value V without pointers, whose zero
// value means that nothing was spent. Times are in nanoseconds since the counters
// began.
//
// A call of a method of a type parameter is never inlined, so a decision is one
// such call.
type spending[V any] interface {
	*V

	// visit checks whether a charge is within the limit and, if it is not, when it
	// will be. It makes the charge if the purpose says so; otherwise at most the
	// time of the value changes.
	visit(c *Charge, now int64, why purpose) (s Status, spent bool)

	// refund takes a charge back, at most what was spent, and reports whether
	// nothing is left.
	refund(c *Charge, now int64) (nothing bool)

	// merge adds another counter with a window of the same length.
	merge(o *V, window time.Duration)

	// above reports whether more than this is spent. What has leaked since the last
	// charge may count.
	above(spent int64) bool

	// ended reports whether the counter can be deleted.
	ended(now int64) bool
}

// ledger has the counters of one algorithm.
type ledger[V any, P spending[V]] struct {
	keytable.Table[V]

	origins     []origin // of the entries, in groups with sources
	cursor      int      // of the sweep
	sharedUntil int64    // when the last of the overflow counters ends
	blank       V        // the value of a new caller
}

const (
	// overflowCounters is how many counters the callers without a place share, in
	// each shard, for windows of one length.
	overflowCounters = 8

	// sweptAtOnce is how many counters are checked for each new one, to delete those
	// that have ended.
	sweptAtOnce = 4

	// sweptAfter is how long a counter that has ended is kept.
	sweptAfter = 10 * time.Second

	// noPlace is the RetryAfter of a charge that could not be made because there is
	// no place for its counter.
	noPlace = -1
)

func (l *ledger[V, P]) forget() { *l = ledger[V, P]{} }

// visit applies a charge to its counter, and returns the status. A rejection and
// a look write nothing.
func (l *ledger[V, P]) visit(s *shard, k keytable.Key, c *Charge, now int64, why purpose) Status {
	found := l.Find(k)
	own := found != nil
	switch {
	case why == reset:
		if own {
			l.drop(s, k)
		}
		return Status{}
	case !own && s.home.group != GroupKnown:
		k, found = l.shared(s, k, c, now)
	}
	switch {
	case why == refund:
		if found != nil && (P(found).ended(now) || P(found).refund(c, now)) {
			l.drop(s, k)
		}
		return Status{}
	case found != nil:
		st, spent := P(found).visit(c, now, why)
		if spent && isOverflow(k) {
			l.sharedUntil = max(l.sharedUntil, now+int64(st.ResetAfter))
		}
		return st
	}
	st, spent := P(&l.blank).visit(c, now, why)
	if spent {
		st = l.begin(s, k, c, now, st)
	}
	return st
}

// shared returns the counter that a caller without one of its own shares with
// others, and its key, if there is one that has not ended: a caller that was
// charged there has no other until it ends.
func (l *ledger[V, P]) shared(s *shard, k keytable.Key, c *Charge, now int64) (keytable.Key, *V) {
	if s.home.sourced() {
		of := s.home.origin(c).key()
		if v := l.Find(of); v != nil && !P(v).ended(now) {
			return of, v
		}
	}
	if now < l.sharedUntil {
		of := overflowKey(k, c.Policy.Window)
		if v := l.Find(of); v != nil && !P(v).ended(now) {
			return of, v
		}
	}
	return k, nil
}

// overflowKey returns the key of a counter that callers without a place share. A
// hash is almost never equal to one.
func overflowKey(k keytable.Key, window time.Duration) keytable.Key {
	return keytable.Key{k[0] % overflowCounters, uint64(window)} //nolint:gosec // positive
}

// isOverflow reports whether the counter takes no place.
func isOverflow(k keytable.Key) bool { return k[0] < overflowCounters }

// begin makes a counter of blank, for a new caller whose charge has the status
// st.
func (l *ledger[V, P]) begin(s *shard, k keytable.Key, c *Charge, now int64, st Status) Status {
	first := l.blank
	var blank V
	l.blank = blank
	l.sweep(s, now)
	if s.home.grab() || l.relieve(s, c, now) {
		*l.insert(s, k, c) = first
		return st
	}
	var v *V
	switch s.home.group {
	case GroupKnown:
		return Status{RetryAfter: noPlace}
	case GroupAddresses, GroupAttempts:
		v = l.Find(s.home.origin(c).key())
	case GroupCallers:
	}
	if v == nil {
		of := overflowKey(k, c.Policy.Window)
		if v = l.Find(of); v == nil {
			v = l.insert(s, of, c)
		}
		l.sharedUntil = max(l.sharedUntil, now+int64(st.ResetAfter))
	}
	if P(v).ended(now) {
		*v = first
		return st
	}
	P(v).merge(&first, c.Policy.Window)
	after, _ := P(v).visit(c, now, look)
	after.Allowed, after.RetryAfter = st.Allowed, st.RetryAfter
	return after
}

// sweep deletes counters that have ended, if they are among the next few. While
// there is capacity it keeps those whose callers are likely to return soon.
func (l *ledger[V, P]) sweep(s *shard, now int64) {
	if s.home.ample() {
		now -= int64(sweptAfter)
	}
	for range min(sweptAtOnce, l.Len()) {
		if l.cursor >= l.Len() {
			l.cursor = 0
		}
		if k, v := l.At(l.cursor); P(v).ended(now) {
			l.drop(s, k)
		} else {
			l.cursor++
		}
	}
}

// insert adds a counter. Its place, if it takes one, has been taken.
func (l *ledger[V, P]) insert(s *shard, k keytable.Key, c *Charge) *V {
	v := l.Insert(k)
	if s.home.group != GroupCallers {
		l.came(s, k, s.home.origin(c))
	}
	return v
}

// drop deletes a counter, and gives its place back.
func (l *ledger[V, P]) drop(s *shard, k keytable.Key) {
	l.remove(s, k)
	if !isOverflow(k) {
		s.home.used.Add(-1)
	}
}

// remove deletes a counter whose place is taken by another.
func (l *ledger[V, P]) remove(s *shard, k keytable.Key) {
	place := l.Delete(k)
	if s.home.group != GroupCallers {
		l.went(s, k, place)
	}
}
