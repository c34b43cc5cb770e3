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

// queue limits how many callers hash at once, how much memory they use, and how
// many wait. It rejects the rest.
//
// Turns are shared out by address and by login. The next turn is for the caller
// whose address and login were both served the longest ago and, among equals, for
// the caller that has waited longest. So the many requests of one login or of one
// address get as many turns as a single request of another. If the queue is full,
// the caller is rejected whose address or login holds the most places and, among
// equals, the one that came last.
type queue struct {
	places, waiting int
	memory          uint64 // KiB
	now             func() time.Time

	mu        sync.Mutex
	working   int
	taken     uint64
	turns     uint64        // number of turns so far
	took      time.Duration // duration of a turn, averaged
	parallel  int           // how many hashes of the current parameters run at once
	line      []*turn       // the callers that wait, the longest first
	next      *turn         // an element of line: it gets the next turn when there is memory
	addresses map[string]*share
	logins    map[string]*share
}

// turn is one caller who hashes or waits.
type turn struct {
	memory         uint64
	who            caller.Caller
	address, login *share
	began          time.Time
	called         chan struct{} // closed when its turn comes, or when it is rejected
	refused        error         // set before called is closed
}

// share is what the callers of one address, or of one login, have of the queue.
// It exists while one of them hashes or waits.
type share struct {
	callers int    // those that hash or wait
	waiting int    // those of them that wait
	served  uint64 // the latest turn that one of them was given; 0 is none
}

// averaged is the number of turns over which their duration is averaged.
const averaged = 8

// newQueue returns a queue that expects each turn to take this long until it has
// measured some.
func newQueue(c Config, took time.Duration) *queue {
	total := uint64(c.TotalMemory)
	fit := max(1, total/max(1, uint64(c.Memory)))
	return &queue{
		places: c.Concurrent, waiting: c.Queue, memory: total, now: c.Now,
		took: took, parallel: int(min(uint64(c.Concurrent), fit)), //nolint:gosec // check has bounded Concurrent
		addresses: map[string]*share{}, logins: map[string]*share{},
	}
}

// enter waits until the caller has a place and this much memory, which leave
// gives back. A caller that needs more memory than there is runs alone. It
// returns ErrBusy if too many wait, and an error that wraps ctx's if ctx is done
// first. After an error there is nothing to give back.
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

// quit removes a caller whose context is done, possibly at the moment at which
// its turn comes. It returns how long the remaining callers take.
func (q *queue) quit(t *turn) time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case slices.Contains(q.line, t):
		q.remove(t)
		q.depart(t)
		q.serve() // others may have waited for its memory
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

// serve starts the turns for which there is a place. A turn that waits only for
// memory is not overtaken.
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

// last returns the turn that is rejected if too many wait.
func (q *queue) last() *turn {
	var last *turn
	for _, t := range q.line {
		if t != q.next && (last == nil || byWaiting(t, last) >= 0) {
			last = t
		}
	}
	return last
}

// refuse rejects a caller that waits.
func (q *queue) refuse(t *turn) {
	q.remove(t)
	q.depart(t)
	t.refused = &delayedError{ErrBusy, q.backlog()}
	close(t.called)
}

// backlog returns how long it takes until all who hash or wait are served.
func (q *queue) backlog() time.Duration {
	callers := int64(q.working + len(q.line))
	return time.Duration(callers * int64(q.took) / int64(q.parallel))
}

// join adds a caller to the end of the line.
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

// remove removes a caller from the line.
func (q *queue) remove(t *turn) {
	i := slices.Index(q.line, t)
	q.line = slices.Delete(q.line, i, i+1)
	t.address.waiting--
	t.login.waiting--
	if q.next == t {
		q.next = nil
	}
}

// depart removes a caller from its shares.
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

// delayedError is an error with the time after which the same call may succeed.
type delayedError struct {
	error

	after time.Duration
}

// RetryAfter returns how long to wait before the same call may succeed.
func (e *delayedError) RetryAfter() time.Duration { return e.after }

// Unwrap returns the error.
func (e *delayedError) Unwrap() error { return e.error }
