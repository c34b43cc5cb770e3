package storetest

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/store"
)

var sweepRules = []rule{
	{
		name:  "DeleteExpiredSessions deletes some at a time",
		says:  "A method that deletes expired rows delays no other call for long, however many there are: it deletes in batches.",
		why:   "one statement or one transaction for a night's worth of sessions holds its locks for seconds: logins and refreshes wait for it, and time out",
		check: deletesSomeAtATime,
	},
	{
		name:  "What was deleted stays deleted",
		says:  "If it fails half-way, what it has deleted stays deleted.",
		why:   "a sweep that is undone when its time is over never comes to its end: the table grows for ever",
		check: deletesForGood,
	},
}

// defaultBatch is how many sessions a store deletes at a time unless
// Fixture.Batch says otherwise.
const defaultBatch = 1000

// expireMany adds sessions that have expired by then. Some of them, all over the
// place, are this user's; the others are of few users, for the first session of a user
// may take a store longer than those that follow.
func (t *trial) expireMany(n int, past time.Time) (user string) {
	user = unique("user")
	others := t.fewUsers()
	all := make([]store.Session, n)
	for i := range all {
		all[i] = t.newSession()
		s := &all[i]
		s.UserID = others[i%len(others)]
		s.CreatedAt, s.AdvancedAt = past.Add(-30*day), past.Add(-30*day)
		s.IdleUntil = past.Add(-time.Duration(n-i) * time.Microsecond)
		s.ExpiresAt = s.IdleUntil
		if i%max(1, n/20) == 0 {
			s.UserID = user
		}
	}
	t.createsAll(all)
	return user
}

// batch returns how many sessions the store deletes at a time.
func (t *trial) batch() int {
	switch {
	case t.ForgetsExpired:
		t.skipf("Fixture.ForgetsExpired: the store has nothing to delete")
	case t.Batch == 0 && testing.Testing() && testing.Short():
		t.skipf("takes as many sessions as some batches have, which the tests are too short for (go test -short)")
	case t.Batch == 0:
		return defaultBatch
	}
	return t.Batch
}

// watching is a context that blocks whenever it is read until the watcher has
// read the store, between two steps of a sweep.
type watching struct {
	context.Context

	watch func()
	busy  sync.Mutex
}

func (w *watching) look() {
	if w.busy.TryLock() {
		defer w.busy.Unlock()
		w.watch()
	}
}

func (w *watching) Err() error            { w.look(); return w.Context.Err() }
func (w *watching) Done() <-chan struct{} { w.look(); return w.Context.Done() }

// glance is how long a step of the sweep is blocked at most. If the sweep holds a
// lock while it reads its context, no write completes, however long it is
// blocked.
const glance = 20 * time.Millisecond

// sweeping is a sweep that is watched.
type sweeping struct {
	*trial

	live    store.Session // is written meanwhile
	expired string        // the user of some that expire
	some    int           // how many they are

	seen        atomic.Bool // a write came to its end when some of them were gone
	asked, over chan struct{}
	looked      chan struct{}
}

// deletesSomeAtATime checks that a write of another session completes while the
// sweep is half-way: when some of the expired sessions are deleted and some are
// not. It measures no time: a sweep in one step is never seen half-way, and a
// sweep with a lock lets no write complete before its end.
func deletesSomeAtATime(t *trial) {
	n := 3 * t.batch()
	past := t.past()
	s := &sweeping{
		trial: t, live: t.opens(), expired: t.expireMany(n, past),
		asked: make(chan struct{}), over: make(chan struct{}), looked: make(chan struct{}, 1),
	}
	all, err := t.Store.UserSessions(t.ctx, s.expired, store.Newest(), store.MaxPage)
	t.must(err, "UserSessions(%q)", s.expired)
	s.some = len(all)

	watched := make(chan error, 1)
	go func() { watched <- s.watches() }()
	gone, err := t.Store.DeleteExpiredSessions(&watching{Context: t.ctx, watch: s.waits}, past)
	close(s.over)
	t.must(<-watched, "a write of another session, while DeleteExpiredSessions is at work")
	t.must(err, "DeleteExpiredSessions, with %d to delete", n)
	if gone != n {
		t.failf("DeleteExpiredSessions: said %d, of %d that had expired", gone, n)
	}
	if !s.seen.Load() {
		t.failf("DeleteExpiredSessions, with %d to delete: no write of another session came to its end while some of them were gone and some were not (see Fixture.Batch)", n)
	}
	t.finds(s.live, "DeleteExpiredSessions, while it was written")
}

// waits lets the watcher read the store, and blocks for at most glance.
func (s *sweeping) waits() {
	if s.seen.Load() {
		return
	}
	timer := time.NewTimer(glance)
	defer timer.Stop()
	select {
	case s.asked <- struct{}{}:
	case <-timer.C:
		return
	case <-s.over:
		return
	}
	select {
	case <-s.looked:
	case <-timer.C:
	case <-s.over:
	}
}

// watches writes a session that lives, and then looks at those that do not,
// whenever it is asked to.
func (s *sweeping) watches() error {
	for {
		select {
		case <-s.over:
			return nil
		case <-s.asked:
		}
		if err := s.Store.AdvanceSession(s.ctx, s.live.ID, s.live.Generation, s.now, s.live.IdleUntil); err != nil {
			return err
		}
		s.live.Generation, s.live.AdvancedAt = s.live.Generation+1, s.now
		left, err := s.Store.UserSessions(s.ctx, s.expired, store.Newest(), store.MaxPage)
		if err != nil {
			return err
		}
		if len(left) > 0 && len(left) < s.some {
			s.seen.Store(true)
		}
		select {
		case s.looked <- struct{}{}:
		default:
		}
	}
}

// deletesForGood cancels sweeps, and checks that the next one does not find again
// what they have deleted.
func deletesForGood(t *trial) {
	n := t.batch() + t.batch()/2
	past := t.past()
	t.expireMany(n, past)
	gone := 0
	for looks := range int64(2 * mostLooks) { // of two statements
		ctx := newFickle(t.ctx, looks)
		some, err := t.Store.DeleteExpiredSessions(ctx, past)
		ctx.end()
		gone += some
		if err == nil {
			break
		}
		t.noSentinel(err, "DeleteExpiredSessions with a context that ends half-way")
	}
	// It may be fewer: a cancelled sweep need not return what it deleted.
	if rest := t.deletes(past); gone+rest > n {
		t.failf("DeleteExpiredSessions, broken off: said %d, and then %d more, of %d in all: what was deleted had come back", gone, rest, n)
	}
}
