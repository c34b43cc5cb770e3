package ratelimit

import (
	"context"
	"errors"
	"hash/maphash"
	"slices"
	"time"

	"github.com/sallyport-go/sallyport/internal/keytable"
)

// MemoryConfig configures counters in memory. The zero value is safe to use.
type MemoryConfig struct {
	// MaxCounters is the maximum number of counters in GroupCallers, 1024 to
	// 1073741824. Each takes about 42 bytes for a fixed window, 52 for GCRA, and 94
	// for a rolling window. Memory is allocated as counters are made. Zero: 1048576.
	MaxCounters int

	// MaxAddresses, MaxAttempts and MaxKnown are the same for GroupAddresses,
	// GroupAttempts and GroupKnown. In these groups each counter takes about 20
	// bytes more, and each Source about 28. Zero: MaxCounters.
	MaxAddresses, MaxAttempts, MaxKnown int

	// Now is the clock, for tests. It must be safe for concurrent use. Nil: a
	// monotonic clock, which changes of the machine's clock do not affect.
	Now func() time.Time
}

const (
	defaultMaxCounters = 1 << 20
	leastMaxCounters   = 1 << 10
	mostMaxCounters    = 1 << 30
)

// Memory returns the Counters of [NewMemory] with the zero MemoryConfig.
func Memory() Counters { return memoryBy(nil) }

// memoryBy is Memory with a clock.
func memoryBy(now func() time.Time) Counters {
	m, err := NewMemory(MemoryConfig{Now: now})
	if err != nil {
		panic(err) // every clock is valid
	}
	return m
}

// NewMemory returns Counters in the memory of this process, exact and for each
// Algorithm. They start no goroutine, and store only hashes of keys and Sources,
// which are different in each process.
//
// If the MemoryConfig is invalid, NewMemory returns one error that joins all
// defects: *ConfigError values.
//
// Each group has the capacity of its field. A counter takes one place: from its
// first charge until its window has ended, until its bucket is empty, or until
// all of it is refunded. If a group is not full, each caller has a counter of its
// own. If a group is full:
//
//   - GroupCallers: new callers share overflow counters until these end. They may
//     be limited early, never late.
//   - GroupAddresses, GroupAttempts: a new counter of a Source with few places
//     replaces a counter of the Source with the most. The displaced caller, and
//     new callers of that Source, then share one counter of the Source, which
//     adds up all that was displaced, until it ends. A counter of which more than
//     half of the limit is spent is never displaced. If no Source has two places
//     more than the new one, new callers share overflow counters. The Source with
//     the most places is searched among at most 128 counters.
//   - GroupKnown: a new counter replaces a mark of the Source that has the most
//     marks, and of these the one that would end first. If there is none, Take
//     returns an error. No counter is shared.
//
// A counter that is over its limit is never deleted to make a place, except for
// marks.
func NewMemory(c MemoryConfig) (Counters, error) {
	m := &inMemory{seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}}
	m.now, m.began = c.clock()
	wrong := complaints()
	complain := wrong.At("MemoryConfig.")
	if c.MaxCounters == 0 {
		c.MaxCounters = defaultMaxCounters
	}
	for g, capacity := range []struct {
		field string
		most  int
	}{
		GroupCallers: {"MaxCounters", c.MaxCounters}, GroupAddresses: {"MaxAddresses", c.MaxAddresses},
		GroupAttempts: {"MaxAttempts", c.MaxAttempts}, GroupKnown: {"MaxKnown", c.MaxKnown},
	} {
		if capacity.most == 0 {
			capacity.most = c.MaxCounters
		}
		if capacity.most < leastMaxCounters || capacity.most > mostMaxCounters {
			complain(capacity.field, "must be %d to %d, got %d", leastMaxCounters, mostMaxCounters, capacity.most)
			continue
		}
		m.groups[g].init(m, Group(g), capacity.most)
	}
	if err := wrong.Err(); err != nil {
		return nil, err
	}
	return m, nil
}

// longest is how long counters can live: with the longest window in addition, a
// number of seconds in 32 bits.
const longest = 100 * 365 * 24 * time.Hour

// clock returns the nanoseconds since now: from 0, whatever a host's clock shows,
// to the longest that counters can live. Of the default clock it also returns now.
func (c MemoryConfig) clock() (now func() int64, began time.Time) {
	if c.Now != nil {
		first := c.Now()
		return func() int64 { return int64(min(max(c.Now().Sub(first), 0), longest)) }, time.Time{}
	}
	began = time.Now()                                             //nolint:forbidigo // the default clock
	return func() int64 { return int64(time.Since(began)) }, began //nolint:forbidigo // as above; it costs half of time.Now
}

type inMemory struct {
	now    func() int64
	began  time.Time // of the default clock; zero: another is used
	seeds  [2]maphash.Seed
	groups [groups]partition
}

// Check accepts each Algorithm.
func (*inMemory) Check(p Policy) error { return p.Check() }

func (m *inMemory) Take(_ context.Context, charges []Charge, dst []Status) (Decision, error) {
	if len(charges) == 1 {
		status, err := m.takeOne(&charges[0], time.Time{})
		if err != nil {
			return Decision{}, err
		}
		return Decision{Allowed: status.Allowed || charges[0].Done, Status: append(dst[:0], status)}, nil
	}
	return m.visit(charges, dst, take)
}

// takeOne is Take of one charge, at a time by the default clock, or at the time of the call
// if at is zero. A time before that of another call is as if the two had come in that order.
func (m *inMemory) takeOne(c *Charge, at time.Time) (Status, error) {
	if err := c.check(); err != nil {
		return Status{}, err
	}
	k := m.key(c)
	s := m.shard(k, c)
	s.lock.Lock()
	var now int64
	if at.IsZero() {
		now = m.now()
	} else {
		now = int64(at.Sub(m.began))
	}
	status := s.visit(k, c, now, take)
	s.lock.Unlock()
	if status.RetryAfter == noPlace {
		return Status{}, errKnownFull
	}
	return status, nil
}

func (m *inMemory) Peek(_ context.Context, charges []Charge, dst []Status) (Decision, error) {
	return m.visit(charges, dst, look)
}

func (m *inMemory) Refund(_ context.Context, charges []Charge) error {
	_, err := m.visit(charges, nil, refund)
	return err
}

// Reset deletes the callers' own counters. A shared counter stays.
func (m *inMemory) Reset(_ context.Context, charges []Charge) error {
	_, err := m.visit(charges, nil, reset)
	return err
}

// Close frees the memory.
func (m *inMemory) Close() error {
	for g := range m.groups {
		for i := range m.groups[g].shards {
			m.groups[g].shards[i].forget()
		}
	}
	return nil
}

var (
	errSameCounter = errors.New("ratelimit: two charges on one counter")
	errKnownFull   = errors.New("ratelimit: MemoryConfig.MaxKnown counters are in use, and none of them can be forgotten")
)

// visit visits the counters of all charges under the locks of their shards.
func (m *inMemory) visit(charges []Charge, dst []Status, why purpose) (Decision, error) {
	if len(charges) == 0 {
		return Decision{Allowed: true}, nil
	}
	var some [8]keytable.Key
	keys, err := m.keys(some[:0], charges)
	if err != nil {
		return Decision{}, err
	}
	var more [8]uint64
	shards := m.lock(more[:0], keys, charges)
	defer m.unlock(shards)
	now := m.now()
	if why == refund || why == reset {
		m.each(keys, charges, now, why)
		return Decision{}, nil
	}
	d := Decision{Allowed: true, Status: slices.Grow(dst[:0], len(charges))[:len(charges)]}
	for i, k := range keys {
		d.Status[i] = m.shard(k, &charges[i]).visit(k, &charges[i], now, look)
		d.Allowed = d.Allowed && (d.Status[i].Allowed || charges[i].Done)
	}
	if why == take && d.Allowed {
		for i, k := range keys {
			d.Status[i] = m.shard(k, &charges[i]).visit(k, &charges[i], now, take)
			if d.Status[i].RetryAfter == noPlace {
				m.each(keys[:i], charges, now, refund)
				return Decision{}, errKnownFull
			}
		}
	}
	return d, nil
}

// each visits the counters of the keys without returning their Status.
func (m *inMemory) each(keys []keytable.Key, charges []Charge, now int64, why purpose) {
	for i, k := range keys {
		m.shard(k, &charges[i]).visit(k, &charges[i], now, why)
	}
}

// keys appends the keys of the charges.
func (m *inMemory) keys(keys []keytable.Key, charges []Charge) ([]keytable.Key, error) {
	for i := range charges {
		c := &charges[i]
		if err := c.check(); err != nil {
			return nil, err
		}
		k := m.key(c)
		for j, other := range keys {
			if other == k && charges[j].Policy.Algorithm == c.Policy.Algorithm && charges[j].Group == c.Group {
				return nil, errSameCounter
			}
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// lock locks the shards of the keys, in their order, so that no two callers
// deadlock.
func (m *inMemory) lock(shards []uint64, keys []keytable.Key, charges []Charge) []uint64 {
	for i, k := range keys {
		g := charges[i].Group
		shards = append(shards, uint64(g)<<groupShift|k[0]>>m.groups[g].shift)
	}
	slices.Sort(shards)
	shards = slices.Compact(shards)
	for _, i := range shards {
		m.numbered(i).lock.Lock()
	}
	return shards
}

func (m *inMemory) unlock(shards []uint64) {
	for _, i := range shards {
		m.numbered(i).lock.Unlock()
	}
}

// groupShift is the position of the group in the number of a shard.
const groupShift = 32

func (m *inMemory) numbered(i uint64) *shard { return &m.groups[i>>groupShift].shards[uint32(i)] } //nolint:gosec // the low bits are meant

func (m *inMemory) shard(k keytable.Key, c *Charge) *shard {
	g := &m.groups[c.Group]
	return &g.shards[k[0]>>g.shift]
}

// key returns the key of a charge's counter within its group and algorithm: 128
// bits of hash, so that no two callers ever share one. Windows of another length
// have other keys.
func (m *inMemory) key(c *Charge) keytable.Key {
	var k keytable.Key
	if c.hashed != nil {
		k = c.hashed.key
	} else {
		k = keytable.Key{maphash.String(m.seeds[0], c.Key), maphash.String(m.seeds[1], c.Key)}
	}
	k[1] ^= uint64(c.Policy.Window) * 0x9e3779b97f4a7c15 //nolint:gosec // any bits do
	return k
}
