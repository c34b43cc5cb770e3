package storetest_test

import (
	"context"
	"sync"
	"time"

	"github.com/sallyport-go/sallyport/store"
)

const oneOrder = "What many do to a session happens in one order"

// Each of these passes all rules that have one writer, or one look, at a time.
var historyViolations = []violation{
	{"Session shows what is rolled back", oneOrder, func(r *rig) {
		var writers sync.Mutex
		r.Store = override{
			Store: r.Store,
			advance: func(ctx context.Context, id string, from int64, at, idleUntil time.Time) error {
				writers.Lock()
				defer writers.Unlock()
				before, err := r.reference.Session(ctx, id)
				if err != nil {
					return err
				}
				err = r.reference.AdvanceSession(ctx, id, from, at, idleUntil)
				if err != nil {
					return err
				}
				yields()
				if err := r.reference.put(ctx, before); err != nil { // a deadlock, say, and another try
					return err
				}
				yields()
				return r.reference.AdvanceSession(ctx, id, from, at, idleUntil)
			},
			revoke: func(ctx context.Context, id string, at time.Time) error {
				writers.Lock()
				defer writers.Unlock()
				return r.reference.RevokeSession(ctx, id, at)
			},
			revokeAll: func(ctx context.Context, userID, except string, at, since time.Time) ([]string, error) {
				writers.Lock()
				defer writers.Unlock()
				return r.reference.RevokeUserSessions(ctx, userID, except, at, since)
			},
		}
	}},
	{"AdvanceSession takes a lock that is held for a lost race", oneOrder, func(r *rig) {
		var locks sync.Map
		r.Store = override{
			Store: r.Store,
			advance: func(ctx context.Context, id string, from int64, at, idleUntil time.Time) error {
				lock, _ := locks.LoadOrStore(id, new(sync.Mutex))
				if !lock.(*sync.Mutex).TryLock() {
					return store.ErrConflict // as SELECT FOR UPDATE NOWAIT would have it
				}
				defer lock.(*sync.Mutex).Unlock()
				yields()
				return r.reference.AdvanceSession(ctx, id, from, at, idleUntil)
			},
		}
	}},
	{"Session reads a row in two halves", oneOrder, func(r *rig) {
		r.Store = override{Store: r.Store, session: func(ctx context.Context, id string) (store.Session, error) {
			first, err := r.reference.Session(ctx, id)
			if err != nil {
				return first, err
			}
			yields()
			second, err := r.reference.Session(ctx, id)
			second.Generation = first.Generation
			return second, err
		}}
	}},
}
