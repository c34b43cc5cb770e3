package storetest_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/sallyport-go/sallyport/store"
)

// returning changes what RevokeUserSessions returns.
func returning(change func(ids []string) []string) func(r *rig) {
	return func(r *rig) {
		r.Store = override{Store: r.Store, revokeAll: func(ctx context.Context, userID, except string, at, since time.Time) ([]string, error) {
			ids, err := r.reference.RevokeUserSessions(ctx, userID, except, at, since)
			return change(ids), err
		}}
	}
}

// revokingAll replaces what RevokeUserSessions does with the user's sessions.
func revokingAll(revokes func(s store.Session, at time.Time) bool) func(r *rig) {
	return func(r *rig) {
		r.Store = override{Store: r.Store, revokeAll: func(ctx context.Context, userID, _ string, at, since time.Time) ([]string, error) {
			return r.reference.revokeWhere(ctx, at, since, func(s store.Session) bool { return s.UserID == userID && revokes(s, at) })
		}}
	}
}

// updateReturning ends sessions, and returns those that it has ended itself.
func (p *reference) updateReturning(ctx context.Context, userID string, at time.Time) (ids []string, err error) {
	err = p.editAll(ctx, func(s *store.Session) {
		if s.UserID == userID && s.RevokedAt.IsZero() {
			s.RevokedAt = at
			ids = append(ids, s.ID)
		}
	})
	return ids, err
}

const byNoClock = "RevokeUserSessions looks at no clock"

var revokedViolations = []violation{
	{"RevokeUserSessions returns nothing", "RevokeUserSessions returns what it ended", returning(func([]string) []string { return nil })},
	{"RevokeUserSessions returns a page", "RevokeUserSessions returns what it ended", returning(func(ids []string) []string { return ids[:min(100, len(ids))] })},
	{"RevokeUserSessions returns twice what a join finds twice", "RevokeUserSessions returns each ID once", returning(func(ids []string) []string { return append(ids, ids...) })},
	{"RevokeUserSessions returns an empty ID for none", "RevokeUserSessions returns each ID once", returning(func(ids []string) []string {
		if len(ids) == 0 {
			return []string{""}
		}
		return ids
	})},
	{"RevokeUserSessions is an UPDATE with RETURNING", "RevokeUserSessions returns again what was ended before", func(r *rig) {
		r.Store = override{Store: r.Store, revokeAll: func(ctx context.Context, userID, _ string, at, _ time.Time) ([]string, error) {
			if err := timed(at); err != nil {
				return nil, err
			}
			return r.reference.updateReturning(ctx, userID, at)
		}}
	}},
	{"RevokeUserSessions looks for what was ended before it ends", "RevokeUserSessions returns what another call ends", func(r *rig) {
		r.Store = override{Store: r.Store, revokeAll: func(ctx context.Context, userID, _ string, at, since time.Time) ([]string, error) {
			before, err := r.reference.list(ctx, func(s store.Session) bool {
				return s.UserID == userID && !s.RevokedAt.IsZero() && !s.RevokedAt.Before(since)
			})
			if err != nil {
				return nil, err
			}
			yields()
			ids, err := r.reference.updateReturning(ctx, userID, at)
			for _, s := range before {
				ids = append(ids, s.ID)
			}
			return ids, err
		}}
	}},
	{"RevokeUserSessions looks for what was used lately before it ends", "RevokeUserSessions returns what is advanced meanwhile", func(r *rig) {
		r.Store = override{Store: r.Store, revokeAll: func(ctx context.Context, userID, except string, at, since time.Time) ([]string, error) {
			lately, err := r.reference.list(ctx, func(s store.Session) bool { return s.UserID == userID && s.ID != except && !s.AdvancedAt.Before(since) })
			if err != nil {
				return nil, err
			}
			yields()
			if _, err := r.reference.RevokeUserSessions(ctx, userID, except, at, since); err != nil {
				return nil, err
			}
			var ids []string
			for _, s := range lately {
				ids = append(ids, s.ID)
			}
			return ids, nil
		}}
	}},
	{"RevokeUserSessions returns what was deleted", "RevokeUserSessions returns nothing that lives", func(r *rig) {
		var mu sync.Mutex
		all := map[string][]string{}
		r.Store = override{
			Store: r.Store,
			create: func(ctx context.Context, s store.Session) error {
				mu.Lock()
				defer mu.Unlock()
				all[s.UserID] = append(all[s.UserID], s.ID)
				return r.reference.CreateSession(ctx, s)
			},
			revokeAll: func(ctx context.Context, userID, except string, at, since time.Time) ([]string, error) {
				mu.Lock()
				defer mu.Unlock()
				_, err := r.reference.RevokeUserSessions(ctx, userID, except, at, since)
				return slices.Clone(all[userID]), err
			},
		}
	}},
	{"RevokeUserSessions returns everybody's", "RevokeUserSessions returns nothing that lives", func(r *rig) {
		r.Store = override{Store: r.Store, revokeAll: func(ctx context.Context, userID, except string, at, since time.Time) ([]string, error) {
			if _, err := r.reference.RevokeUserSessions(ctx, userID, except, at, since); err != nil {
				return nil, err
			}
			revoked, err := r.reference.list(ctx, func(s store.Session) bool { return !s.RevokedAt.IsZero() })
			var ids []string
			for _, s := range revoked {
				ids = append(ids, s.ID)
			}
			return ids, err
		}}
	}},
	{"RevokeUserSessions notes that it was there, and then is not", "RevokeUserSessions can be made again after an error", func(r *rig) {
		var been sync.Map
		r.Store = override{Store: r.Store, revokeAll: func(ctx context.Context, userID, except string, at, since time.Time) ([]string, error) {
			if _, again := been.LoadOrStore(userID, true); again {
				return nil, nil
			}
			return r.reference.RevokeUserSessions(ctx, userID, except, at, since)
		}}
	}},
	{"RevokeUserSessions loses what it has ended when its time is over", "RevokeUserSessions can be made again after an error", func(r *rig) {
		r.Store = override{Store: r.Store, revokeAll: func(ctx context.Context, userID, _ string, at, _ time.Time) ([]string, error) {
			ids, err := r.reference.updateReturning(ctx, userID, at)
			return ids, errors.Join(err, ctx.Err())
		}}
	}},
	{"RevokeUserSessions passes over what has expired by its own clock", byNoClock, revokingAll(func(s store.Session, _ time.Time) bool { return !expired(s, time.Now()) })},
	{"RevokeUserSessions passes over what has expired by the caller's clock", byNoClock, revokingAll(func(s store.Session, at time.Time) bool { return !expired(s, at) })},
	{"RevokeUserSessions passes over what began after its own now", byNoClock, revokingAll(func(s store.Session, _ time.Time) bool { return s.CreatedAt.Before(time.Now()) })},
	{"RevokeUserSessions passes over what began after the caller's now", byNoClock, revokingAll(func(s store.Session, at time.Time) bool { return !s.CreatedAt.After(at) })},
	{"RevokeUserSessions passes over what was refreshed after it", byNoClock, revokingAll(func(s store.Session, at time.Time) bool { return !s.AdvancedAt.After(at.Add(90 * time.Second)) })},
}
