package storetest_test

import (
	"context"
	"sync"
	"time"

	"github.com/sallyport-go/sallyport/store"
)

const isFull = "Many sessions are kept as one is"

var manyViolations = []violation{
	{"DeleteExpiredSessions deletes one batch, and says how many it found", isFull, func(r *rig) {
		r.Store = override{Store: r.Store, drop: func(ctx context.Context, before time.Time) (int, error) {
			left, found := 1000, 0
			_, err := r.reference.drop(ctx, func(s store.Session) bool {
				if !expired(s, before) {
					return false
				}
				found++
				left--
				return left >= 0
			})
			return found, err
		}}
	}},
	{"DeleteExpiredSessions says how many were in the last batch", isFull, counting(func(n int) int { return n % 1000 })},
	{"UserSessions returns 256 at most", isFull, func(r *rig) {
		r.Store = override{Store: r.Store, list: func(ctx context.Context, userID string) ([]store.Session, error) {
			found, err := r.reference.ofUser(ctx, userID)
			return found[:min(256, len(found))], err
		}}
	}},
	{"RevokeUserSessions ends 256 at most", isFull, revokingFirst(256)},
	{"a cache keeps at most 2000 entries", isFull, func(r *rig) {
		var mu sync.Mutex
		var kept []string
		r.Store = override{Store: r.Store, create: func(ctx context.Context, s store.Session) error {
			if err := r.reference.CreateSession(ctx, s); err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			kept = append(kept, s.ID)
			if len(kept) > 2000 {
				oldest := kept[0]
				kept = kept[1:]
				r.reference.mu.Lock()
				delete(r.reference.sessions, oldest)
				r.reference.mu.Unlock()
			}
			return nil
		}}
	}},
}
