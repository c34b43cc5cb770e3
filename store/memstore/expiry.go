package memstore

import (
	"container/heap"
	"context"
	"time"
)

// sweepEach is how many expired sessions are deleted for each one that is
// created. With 2 the number of expired sessions would shrink; with many more one
// login would pay for all that expired at night.
const sweepEach = 4

// batch is how many entries are deleted under one lock, which takes about 1 ms.
const batch = 1000

// inBatches calls forget with the lock held, and releases the lock after each call.
// It stops when forget finds no more, and returns how many entries were deleted.
func (s *Store) inBatches(ctx context.Context, forget func(n int) int) (gone int, err error) {
	for {
		if err := ctx.Err(); err != nil {
			return gone, err
		}
		s.mu.Lock()
		n := forget(batch)
		s.mu.Unlock()
		gone += n
		if n < batch {
			return gone, nil
		}
	}
}

// sweep deletes up to sweepEach expired sessions. If the store is full, that
// includes an expired one if there is any.
func (s *Store) sweep() { s.forget(s.now(), sweepEach) }

// forget deletes up to n sessions whose end is not after before, and returns how
// many that was.
func (s *Store) forget(before time.Time, n int) (gone int) {
	for ; gone < n && len(s.expiry) > 0 && !s.expiry[0].EndsAt().After(before); gone++ {
		s.remove(s.expiry.next())
	}
	return gone
}

// expiry is a heap of all sessions, the next to expire first. Each session has
// its index, so that it can be moved when its end changes.
type expiry []*session

func (e *expiry) add(s *session)   { heap.Push(e, s) }
func (e *expiry) moved(s *session) { heap.Fix(e, s.place) }
func (e *expiry) next() *session   { return heap.Pop(e).(*session) } //nolint:forcetypeassert // there is nothing else in it

// The methods below implement heap.Interface.

func (e expiry) Len() int           { return len(e) }
func (e expiry) Less(i, j int) bool { return e[i].EndsAt().Before(e[j].EndsAt()) }

func (e expiry) Swap(i, j int) {
	e[i], e[j] = e[j], e[i]
	e[i].place, e[j].place = i, j
}

func (e *expiry) Push(x any) {
	s := x.(*session) //nolint:forcetypeassert // add has pushed it
	s.place = len(*e)
	*e = append(*e, s)
}

func (e *expiry) Pop() any {
	last := len(*e) - 1
	s := (*e)[last]
	(*e)[last] = nil // so that it can be collected
	*e = (*e)[:last]
	return s
}
