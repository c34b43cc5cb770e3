package ratelimit

import (
	"hash/maphash"
	"math"
	"math/bits"
	"slices"
	"sync/atomic"
	"time"

	"github.com/sallyport-go/sallyport/internal/keytable"
)

// partition has the counters of one group.
type partition struct {
	group  Group
	shift  int // maps a key to its shard
	shards []shard
	seed   *maphash.Seed
	most   int64
	used   atomic.Int64 // places in use
}

const (
	// shardCounters is the number of counters of a shard, small enough that no
	// operation on a shard takes long.
	shardCounters = 1 << 13

	// fewShards is the minimum number of shards, so that few callers wait for one of
	// them.
	fewShards = 1 << 6

	// leastShared is the minimum number of counters of a shard in which counters are
	// displaced: with fewer it cannot be determined which source has the most.
	leastShared = 1 << 10
)

func (p *partition) init(m *inMemory, g Group, most int) {
	shards := 1 << bits.Len(uint((most-1)/shardCounters))
	least := fewShards
	if g != GroupCallers {
		least = min(least, 1<<(bits.Len(uint(most/leastShared))-1))
	}
	p.group, p.seed, p.most, p.shards = g, &m.seeds[0], int64(most), make([]shard, max(shards, least))
	p.shift = 64 - bits.TrailingZeros(uint(len(p.shards)))
	for i := range p.shards {
		p.shards[i].home = p
	}
}

// grab takes a place, if there is one.
func (p *partition) grab() bool {
	for {
		n := p.used.Load()
		if n >= p.most {
			return false
		}
		if p.used.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// ample reports whether many places are free.
func (p *partition) ample() bool { return p.used.Load() < p.most/4*3 }

// sourced reports whether a source may share a counter.
func (p *partition) sourced() bool { return p.group == GroupAddresses || p.group == GroupAttempts }

// origin is the source that took the place of a counter, and what is known of its
// policy.
type origin struct {
	source uint32 // a hash; two sources with the same hash count as one
	window uint32 // in seconds
	half   uint32 // of the limit
}

func (p *partition) origin(c *Charge) origin {
	limit := c.Policy.Limit
	if c.Policy.Burst > 0 {
		limit = c.Policy.Burst
	}
	var source uint32
	if c.hashed != nil {
		source = c.hashed.source
	} else {
		source = uint32(maphash.String(*p.seed, c.Source)) //nolint:gosec // some bits are enough
	}
	return origin{
		source: source,
		window: uint32(c.Policy.Window / time.Second), //nolint:gosec // at most ten years
		half:   uint32(min(max(limit/2, 0), math.MaxUint32)),
	}
}

// key returns the key of the counter that the source shares, for windows of one
// length. A hash is almost never equal to one, and an overflowKey never.
func (o origin) key() keytable.Key { return keytable.Key{1<<32 | uint64(o.source), uint64(o.window)} }

// sources counts the places of each source in a shard. It has no source without a
// place.
type sources struct{ keytable.Table[uint32] }

func (t *sources) count(source uint32) uint32 {
	if n := t.Find(sourceKey(source)); n != nil {
		return *n
	}
	return 0
}

func (t *sources) add(source uint32) {
	k := sourceKey(source)
	n := t.Find(k)
	if n == nil {
		n = t.Insert(k)
	}
	*n++
}

func (t *sources) sub(source uint32) {
	k := sourceKey(source)
	if n := t.Find(k); *n > 1 {
		*n--
	} else {
		t.Delete(k)
	}
}

func sourceKey(source uint32) keytable.Key { return keytable.Key{uint64(source), 0} }

// came records which source took the place of the newest entry.
func (l *ledger[V, P]) came(s *shard, k keytable.Key, o origin) {
	l.origins = append(l.origins, o)
	if !isOverflow(k) {
		s.sources.add(o.source)
	}
}

// went deletes the record of a place. The last entry has moved to it.
func (l *ledger[V, P]) went(s *shard, k keytable.Key, place int) {
	if !isOverflow(k) {
		s.sources.sub(l.origins[place].source)
	}
	last := len(l.origins) - 1
	l.origins[place] = l.origins[last]
	l.origins = l.origins[:last]
	if last > 1<<6 && last < cap(l.origins)/4 {
		l.origins = slices.Clip(slices.Clone(l.origins))
	}
}

// displacedAmong is how many counters are searched for one to displace.
const displacedAmong = 128

// relieve makes a place for a counter of c in a full group, and reports whether
// it did: the place is then taken. It searches the counters of its algorithm
// first.
func (l *ledger[V, P]) relieve(s *shard, c *Charge, now int64) bool {
	switch s.home.group {
	case GroupCallers:
		return false
	case GroupKnown:
		return s.forgetMark(c, now)
	case GroupAddresses, GroupAttempts:
	}
	source := s.home.origin(c).source
	return l.displace(s, source, now) || s.gcra.displace(s, source, now) || s.fixed.displace(s, source, now) || s.rolling.displace(s, source, now)
}

// displace takes a place from the source with the most, if that has two more than
// this one or is the same. The displaced caller then shares the counter of that
// source.
func (l *ledger[V, P]) displace(s *shard, source uint32, now int64) bool {
	n := min(l.Len(), displacedAmong)
	if n == 0 {
		return false
	}
	begin := l.cursor % l.Len()
	mine := s.sources.count(source)
	heaviest, most := source, mine+1
	var last, held uint32
	for i := range n {
		at := (begin + i) % l.Len()
		k, v := l.At(at)
		if isOverflow(k) {
			continue
		}
		if P(v).ended(now) {
			l.remove(s, k)
			return true
		}
		o := l.origins[at]
		if held == 0 || o.source != last {
			last, held = o.source, s.sources.count(o.source)
		}
		if held > most && l.yields(at) {
			heaviest, most = o.source, held
		}
		if heaviest != source && int(most) >= l.Len()/4 {
			break // no other source can have many more
		}
	}
	l.cursor = begin + n
	if heaviest == source && mine < 2 {
		return false
	}
	for i := range n {
		if at := (begin + i) % l.Len(); l.origins[at].source == heaviest && l.yields(at) && l.join(s, at, now) {
			return true
		}
	}
	return false
}

// yields reports whether a counter may be displaced.
func (l *ledger[V, P]) yields(at int) bool {
	k, v := l.At(at)
	o := l.origins[at]
	return !isOverflow(k) && k != o.key() && !P(v).above(int64(o.half))
}

// join adds a counter to that of its source, and reports whether that made a
// place. The first call makes the counter of the source.
func (l *ledger[V, P]) join(s *shard, at int, now int64) bool {
	k, v := l.At(at)
	o, value, window := l.origins[at], *v, time.Duration(l.origins[at].window)*time.Second
	l.remove(s, k)
	if v = l.Find(o.key()); v != nil {
		if P(v).ended(now) {
			*v = value
		} else {
			P(v).merge(&value, window)
		}
		return true
	}
	// The callers of the source that share an overflow counter move here, too.
	for i := range uint64(overflowCounters) {
		if other := l.Find(keytable.Key{i, uint64(window)}); other != nil && !P(other).ended(now) {
			P(&value).merge(other, window)
		}
	}
	*l.Insert(o.key()) = value
	l.came(s, o.key(), o)
	return false
}

// forgetMark makes a place in GroupKnown, for a mark or for a budget.
func (s *shard) forgetMark(c *Charge, now int64) bool {
	l := &s.fixed
	n := min(l.Len(), displacedAmong)
	if n == 0 {
		return false
	}
	begin, source := l.cursor%l.Len(), s.home.origin(c).source
	mine := s.sources.count(source)
	var victim keytable.Key
	most, ends := uint32(0), int64(math.MaxInt64)
	for i := range n {
		at := (begin + i) % l.Len()
		k, mark := l.At(at)
		if mark.ended(now) {
			l.remove(s, k)
			return true
		}
		from := l.origins[at].source
		held := s.sources.count(from)
		if c.Policy.Algorithm == FixedWindow && held <= mine && from != source {
			continue // a source with many marks replaces none of a source with few
		}
		if held > most || held == most && mark.ends < ends {
			victim, most, ends = k, held, mark.ends
		}
	}
	l.cursor = begin + n
	if most == 0 {
		// All that were looked at belong to users with as few marks. The source has a
		// mark elsewhere in the shard, which gives way: its own, or that of a user whose
		// source has the same hash by chance.
		for at := range l.Len() {
			if k, mark := l.At(at); l.origins[at].source == source && mark.ends < ends {
				victim, most, ends = k, 1, mark.ends
			}
		}
	}
	if most == 0 {
		return false
	}
	l.remove(s, victim)
	return true
}
