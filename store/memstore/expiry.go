package memstore

import (
	"container/heap"
	"context"
	"time"
)

// sweepEach is how many expired sessions go for each one that comes. Two would
// do to get ahead; more would make one login pay for a night's worth.
const sweepEach = 4

// batch is how many entries are deleted under one lock. Other calls wait for a
// millisecond or so.
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

// sweep forgets a few sessions that have expired by now. When the store is full
// of sessions, one that has expired is among them if there is any at all.
func (s *Store) sweep() { s.forget(s.now(), sweepEach) }

// forget removes up to n sessions whose end is not after before, and says how
// many.
func (s *Store) forget(before time.Time, n int) (gone int) {
	for ; gone < n && len(s.expiry) > 0 && !s.expiry[0].end().After(before); gone++ {
		s.remove(s.expiry.next())
	}
	return gone
}

// end is when a session expires, one way or the other.
func (s *session) end() time.Time {
	if s.IdleUntil.Before(s.ExpiresAt) {
		return s.IdleUntil
	}
	return s.ExpiresAt
}

// expiry is a heap of all sessions, the one that is next to expire on top. Each
// knows its place, so that it can be moved when its end does.
type expiry []*session

func (e *expiry) add(s *session)   { heap.Push(e, s) }
func (e *expiry) moved(s *session) { heap.Fix(e, s.place) }
func (e *expiry) next() *session   { return heap.Pop(e).(*session) } //nolint:forcetypeassert // there is nothing else in it

// The rest is what container/heap asks for.

func (e expiry) Len() int           { return len(e) }
func (e expiry) Less(i, j int) bool { return e[i].end().Before(e[j].end()) }

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
