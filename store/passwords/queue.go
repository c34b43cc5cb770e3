package passwords

import (
	"context"
	"fmt"
	"slices"
	"sync"
)

// queue gives a bounded number of callers a place to work at, and a share of a
// bounded memory; it lets a bounded number wait, first come first served, and
// turns the rest away.
type queue struct {
	places, waiting int
	memory          uint64 // KiB

	mu      sync.Mutex
	working int
	taken   uint64
	line    []*waiter // who waits, the longest first
}

// waiter is a caller who waits for its turn.
type waiter struct {
	memory uint64
	turn   chan struct{} // closed when it has come
}

func newQueue(places, waiting int, memory uint64) *queue {
	return &queue{places: places, waiting: waiting, memory: memory}
}

// enter returns nil once the caller has a place and so much memory, which leave
// gives back; otherwise there is nothing to give back. Who wants more memory
// than there is works alone. ErrBusy at once if nobody else may wait; an error
// that wraps ctx's if ctx is done first.
func (q *queue) enter(ctx context.Context, memory uint64) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("passwords: %w", err)
	}
	w := &waiter{min(memory, q.memory), make(chan struct{})}
	q.mu.Lock()
	q.line = append(q.line, w)
	q.serve()
	if len(q.line) > q.waiting {
		q.line = q.line[:q.waiting]
		q.mu.Unlock()
		return ErrBusy
	}
	q.mu.Unlock()
	select {
	case <-w.turn:
		return nil
	case <-ctx.Done():
		q.quit(w)
		return fmt.Errorf("passwords: waiting for a place: %w", ctx.Err())
	}
}

// quit takes a caller out who gives up, be it at the moment that its turn comes.
func (q *queue) quit(w *waiter) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if i := slices.Index(q.line, w); i >= 0 {
		q.line = slices.Delete(q.line, i, i+1)
		q.serve() // it may have been its memory that the others waited for
		return
	}
	q.giveBack(w.memory)
}

// leave gives the place and the memory back.
func (q *queue) leave(memory uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.giveBack(min(memory, q.memory))
}

func (q *queue) giveBack(memory uint64) {
	q.working--
	q.taken -= memory
	q.serve()
}

// serve calls those in whose turn it is. Nobody overtakes one that wants much.
func (q *queue) serve() {
	for len(q.line) > 0 && q.working < q.places && q.taken+q.line[0].memory <= q.memory {
		q.working++
		q.taken += q.line[0].memory
		close(q.line[0].turn)
		q.line = slices.Delete(q.line, 0, 1)
	}
}
