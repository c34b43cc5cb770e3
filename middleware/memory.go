package middleware

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"math/bits"
	"slices"
	"time"

	"github.com/sallyport-go/sallyport/internal/keytable"
)

// MemoryConfig says how callers are counted in memory.
type MemoryConfig struct {
	// MaxCounters is how many counters GroupCallers has at most: 1024 to
	// 1 073 741 824. Zero means 1 048 576. Each takes about 42 bytes for a fixed
	// window, 52 for GCRA, 94 for a rolling window. Memory is taken as counters are
	// made.
	MaxCounters int

	// MaxAddresses, MaxAttempts and MaxKnown are the same for GroupAddresses,
	// GroupAttempts and GroupKnown. Zero means as many as MaxCounters. In these groups
	// each counter takes about 12 bytes more, and each Source about 32.
	MaxAddresses, MaxAttempts, MaxKnown int

	// Now is the clock. Nil: the time that has passed, whatever is done to the
	// clock of the machine.
	Now func() time.Time
}

const (
	defaultMaxCounters = 1 << 20
	leastMaxCounters   = 1 << 10
	mostMaxCounters    = 1 << 30
	shardCounters      = 1 << 13 // so many that nothing a shard does takes long
	leastShards        = 1 << 6
)

// Memory returns [NewMemory] of the zero Config.
func Memory() Counters {
	m, err := NewMemory(MemoryConfig{})
	if err != nil {
		panic(err) // the zero value is right
	}
	return m
}

// NewMemory returns Counters in the memory of this process, exact and by any
// Algorithm. They start no goroutine, and keep no key but a hash of it that
// nobody outside can foretell.
//
// Their number is bounded, and nobody who is over a limit is forgotten to make
// room. A counter is kept until its window ends. When there is no room callers
// who have no counter yet share a few, until these end: strangers in a flood of
// strangers get less than they might, and nobody gets more.
func NewMemory(c MemoryConfig) (Counters, error) {
	if c.MaxCounters == 0 {
		c.MaxCounters = defaultMaxCounters
	}
	if c.MaxCounters < leastMaxCounters || c.MaxCounters > mostMaxCounters {
		return nil, fmt.Errorf("middleware: MemoryConfig.MaxCounters: wants %d to %d, has %d", leastMaxCounters, mostMaxCounters, c.MaxCounters)
	}
	shards := max(leastShards, 1<<bits.Len(uint((c.MaxCounters-1)/shardCounters)))
	m := &inMemory{
		now: c.clock(), shards: make([]shard, shards), shift: 64 - bits.TrailingZeros(uint(shards)),
		seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()},
	}
	for i := range m.shards {
		m.shards[i].most = c.MaxCounters / shards
	}
	return m, nil
}

// longest is how long counters can live: with the longest window behind it, a
// number of seconds in 32 bits.
const longest = 100 * 365 * 24 * time.Hour

// clock returns the nanoseconds since now: from 0, wherever a host's clock is set,
// to the longest that counters can live.
func (c MemoryConfig) clock() func() int64 {
	if c.Now != nil {
		began := c.Now()
		return func() int64 { return int64(min(max(c.Now().Sub(began), 0), longest)) }
	}
	began := time.Now()                                     //nolint:forbidigo // the default clock
	return func() int64 { return int64(time.Since(began)) } //nolint:forbidigo // as above; it costs half of time.Now
}

type inMemory struct {
	now    func() int64
	seeds  [2]maphash.Seed
	shift  int // of a key, to its shard
	shards []shard
}

// Check knows every Algorithm.
func (*inMemory) Check(p Policy) error { return p.Check() }

func (m *inMemory) Take(_ context.Context, charges []Charge, room []Status) (Decision, error) {
	if len(charges) == 1 {
		c := &charges[0]
		if err := c.check(); err != nil {
			return Decision{}, err
		}
		k := m.key(c)
		s := m.shard(k)
		s.lock.Lock()
		status := s.visit(k, c, m.now(), take)
		s.lock.Unlock()
		return Decision{Allowed: status.Allowed || c.Done, Status: append(room[:0], status)}, nil
	}
	return m.visit(charges, room, take)
}

func (m *inMemory) Peek(_ context.Context, charges []Charge, room []Status) (Decision, error) {
	return m.visit(charges, room, look)
}

func (m *inMemory) Refund(_ context.Context, charges []Charge) error {
	_, err := m.visit(charges, nil, refund)
	return err
}

// Reset forgets the callers' own counters. One that strangers share is left.
func (m *inMemory) Reset(_ context.Context, charges []Charge) error {
	_, err := m.visit(charges, nil, reset)
	return err
}

// Close gives the memory back.
func (m *inMemory) Close() error {
	for i := range m.shards {
		m.shards[i].forget()
	}
	return nil
}

var errSameCounter = errors.New("middleware: two charges on one counter")

// visit goes to the counters of all charges while nobody else may.
func (m *inMemory) visit(charges []Charge, room []Status, why purpose) (Decision, error) {
	if len(charges) == 0 {
		return Decision{Allowed: true}, nil
	}
	var some [8]keytable.Key
	keys, err := m.keys(some[:0], charges)
	if err != nil {
		return Decision{}, err
	}
	var more [8]uint64
	shards := m.lock(more[:0], keys)
	defer m.unlock(shards)
	now := m.now()
	if why == refund || why == reset {
		for i, k := range keys {
			m.shard(k).visit(k, &charges[i], now, why)
		}
		return Decision{}, nil
	}
	d := Decision{Allowed: true, Status: slices.Grow(room[:0], len(charges))[:len(charges)]}
	for i, k := range keys {
		d.Status[i] = m.shard(k).visit(k, &charges[i], now, look)
		d.Allowed = d.Allowed && (d.Status[i].Allowed || charges[i].Done)
	}
	if why == take && d.Allowed {
		for i, k := range keys {
			d.Status[i] = m.shard(k).visit(k, &charges[i], now, take)
		}
	}
	return d, nil
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
			if other == k && charges[j].Policy.Algorithm == c.Policy.Algorithm {
				return nil, errSameCounter
			}
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// lock locks the shards of the keys, in their order, so that no two callers wait
// for one another.
func (m *inMemory) lock(shards []uint64, keys []keytable.Key) []uint64 {
	for _, k := range keys {
		shards = append(shards, k[0]>>m.shift)
	}
	slices.Sort(shards)
	shards = slices.Compact(shards)
	for _, i := range shards {
		m.shards[i].lock.Lock()
	}
	return shards
}

func (m *inMemory) unlock(shards []uint64) {
	for _, i := range shards {
		m.shards[i].lock.Unlock()
	}
}

func (m *inMemory) shard(k keytable.Key) *shard { return &m.shards[k[0]>>m.shift] }

// key is the name of a charge's counter among those of its algorithm: 128 bits,
// so that no two callers ever share one. Windows of another length have others.
func (m *inMemory) key(c *Charge) keytable.Key {
	return keytable.Key{
		maphash.String(m.seeds[0], c.Key),
		maphash.String(m.seeds[1], c.Key) ^ uint64(c.Policy.Window)*0x9e3779b97f4a7c15, //nolint:gosec // any bits do
	}
}
