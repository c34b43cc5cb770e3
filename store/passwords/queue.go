package passwords

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/sallyport-go/sallyport/internal/caller"
)

// queue gives a bounded number of callers a place to work at, and a share of a
// bounded memory. It lets a bounded number wait, and refuses the rest.
//
// Turns are shared out by address and by login. The next turn is for the caller
// whose address and login were both served the longest ago; among equals, for
// the one that has waited longest. So the many requests of one login, or of one
// address, take turns with everybody else's as if they were a single request.
// When the queue is full, the caller is refused whose address or login holds the
// most of it, and among equals the one that came last.
type queue struct {
	places, waiting int
	memory          uint64 // KiB
	now             func() time.Time

	mu        sync.Mutex
	working   int
	taken     uint64
	turns     uint64        // how many were given
	took      time.Duration // what a turn takes, averaged over the last few
	parallel  int           // how many hashes of the current parameters run at once
	line      []*turn       // who waits, the longest first
	next      *turn         // of line: whose turn it is as soon as there is memory
	addresses map[string]*share
	logins    map[string]*share
}

// turn is one caller who works or waits.
type turn struct {
	memory         uint64
	who            caller.Caller
	address, login *share
	began          time.Time
	called         chan struct{} // closed when its turn has come, or when it is refused
	refused        error         // set before called is closed
}

// share is what the callers of one address, or of one login, have of the queue.
// It exists as long as one of them works or waits.
type share struct {
	callers int    // who work or wait
	waiting int    // of these
	served  uint64 // the latest turn that one of them was given; 0 is none
}

// averaged is over how many turns their duration is averaged.
const averaged = 8

// newQueue returns a queue whose turns take each memory KiB and took, until it
// has seen for itself.
func newQueue(c Config, took time.Duration) *queue {
	total := uint64(c.TotalMemory)
	fit := max(1, total/max(1, uint64(c.Memory)))
	return &queue{
		places: c.Concurrent, waiting: c.Queue, memory: total, now: c.Now,
		took: took, parallel: int(min(uint64(c.Concurrent), fit)), //nolint:gosec // check has bounded Concurrent
		addresses: map[string]*share{}, logins: map[string]*share{},
	}
}

// enter returns once the caller has a place and so much memory, which leave
// gives back; after an error there is nothing to give back. Who wants more
// memory than there is works alone. ErrBusy if too many wait; an error that
// wraps ctx's if ctx is done first.
func (q *queue) enter(ctx context.Context, memory uint64) (*turn, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("passwords: %w", err)
	}
	t := &turn{memory: min(memory, q.memory), who: caller.Of(ctx), called: make(chan struct{})}
	q.mu.Lock()
	q.join(t)
	q.serve()
	if len(q.line) > q.waiting {
		q.refuse(q.last())
	}
	q.mu.Unlock()

	select {
	case <-t.called:
		if t.refused != nil {
			return nil, t.refused
		}
		return t, nil
	case <-ctx.Done():
		err := fmt.Errorf("passwords: waiting for a place: %w", ctx.Err())
		return nil, &delayedError{err, q.quit(t)}
	}
}

// quit takes a caller out who gives up, be it at the moment that its turn comes.
// It returns how long those who are left take.
func (q *queue) quit(t *turn) time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case slices.Contains(q.line, t):
		q.remove(t)
		q.depart(t)
		q.serve() // it may have been its memory that the others waited for
	case t.refused == nil:
		q.giveBack(t)
	}
	return q.backlog()
}

// leave gives the place and the memory back.
func (q *queue) leave(t *turn) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.took += (q.now().Sub(t.began) - q.took) / averaged
	q.giveBack(t)
}

func (q *queue) giveBack(t *turn) {
	q.working--
	q.taken -= t.memory
	q.depart(t)
	q.serve()
}

// serve calls those whose turn it is. A turn that waits only for memory is not
// overtaken.
func (q *queue) serve() {
	for q.working < q.places && len(q.line) > 0 {
		if q.next == nil {
			q.next = slices.MinFunc(q.line, byService)
		}
		t := q.next
		if q.taken+t.memory > q.memory {
			return
		}
		q.remove(t)
		q.turns++
		q.working++
		q.taken += t.memory
		t.address.served, t.login.served = q.turns, q.turns
		t.began = q.now()
		close(t.called)
	}
}

// byService is negative if a's turn comes before b's.
func byService(a, b *turn) int {
	return cmp.Or(
		cmp.Compare(max(a.address.served, a.login.served), max(b.address.served, b.login.served)),
		cmp.Compare(min(a.address.served, a.login.served), min(b.address.served, b.login.served)),
	)
}

// byWaiting is negative if a stays in a full queue rather than b.
func byWaiting(a, b *turn) int {
	return cmp.Or(
		cmp.Compare(max(a.address.waiting, a.login.waiting), max(b.address.waiting, b.login.waiting)),
		cmp.Compare(min(a.address.waiting, a.login.waiting), min(b.address.waiting, b.login.waiting)),
	)
}

// last is the turn that is refused when too many wait.
func (q *queue) last() *turn {
	var last *turn
	for _, t := range q.line {
		if t != q.next && (last == nil || byWaiting(t, last) >= 0) {
			last = t
		}
	}
	return last
}

// refuse turns a caller away who waits.
func (q *queue) refuse(t *turn) {
	q.remove(t)
	q.depart(t)
	t.refused = &delayedError{ErrBusy, q.backlog()}
	close(t.called)
}

// backlog is how long it takes until all who work or wait are served.
func (q *queue) backlog() time.Duration {
	callers := int64(q.working + len(q.line))
	return time.Duration(callers * int64(q.took) / int64(q.parallel))
}

// join puts a caller at the end of the line.
func (q *queue) join(t *turn) {
	t.address, t.login = joined(q.addresses, t.who.Network), joined(q.logins, t.who.Login)
	q.line = append(q.line, t)
}

func joined(shares map[string]*share, name string) *share {
	s := shares[name]
	if s == nil {
		s = &share{}
		shares[name] = s
	}
	s.callers++
	s.waiting++
	return s
}

// remove takes a caller out of the line.
func (q *queue) remove(t *turn) {
	i := slices.Index(q.line, t)
	q.line = slices.Delete(q.line, i, i+1)
	t.address.waiting--
	t.login.waiting--
	if q.next == t {
		q.next = nil
	}
}

// depart forgets a caller who neither works nor waits any longer.
func (q *queue) depart(t *turn) {
	departed(q.addresses, t.who.Network)
	departed(q.logins, t.who.Login)
}

func departed(shares map[string]*share, name string) {
	shares[name].callers--
	if shares[name].callers == 0 {
		delete(shares, name)
	}
}

// delayedError is an error that says when the same call is worth another try.
type delayedError struct {
	error

	after time.Duration
}

// RetryAfter is how long to wait before the same call is worth another try.
func (e *delayedError) RetryAfter() time.Duration { return e.after }

// Unwrap is the error.
func (e *delayedError) Unwrap() error { return e.error }
