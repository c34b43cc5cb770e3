package sqlcounters

import (
	"hash/maphash"
	"sync"
	"time"

	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/ratelimit/internal/remote"
)

// mostSources is how many sources of a node are known. What is new beyond them shares
// counters until one of them has ended.
const mostSources = 1 << 16

// sources are the numbers of counters that each source has made on this node, in the hour
// that began with the first of them.
type sources struct {
	most int64
	now  func() time.Time
	seed maphash.Seed

	mu  sync.Mutex
	all map[sourceKey]made
}

type sourceKey uint64

type made struct {
	n    int64
	ends time.Time
}

func newSources(most int64, now func() time.Time) *sources {
	return &sources{most: most, now: now, seed: maphash.MakeSeed(), all: map[sourceKey]made{}}
}

// key returns the key of the source of a charge. Two that collide share a number.
func (s *sources) key(c *ratelimit.Charge) sourceKey {
	return sourceKey(maphash.Comparable(s.seed, struct {
		group  ratelimit.Group
		source string
	}{c.Group, c.Source}))
}

// isFull reports whether a source may make no more counters.
func (s *sources) isFull(key sourceKey) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	one, known := s.all[key]
	if known && now.Before(one.ends) {
		return one.n >= s.most
	}
	if !known && len(s.all) >= mostSources {
		s.evict(now)
	}
	return !known && len(s.all) >= mostSources
}

// evict deletes several sources whose hour has ended.
func (s *sources) evict(now time.Time) {
	looked := 0
	for key, one := range s.all {
		if !now.Before(one.ends) {
			delete(s.all, key)
		}
		looked++
		if looked == 64 {
			return
		}
	}
}

// note counts the counters that a decision has made or deleted.
func (s *sources) note(orders []order, all []outcome, task remote.Task) {
	for i := range orders {
		if !orders[i].sourced {
			continue
		}
		switch {
		case task == remote.Take && all[i].where == onNew && all[i].made(&orders[i]):
			s.add(orders[i].source, 1)
		case all[i].where == onGone:
			s.add(orders[i].source, -1)
		}
	}
}

// made reports whether a new counter was charged.
func (o *outcome) made(n *order) bool { return !o.nothing(n) }

func (s *sources) add(key sourceKey, n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	one, known := s.all[key]
	if !known || !now.Before(one.ends) {
		one = made{ends: now.Add(time.Hour)}
	}
	one.n = max(one.n+n, 0)
	s.all[key] = one
}
