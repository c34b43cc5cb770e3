package storetest_test

import (
	"context"
	"time"

	"github.com/sallyport-go/sallyport/store"
)

// dropping replaces which sessions DeleteExpiredSessions deletes.
func dropping(unwanted func(s store.Session, before time.Time) bool) func(r *rig) {
	return func(r *rig) {
		r.Store = override{Store: r.Store, drop: func(ctx context.Context, before time.Time) (int, error) {
			return r.reference.drop(ctx, func(s store.Session) bool { return unwanted(s, before) })
		}}
	}
}

// counting replaces what DeleteExpiredSessions says.
func counting(change func(n int) int) func(r *rig) {
	return func(r *rig) {
		r.Store = override{Store: r.Store, drop: func(ctx context.Context, before time.Time) (int, error) {
			n, err := r.reference.DeleteExpiredSessions(ctx, before)
			return change(n), err
		}}
	}
}

var expiryViolations = []violation{
	{"DeleteExpiredSessions does nothing", "DeleteExpiredSessions forgets what has expired", dropping(func(store.Session, time.Time) bool { return false })},
	{"DeleteExpiredSessions leaves the last microsecond", "DeleteExpiredSessions forgets what has expired", dropping(func(s store.Session, before time.Time) bool {
		return s.IdleUntil.Before(before) || s.ExpiresAt.Before(before)
	})},
	{"DeleteExpiredSessions looks at IdleUntil only", "DeleteExpiredSessions forgets what has expired", dropping(func(s store.Session, before time.Time) bool {
		return !s.IdleUntil.After(before)
	})},
	{"DeleteExpiredSessions looks at ExpiresAt only", "DeleteExpiredSessions forgets what has expired", dropping(func(s store.Session, before time.Time) bool {
		return !s.ExpiresAt.After(before)
	})},
	{"DeleteExpiredSessions leaves the revoked for ever", "DeleteExpiredSessions forgets what has expired", dropping(func(s store.Session, before time.Time) bool {
		return expired(s, before) && s.RevokedAt.IsZero()
	})},
	{"DeleteExpiredSessions deletes everything", "DeleteExpiredSessions keeps what lives", dropping(func(store.Session, time.Time) bool { return true })},
	{"DeleteExpiredSessions goes by its own clock", "DeleteExpiredSessions keeps what lives", dropping(func(s store.Session, _ time.Time) bool { return expired(s, time.Now()) })},
	{"DeleteExpiredSessions goes by the second", "DeleteExpiredSessions keeps what lives", dropping(func(s store.Session, before time.Time) bool {
		return expired(s, before.Truncate(time.Second).Add(time.Second))
	})},
	{"DeleteExpiredSessions goes by the age", "DeleteExpiredSessions keeps what lives", dropping(func(s store.Session, before time.Time) bool { return s.CreatedAt.Before(before) })},
	{"DeleteExpiredSessions deletes what is revoked", "DeleteExpiredSessions keeps the revoked until they would have expired", dropping(func(s store.Session, before time.Time) bool {
		return expired(s, before) || !s.RevokedAt.IsZero()
	})},
	{"DeleteExpiredSessions deletes what was revoked before", "DeleteExpiredSessions keeps the revoked until they would have expired", dropping(func(s store.Session, before time.Time) bool {
		return expired(s, before) || !s.RevokedAt.IsZero() && s.RevokedAt.Before(before)
	})},
	{"DeleteExpiredSessions says none", "DeleteExpiredSessions says how many", counting(func(int) int { return 0 })},
	{"DeleteExpiredSessions does not know how many", "DeleteExpiredSessions says how many", counting(func(int) int { return -1 })},
	{"DeleteExpiredSessions says one too many", "DeleteExpiredSessions says how many", counting(func(n int) int { return n + 1 })},
	{"DeleteExpiredSessions says at least one", "DeleteExpiredSessions says how many", counting(func(n int) int { return max(n, 1) })},
	{"Session does not find what has expired by its clock", "No method looks at a clock", func(r *rig) {
		r.Store = override{Store: r.Store, session: func(ctx context.Context, id string) (store.Session, error) {
			s, err := r.reference.Session(ctx, id)
			if err == nil && expired(s, time.Now()) {
				err = store.ErrNotFound
			}
			return s, err
		}}
	}},
	{"AdvanceSession refuses what has expired by its clock", "No method looks at a clock", advancing(func(s *store.Session, from int64, at, idleUntil time.Time) error {
		if expired(*s, time.Now()) {
			return store.ErrConflict
		}
		return conformingAdvance(s, from, at, idleUntil)
	})},
	{"UserSessions leaves out what has expired by its clock", "No method looks at a clock", listingWhere(func(s store.Session, userID string) bool {
		return s.UserID == userID && s.RevokedAt.IsZero() && !expired(s, time.Now())
	})},
}
