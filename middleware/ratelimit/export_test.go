package ratelimit

import (
	"bytes"
	"fmt"
	"net/netip"
)

// CountersIn is how many counters the engine holds.
func CountersIn(c Counters) int {
	n := 0
	swept(c).cache.Range(func(string, *counter) { n++ })
	return n
}

// SweepWith sweeps, and does f between the look at what has expired and its
// deletion.
func SweepWith(c Counters, f func()) {
	s := swept(c)
	expired := s.expired()
	f()
	s.forget(expired)
}

func swept(c Counters) *sweptStore {
	return c.(engine).store.(*sweptStore)
}

// CountersInMemory is how many counters there are.
func CountersInMemory(c Counters) (n int) {
	for g := range groups {
		n += CountersOf(c, Group(g))
	}
	return n
}

// CountersOf is how many counters a group has.
func CountersOf(c Counters, g Group) (n int) {
	shards := c.(*inMemory).groups[g].shards
	for i := range shards {
		s := &shards[i]
		n += s.fixed.Len() + s.gcra.Len() + s.rolling.Len()
	}
	return n
}

// PlacesOf is how many places of a group are taken, as it knows itself.
func PlacesOf(c Counters, g Group) int { return int(c.(*inMemory).groups[g].used.Load()) }

// HashAlike makes counters in memory hash as others do.
func HashAlike(c, other Counters) {
	c.(*inMemory).seeds = other.(*inMemory).seeds
}

// Inconsistent says what a group believes of its places that is not so.
func Inconsistent(c Counters, g Group) error {
	p := &c.(*inMemory).groups[g]
	all := 0
	for i := range p.shards {
		s := &p.shards[i]
		held := map[uint32]uint32{}
		n := placesIn(&s.fixed, held) + placesIn(&s.gcra, held) + placesIn(&s.rolling, held)
		all += n
		if g == GroupCallers {
			continue
		}
		for at := range s.sources.Len() {
			k, count := s.sources.At(at)
			if held[uint32(k[0])] != *count {
				return fmt.Errorf("source %x holds %d places, not %d", k[0], held[uint32(k[0])], *count)
			}
			delete(held, uint32(k[0]))
		}
		if len(held) > 0 {
			return fmt.Errorf("%d sources are not known", len(held))
		}
	}
	if used := int(p.used.Load()); used != all {
		return fmt.Errorf("%d places are taken, and %d counters are there", used, all)
	}
	return nil
}

func placesIn[V any, P spending[V]](l *ledger[V, P], held map[uint32]uint32) (n int) {
	for at := range l.Len() {
		if k, _ := l.At(at); !isOverflow(k) {
			n++
			if len(l.origins) > 0 {
				held[l.origins[at].source]++
			}
		}
	}
	return n
}

// HashesItsSource reports whether the bytes that are hashed of a network's source are
// those of the source that has a name.
func HashesItsSource(net netip.Prefix) bool {
	return bytes.Equal(appendSource(nil, net), appendBytes(nil, source(net)))
}
