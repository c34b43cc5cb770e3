package storetest_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sallyport-go/sallyport/store"
)

var revokeViolations = []violation{
	{"RevokeSession does nothing", "RevokeSession is committed when it returns", func(r *rig) {
		r.Store = override{Store: r.Store, revoke: func(context.Context, string, time.Time) error { return nil }}
	}},
	{"RevokeSession is rolled back after the first look", "RevokeSession is committed when it returns", func(r *rig) {
		var pending sync.Map
		r.Store = override{
			Store:  r.Store,
			revoke: func(_ context.Context, id string, at time.Time) error { pending.Store(id, at); return nil },
			session: func(ctx context.Context, id string) (store.Session, error) {
				s, err := r.reference.Session(ctx, id)
				if at, ok := pending.LoadAndDelete(id); ok {
					s.RevokedAt = at.(time.Time)
				}
				return s, err
			},
		}
	}},
	{"RevokeSession takes the time from a clock of its own", "RevokeSession is committed when it returns", func(r *rig) {
		r.Store = override{Store: r.Store, revoke: func(ctx context.Context, id string, _ time.Time) error {
			return r.reference.RevokeSession(ctx, id, time.Now())
		}}
	}},
	{"UserSessions keeps a list of what is revoked that lags", "RevokeSession is committed when it returns", func(r *rig) {
		r.Store = override{Store: r.Store, list: func(ctx context.Context, userID string) ([]store.Session, error) {
			return r.reference.list(ctx, func(s store.Session) bool { return s.UserID == userID })
		}}
	}},
	{"a revocation wears off when the session is tried", "RevokeSession is for good", func(r *rig) {
		r.Store = override{Store: r.Store, advance: func(ctx context.Context, id string, from int64, at, idleUntil time.Time) error {
			err := r.reference.AdvanceSession(ctx, id, from, at, idleUntil)
			if errors.Is(err, store.ErrConflict) {
				_ = r.reference.edit(ctx, id, func(s *store.Session) error { s.RevokedAt = time.Time{}; return nil })
			}
			return err
		}}
	}},
	{"a login of the user ends their revocations", "RevokeSession is for good", func(r *rig) {
		r.Store = override{Store: r.Store, create: func(ctx context.Context, n store.Session) error {
			_ = r.reference.editAll(ctx, func(s *store.Session) {
				if s.UserID == n.UserID {
					s.RevokedAt = time.Time{}
				}
			})
			return r.reference.CreateSession(ctx, n)
		}}
	}},
	{"RevokeSession moves RevokedAt", "RevokeSession keeps the first RevokedAt", func(r *rig) {
		r.Store = override{Store: r.Store, revoke: func(ctx context.Context, id string, at time.Time) error {
			err := r.reference.edit(ctx, id, func(s *store.Session) error { s.RevokedAt = at; return nil })
			if errors.Is(err, store.ErrNotFound) {
				return nil
			}
			return err
		}}
	}},
	{"RevokeSession keeps the earliest RevokedAt", "RevokeSession keeps the first RevokedAt", func(r *rig) {
		r.Store = override{Store: r.Store, revoke: func(ctx context.Context, id string, at time.Time) error {
			return r.reference.edit(ctx, id, func(s *store.Session) error {
				if s.RevokedAt.IsZero() || at.Before(s.RevokedAt) {
					s.RevokedAt = at
				}
				return nil
			})
		}}
	}},
	{"RevokeUserSessions moves RevokedAt", "RevokeSession keeps the first RevokedAt", func(r *rig) {
		r.Store = override{Store: r.Store, revokeAll: func(ctx context.Context, userID, _ string, at, _ time.Time) ([]string, error) {
			err := r.reference.editAll(ctx, func(s *store.Session) {
				if s.UserID == userID {
					s.RevokedAt = at
				}
			})
			return nil, err
		}}
	}},
	{"RevokeSession says ErrNotFound", "RevokeSession of an unknown session is no error", func(r *rig) {
		r.Store = override{Store: r.Store, revoke: func(ctx context.Context, id string, at time.Time) error {
			return r.reference.edit(ctx, id, func(s *store.Session) error { revoke(s, at); return nil })
		}}
	}},
	{"RevokeSession leaves a tombstone of what never was", "RevokeSession of an unknown session is no error", func(r *rig) {
		r.Store = override{Store: r.Store, revoke: func(ctx context.Context, id string, at time.Time) error {
			return r.reference.put(ctx, store.Session{ID: id, RevokedAt: at})
		}}
	}},
	{"RevokeUserSessions says ErrNotFound when there are none", "RevokeSession of an unknown session is no error", func(r *rig) {
		r.Store = override{Store: r.Store, revokeAll: func(ctx context.Context, userID, except string, at, since time.Time) ([]string, error) {
			if live, err := r.reference.ofUser(ctx, userID); err != nil || len(live) == 0 {
				return nil, errors.Join(err, store.ErrNotFound)
			}
			return r.reference.RevokeUserSessions(ctx, userID, except, at, since)
		}}
	}},
	{"RevokeSession does nothing at a zero time, and says nil", "RevokeSession refuses a zero time", func(r *rig) {
		r.Store = override{Store: r.Store, revoke: func(ctx context.Context, id string, at time.Time) error {
			if at.IsZero() {
				return nil
			}
			return r.reference.RevokeSession(ctx, id, at)
		}}
	}},
	{"RevokeSession says ErrNotFound at a zero time", "RevokeSession refuses a zero time", func(r *rig) {
		r.Store = override{Store: r.Store, revoke: func(ctx context.Context, id string, at time.Time) error {
			if at.IsZero() {
				return store.ErrNotFound
			}
			return r.reference.RevokeSession(ctx, id, at)
		}}
	}},
	{"RevokeUserSessions takes a zero time for now", "RevokeSession refuses a zero time", func(r *rig) {
		r.Store = override{Store: r.Store, revokeAll: func(ctx context.Context, userID, except string, at, since time.Time) ([]string, error) {
			if at.IsZero() {
				at = time.Now()
			}
			return r.reference.RevokeUserSessions(ctx, userID, except, at, since)
		}}
	}},
	{"RevokeSession refuses a zero time, and un-revokes", "RevokeSession refuses a zero time", func(r *rig) {
		r.Store = override{Store: r.Store, revoke: func(ctx context.Context, id string, at time.Time) error {
			if at.IsZero() {
				return errors.Join(errDriver, r.reference.edit(ctx, id, func(s *store.Session) error { s.RevokedAt = at; return nil }))
			}
			return r.reference.RevokeSession(ctx, id, at)
		}}
	}},
	{"RevokeSession ends all sessions of the user", "RevokeSession ends no other session", func(r *rig) {
		r.Store = override{Store: r.Store, revoke: func(ctx context.Context, id string, at time.Time) error {
			s, err := r.reference.Session(ctx, id)
			if err != nil {
				return err
			}
			_, err = r.reference.RevokeUserSessions(ctx, s.UserID, "", at, at)
			return err
		}}
	}},
	{"AdvanceSession looks for a revocation, then writes", "Nothing advances once RevokeSession has returned", func(r *rig) {
		r.Store = override{Store: r.Store, advance: func(ctx context.Context, id string, from int64, at, idleUntil time.Time) error {
			if s, err := r.reference.Session(ctx, id); err != nil || !s.RevokedAt.IsZero() {
				return errors.Join(err, store.ErrConflict)
			}
			yields()
			return r.reference.edit(ctx, id, func(s *store.Session) error {
				if s.Generation != from {
					return store.ErrConflict
				}
				s.Generation, s.AdvancedAt, s.IdleUntil = from+1, at, idleUntil
				return nil
			})
		}}
	}},
	{"AdvanceSession writes the whole row that it has read", "Nothing advances once RevokeSession has returned", func(r *rig) {
		var advances sync.Mutex // so that there is one winner, at least
		r.Store = override{Store: r.Store, advance: func(ctx context.Context, id string, from int64, at, idleUntil time.Time) error {
			advances.Lock()
			defer advances.Unlock()
			s, err := r.reference.Session(ctx, id)
			if err != nil {
				return err
			}
			if err := conformingAdvance(&s, from, at, idleUntil); err != nil {
				return err
			}
			yields()
			return r.reference.put(ctx, s)
		}}
	}},
	{"RevokeUserSessions ends the newest only", "RevokeUserSessions ends all of the user's sessions", revokingFirst(1)},
	{"RevokeUserSessions ends a page of them", "RevokeUserSessions ends all of the user's sessions", revokingFirst(100)},
	{"RevokeUserSessions deletes them", "RevokeUserSessions ends all of the user's sessions", func(r *rig) {
		r.Store = override{Store: r.Store, revokeAll: func(ctx context.Context, userID, _ string, _, _ time.Time) ([]string, error) {
			_, err := r.reference.drop(ctx, func(s store.Session) bool { return s.UserID == userID })
			return nil, err
		}}
	}},
	{"RevokeUserSessions blocks the user's later sessions", "RevokeUserSessions ends all of the user's sessions", func(r *rig) {
		var blocked sync.Map
		r.Store = override{
			Store: r.Store,
			revokeAll: func(ctx context.Context, userID, except string, at, since time.Time) ([]string, error) {
				blocked.Store(userID, at)
				return r.reference.RevokeUserSessions(ctx, userID, except, at, since)
			},
			create: func(ctx context.Context, s store.Session) error {
				if at, ok := blocked.Load(s.UserID); ok {
					s.RevokedAt = at.(time.Time)
				}
				return r.reference.CreateSession(ctx, s)
			},
		}
	}},
	{"RevokeUserSessions ends the excepted session too", "RevokeUserSessions leaves one session as it is", func(r *rig) {
		r.Store = override{Store: r.Store, revokeAll: func(ctx context.Context, userID, _ string, at, since time.Time) ([]string, error) {
			return r.reference.RevokeUserSessions(ctx, userID, "", at, since)
		}}
	}},
	{"RevokeUserSessions returns the excepted session", "RevokeUserSessions leaves one session as it is", func(r *rig) {
		r.Store = override{Store: r.Store, revokeAll: func(ctx context.Context, userID, except string, at, since time.Time) ([]string, error) {
			ids, err := r.reference.RevokeUserSessions(ctx, userID, except, at, since)
			return append(ids, except), err
		}}
	}},
	{"RevokeUserSessions does nothing where the excepted session is not the user's", "RevokeUserSessions leaves one session as it is", func(r *rig) {
		r.Store = override{Store: r.Store, revokeAll: func(ctx context.Context, userID, except string, at, since time.Time) ([]string, error) {
			if s, err := r.reference.Session(ctx, except); except != "" && (err != nil || s.UserID != userID) {
				return nil, nil
			}
			return r.reference.RevokeUserSessions(ctx, userID, except, at, since)
		}}
	}},
	{"RevokeUserSessions ends all users'", "RevokeUserSessions ends only the user's", revokingWhere(func(string, string) bool { return true })},
	{"RevokeUserSessions folds the user's ID", "RevokeUserSessions ends only the user's", revokingWhere(strings.EqualFold)},
	{"RevokeUserSessions trims the user's ID", "RevokeUserSessions ends only the user's", revokingWhere(func(has, given string) bool { return strings.TrimSpace(has) == given })},
	{"RevokeUserSessions takes the user's ID for a pattern", "RevokeUserSessions ends only the user's", revokingWhere(func(has, given string) bool {
		return len(has) == len(given) && !slices.ContainsFunc([]int{0, 1, 2, 3, 4, 5, 6, 7}, func(i int) bool { return given[i] != '_' && has[i] != given[i] })
	})},
	{"RevokeUserSessions takes the user's ID for a prefix", "RevokeUserSessions ends only the user's", revokingWhere(strings.HasPrefix)},
}

// revokingFirst revokes so many of the user's sessions, the newest first.
func revokingFirst(n int) func(r *rig) {
	return func(r *rig) {
		r.Store = override{Store: r.Store, revokeAll: func(ctx context.Context, userID, _ string, at, _ time.Time) (ids []string, err error) {
			live, err := r.reference.ofUser(ctx, userID)
			slices.Reverse(live)
			for _, s := range live[:min(n, len(live))] {
				ids = append(ids, s.ID)
				err = errors.Join(err, r.reference.RevokeSession(ctx, s.ID, at))
			}
			return ids, err
		}}
	}
}

func revokingWhere(same func(has, given string) bool) func(r *rig) {
	return func(r *rig) {
		r.Store = override{Store: r.Store, revokeAll: func(ctx context.Context, userID, _ string, at, since time.Time) ([]string, error) {
			return r.reference.revokeWhere(ctx, at, since, func(s store.Session) bool { return same(s.UserID, userID) })
		}}
	}
}
