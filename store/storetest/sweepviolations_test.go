package storetest_test

import (
	"context"
	"sync"
	"time"

	"github.com/sallyport-go/sallyport/store"
)

const someAtATime = "DeleteExpiredSessions deletes some at a time"

var sweepViolations = []violation{
	{"DeleteExpiredSessions is one statement", someAtATime, func(r *rig) {
		r.Store = override{Store: r.Store, drop: func(ctx context.Context, before time.Time) (int, error) {
			return r.reference.dropSome(ctx, 1<<30, func(s store.Session) bool { return expired(s, before) })
		}}
	}},
	{"DeleteExpiredSessions holds a lock from its beginning to its end", someAtATime, func(r *rig) {
		var table sync.RWMutex // of writers against the sweep: readers see it at work
		r.Store = override{
			Store: r.Store,
			advance: func(ctx context.Context, id string, from int64, at, idleUntil time.Time) error {
				table.RLock()
				defer table.RUnlock()
				return r.reference.AdvanceSession(ctx, id, from, at, idleUntil)
			},
			drop: func(ctx context.Context, before time.Time) (int, error) {
				table.Lock()
				defer table.Unlock()
				return r.reference.DeleteExpiredSessions(ctx, before)
			},
		}
	}},
	{"DeleteExpiredSessions is one transaction, whose end others see", someAtATime, inATransaction},
	{"DeleteExpiredSessions is rolled back, and says how many all the same", "What was deleted stays deleted", inATransaction},
}

// inATransaction deletes some at a time, but no other caller sees it before all are gone,
// and none is when the context ends.
func inATransaction(r *rig) {
	r.Store = override{Store: r.Store, drop: func(ctx context.Context, before time.Time) (n int, err error) {
		all, err := r.reference.list(ctx, func(s store.Session) bool { return expired(s, before) })
		if err != nil {
			return 0, err
		}
		for n = 0; n < len(all); n += min(batch, len(all)-n) {
			if ctx.Err() != nil {
				return n, ctx.Err()
			}
		}
		_, err = r.reference.dropSome(context.WithoutCancel(ctx), 1<<30, func(s store.Session) bool { return expired(s, before) })
		return n, err
	}}
}
