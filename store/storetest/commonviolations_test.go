package storetest_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sallyport-go/sallyport/store"
)

// naming changes the IDs of sessions, wherever they are named. What comes back
// has the ID that was asked for.
func naming(change func(id string) string) func(r *rig) {
	return func(r *rig) {
		r.Store = override{
			Store: r.Store,
			create: func(ctx context.Context, s store.Session) error {
				s.ID = change(s.ID)
				return r.reference.CreateSession(ctx, s)
			},
			session: func(ctx context.Context, id string) (store.Session, error) {
				s, err := r.reference.Session(ctx, change(id))
				s.ID = id
				return s, err
			},
			advance: func(ctx context.Context, id string, from int64, at, idleUntil time.Time) error {
				return r.reference.AdvanceSession(ctx, change(id), from, at, idleUntil)
			},
			revoke: func(ctx context.Context, id string, at time.Time) error {
				return r.reference.RevokeSession(ctx, change(id), at)
			},
		}
	}
}

func cut(s string, n int) string { return s[:min(n, len(s))] }

var textViolations = []violation{
	{"session IDs are folded", "Session IDs are compared byte by byte", naming(strings.ToLower)},
	{"session IDs of digits are numbers", "Session IDs are compared byte by byte", naming(func(id string) string { return strings.TrimLeft(id, "0") })},
	{"session IDs are taken for patterns", "Session IDs are compared byte by byte", naming(func(id string) string { return strings.ReplaceAll(id, "_", "-") })},
	{"RevokeSession folds the ID", "Session IDs are compared byte by byte", func(r *rig) {
		r.Store = override{Store: r.Store, revoke: func(ctx context.Context, id string, at time.Time) error {
			return r.reference.editAll(ctx, func(s *store.Session) {
				if strings.EqualFold(s.ID, id) {
					revoke(s, at)
				}
			})
		}}
	}},
	{"session IDs are cut at 63 bytes", "Session IDs may have 64 bytes", naming(func(id string) string { return cut(id, 63) })},
	{"session IDs are refused at 64 bytes", "Session IDs may have 64 bytes", func(r *rig) {
		r.Store = override{Store: r.Store, create: func(ctx context.Context, s store.Session) error {
			if len(s.ID) >= 64 {
				return errors.New("driver: data too long")
			}
			return r.reference.CreateSession(ctx, s)
		}}
	}},
	{"labels are trimmed", "Any text comes back as it was", creating(func(s *store.Session) { s.Label = strings.TrimSpace(s.Label) })},
	{"labels are escaped", "Any text comes back as it was", creating(func(s *store.Session) { s.Label = strings.ReplaceAll(s.Label, `\`, `\\`) })},
	{"labels are composed", "Any text comes back as it was", creating(func(s *store.Session) { s.Label = strings.ReplaceAll(s.Label, "e\u0301", "é") })},
	{"labels lose what has four bytes", "Any text comes back as it was", creating(func(s *store.Session) {
		s.Label = strings.Map(func(r rune) rune {
			if r > 0xffff {
				return '\ufffd'
			}
			return r
		}, s.Label)
	})},
	{"labels lose their line ends", "Any text comes back as it was", creating(func(s *store.Session) { s.Label = strings.ReplaceAll(s.Label, "\r", "") })},
	{"clients called null are none", "Any text comes back as it was", creating(func(s *store.Session) {
		if s.ClientID == "null" {
			s.ClientID = ""
		}
	})},
	{"UserSessions pastes the user's ID into its query", "Any text comes back as it was", func(r *rig) {
		r.Store = override{Store: r.Store, list: func(ctx context.Context, userID string) ([]store.Session, error) {
			if strings.Contains(userID, "'") {
				return nil, errors.New("driver: syntax error")
			}
			return r.reference.ofUser(ctx, userID)
		}}
	}},
	{"labels are cut at 255 bytes", "Texts may have 512 bytes", creating(func(s *store.Session) { s.Label = cut(s.Label, 255) })},
	{"labels are cut at 255 characters", "Texts may have 512 bytes", creating(func(s *store.Session) { s.ClientID = cut(s.ClientID, 255) })},
	{"an index looks at the first 255 bytes", "Texts may have 512 bytes", listingWhere(func(s store.Session, userID string) bool {
		return cut(s.UserID, 255) == cut(userID, 255)
	})},
	{"scopes are sorted", "Scopes come back as they were", creating(func(s *store.Session) { s.Scopes = slices.Sorted(slices.Values(s.Scopes)) })},
	{"scopes are a set", "Scopes come back as they were", creating(func(s *store.Session) {
		seen := map[string]bool{}
		s.Scopes = slices.DeleteFunc(slices.Clone(s.Scopes), func(scope string) bool {
			had := seen[scope]
			seen[scope] = true
			return had
		})
	})},
	{"scopes are split at commas", "Scopes come back as they were", creating(func(s *store.Session) {
		if len(s.Scopes) > 0 {
			s.Scopes = strings.Split(strings.Join(s.Scopes, ","), ",")
		}
	})},
	{"a session keeps at most 20 scopes", "Scopes come back as they were", creating(func(s *store.Session) { s.Scopes = s.Scopes[:min(20, len(s.Scopes))] })},
}

// timing changes all times on their way in.
func timing(change func(at time.Time) time.Time) func(r *rig) {
	return creating(func(s *store.Session) {
		for _, at := range []*time.Time{&s.CreatedAt, &s.AdvancedAt, &s.IdleUntil, &s.ExpiresAt, &s.RevokedAt} {
			*at = change(*at)
		}
	})
}

var commonViolations = []violation{
	{"times are cut to the second", "Times come back equal", timing(func(at time.Time) time.Time { return at.Truncate(time.Second) })},
	{"times are cut to the millisecond", "Times come back equal", timing(func(at time.Time) time.Time { return at.Truncate(time.Millisecond) })},
	{"times are floats of seconds", "Times come back equal", timing(func(at time.Time) time.Time {
		if at.IsZero() {
			return at
		}
		seconds := float32(at.Unix()%86400) + float32(at.Nanosecond())/1e9
		return at.Truncate(24 * time.Hour).Add(time.Duration(seconds * 1e9))
	})},
	{"times are kept without their zone", "Times come back equal", timing(func(at time.Time) time.Time {
		if at.IsZero() {
			return at
		}
		return time.Date(at.Year(), at.Month(), at.Day(), at.Hour(), at.Minute(), at.Second(), at.Nanosecond(), nepal)
	})},
	{"times end in 2038", "Times come back equal", timing(func(at time.Time) time.Time {
		if at.IsZero() {
			return at
		}
		return time.Unix(int64(int32(at.Unix())), int64(at.Nanosecond()))
	})},
	{"the epoch is no time", "Times come back equal", timing(func(at time.Time) time.Time {
		if at.UnixMicro() == 0 {
			return time.Time{}
		}
		return at
	})},
	{"times have no sign", "Times come back equal", timing(func(at time.Time) time.Time {
		if at.IsZero() {
			return at
		}
		return time.UnixMicro(max(at.UnixMicro(), -at.UnixMicro()))
	})},
	{"times are nanoseconds", "Times come back equal", timing(func(at time.Time) time.Time {
		if at.IsZero() {
			return at
		}
		return time.Unix(0, at.UnixNano())
	})},
	{"AdvanceSession refuses a clock that is behind", "Times need not move on", advancing(func(s *store.Session, from int64, at, idleUntil time.Time) error {
		if at.Before(s.AdvancedAt) {
			return store.ErrConflict
		}
		return conformingAdvance(s, from, at, idleUntil)
	})},
	{"AdvanceSession takes the same moment for the same call", "Times need not move on", advancing(func(s *store.Session, from int64, at, idleUntil time.Time) error {
		if at.Equal(s.AdvancedAt) && idleUntil.Equal(s.IdleUntil) {
			return nil
		}
		return conformingAdvance(s, from, at, idleUntil)
	})},
	{"RevokeSession is never before the login", "Times need not move on", func(r *rig) {
		r.Store = override{Store: r.Store, revoke: func(ctx context.Context, id string, at time.Time) error {
			return r.reference.editAll(ctx, func(s *store.Session) {
				if s.ID == id && at.Before(s.CreatedAt) {
					at = s.CreatedAt
				}
				if s.ID == id {
					revoke(s, at)
				}
			})
		}}
	}},
	{"UserSessions goes from one login to the next by their times", "Times need not move on", func(r *rig) {
		r.Store = override{Store: r.Store, list: func(ctx context.Context, userID string) ([]store.Session, error) {
			found, err := r.reference.ofUser(ctx, userID)
			return slices.CompactFunc(found, func(a, b store.Session) bool { return a.CreatedAt.Equal(b.CreatedAt) }), err
		}}
	}},
	{"AdvanceSession cuts its times to the second", "Times come back equal", advancing(func(s *store.Session, from int64, at, idleUntil time.Time) error {
		return conformingAdvance(s, from, at.Truncate(time.Second), idleUntil.Truncate(time.Second))
	})},
	{"a zero time comes back as 1970", "A zero time comes back zero", timing(func(at time.Time) time.Time {
		if at.IsZero() {
			return time.Unix(0, 0)
		}
		return at
	})},
	{"a zero time comes back as now", "A zero time comes back zero", creating(func(s *store.Session) {
		if s.CreatedAt.IsZero() {
			s.CreatedAt = time.Now()
		}
	})},
	{"CreateSession keeps the caller's slice", "A slice that is passed in stays the caller's", func(r *rig) {
		r.Store = override{Store: r.Store, create: func(ctx context.Context, s store.Session) error {
			if err := r.reference.CreateSession(ctx, s); err != nil {
				return err
			}
			return r.reference.edit(ctx, s.ID, func(kept *store.Session) error { kept.Scopes = s.Scopes; return nil })
		}}
	}},
	{"Session gives its own slice out", "A slice that is returned is the caller's", func(r *rig) {
		r.Store = override{Store: r.Store, session: func(ctx context.Context, id string) (s store.Session, err error) {
			err = r.reference.edit(ctx, id, func(kept *store.Session) error { s = *kept; return nil })
			return s, err
		}}
	}},
	{"UserSessions gives its own slices out", "A slice that is returned is the caller's", func(r *rig) {
		r.Store = override{Store: r.Store, list: func(ctx context.Context, userID string) (found []store.Session, err error) {
			err = r.reference.editAll(ctx, func(kept *store.Session) {
				if kept.UserID == userID {
					found = append(found, *kept)
				}
			})
			return found, err
		}}
	}},
}

// whenDone replaces the error of a done context.
func whenDone(err, instead error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return instead
	}
	return err
}

var contextViolations = []violation{
	{"Authenticate takes a done context for a wrong password", "A done context is no answer", func(r *rig) {
		r.Store = override{Store: r.Store, authenticate: func(ctx context.Context, login, password string) (store.User, error) {
			u, err := r.users.Authenticate(ctx, login, password)
			return u, whenDone(err, store.ErrBadCredentials)
		}}
	}},
	{"User takes every error for ErrNotFound", "A done context is no answer", func(r *rig) {
		r.Store = override{Store: r.Store, user: func(ctx context.Context, id string) (store.User, error) {
			u, err := r.users.User(ctx, id)
			return u, whenDone(err, store.ErrNotFound)
		}}
	}},
	{"Session wraps a done context into ErrNotFound", "A done context is no answer", func(r *rig) {
		r.Store = override{Store: r.Store, session: func(ctx context.Context, id string) (store.Session, error) {
			s, err := r.reference.Session(ctx, id)
			return s, whenDone(err, errors.Join(err, store.ErrNotFound))
		}}
	}},
	{"AdvanceSession takes a done context for a lost race", "A done context is no answer", func(r *rig) {
		r.Store = override{Store: r.Store, advance: func(ctx context.Context, id string, from int64, at, idleUntil time.Time) error {
			return whenDone(r.reference.AdvanceSession(ctx, id, from, at, idleUntil), store.ErrConflict)
		}}
	}},
	{"RevokeSession says nil when its context is done", "A done context is no answer", func(r *rig) {
		r.Store = override{Store: r.Store, revoke: func(ctx context.Context, id string, at time.Time) error {
			return whenDone(r.reference.RevokeSession(ctx, id, at), nil)
		}}
	}},
	{"UserSessions says none when its context is done", "A done context is no answer", func(r *rig) {
		r.Store = override{Store: r.Store, list: func(ctx context.Context, userID string) ([]store.Session, error) {
			found, err := r.reference.ofUser(ctx, userID)
			return found, whenDone(err, nil)
		}}
	}},
	{"DeleteExpiredSessions does not look at its context", "A done context is no answer", func(r *rig) {
		r.Store = override{Store: r.Store, drop: func(ctx context.Context, before time.Time) (int, error) {
			return r.reference.DeleteExpiredSessions(context.WithoutCancel(ctx), before)
		}}
	}},
	{"CreateSession does not look at its context", "A done context is no answer", func(r *rig) {
		r.Store = override{Store: r.Store, create: func(ctx context.Context, s store.Session) error {
			return r.reference.CreateSession(context.WithoutCancel(ctx), s)
		}}
	}},
	{"AdvanceSession takes an error of its second statement for a lost race", "A context that ends half-way is no answer", func(r *rig) {
		r.Store = override{Store: r.Store, advance: func(ctx context.Context, id string, from int64, at, idleUntil time.Time) error {
			if _, err := r.reference.Session(ctx, id); err != nil {
				return err
			}
			return whenDone(r.reference.AdvanceSession(ctx, id, from, at, idleUntil), store.ErrConflict)
		}}
	}},
	{"Session takes an error of its second statement for ErrNotFound", "A context that ends half-way is no answer", func(r *rig) {
		r.Store = override{Store: r.Store, session: func(ctx context.Context, id string) (store.Session, error) {
			if _, err := r.reference.Session(ctx, id); err != nil {
				return store.Session{}, err
			}
			s, err := r.reference.Session(ctx, id)
			return s, whenDone(err, store.ErrNotFound)
		}}
	}},
	{"AdvanceSession loses the error of its commit", "A context that ends half-way is no answer", func(r *rig) {
		r.Store = override{Store: r.Store, advance: func(ctx context.Context, id string, from int64, at, idleUntil time.Time) error {
			if _, err := r.reference.Session(ctx, id); err != nil {
				return err
			}
			return whenDone(r.reference.AdvanceSession(ctx, id, from, at, idleUntil), nil)
		}}
	}},
	{"CreateSession loses the error of its commit", "A context that ends half-way is no answer", func(r *rig) {
		r.Store = override{Store: r.Store, create: func(ctx context.Context, s store.Session) error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return whenDone(r.reference.CreateSession(ctx, s), nil)
		}}
	}},
	{"RevokeSession loses the error of its commit", "A context that ends half-way is no answer", func(r *rig) {
		r.Store = override{Store: r.Store, revoke: func(ctx context.Context, id string, at time.Time) error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return whenDone(r.reference.RevokeSession(ctx, id, at), nil)
		}}
	}},
	{"Authenticate takes an error of its second statement for a wrong password", "A context that ends half-way is no answer", func(r *rig) {
		r.Store = override{Store: r.Store, authenticate: func(ctx context.Context, login, password string) (store.User, error) {
			if ctx.Err() != nil {
				return store.User{}, ctx.Err()
			}
			u, err := r.users.Authenticate(ctx, login, password)
			return u, whenDone(err, store.ErrBadCredentials)
		}}
	}},
}

var concurrencyViolations = []violation{
	{"a write of two at once is lost", "Methods are called by many goroutines at once", func(r *rig) {
		var all atomic.Pointer[map[string]store.Session]
		all.Store(&map[string]store.Session{})
		r.Store = override{
			Store: r.Store,
			create: func(_ context.Context, s store.Session) error {
				next := maps.Clone(*all.Load())
				next[s.ID] = s
				yields()
				all.Store(&next)
				return nil
			},
			session: func(_ context.Context, id string) (store.Session, error) {
				if s, ok := (*all.Load())[id]; ok {
					return s, nil
				}
				return store.Session{}, store.ErrNotFound
			},
			advance: func(_ context.Context, id string, from int64, at, idleUntil time.Time) error {
				s, ok := (*all.Load())[id]
				if !ok {
					return store.ErrNotFound
				}
				next := maps.Clone(*all.Load())
				err := conformingAdvance(&s, from, at, idleUntil)
				next[s.ID] = s
				all.Store(&next)
				return err
			},
		}
	}},
	{"UserSessions is refreshed by a job", "Methods are called by many goroutines at once", func(r *rig) {
		r.Store = override{Store: r.Store, list: func(context.Context, string) ([]store.Session, error) { return nil, nil }}
	}},
	{"UserSessions keeps revoked ones until a job has run", "Methods are called by many goroutines at once", listingWhere(func(s store.Session, userID string) bool {
		return s.UserID == userID
	})},
	{"Session fails when many come at once", "Methods are called by many goroutines at once", busy(store.ErrNotFound)},
	{"RevokeSession and AdvanceSession fail when many come at once", "Methods are called by many goroutines at once", func(r *rig) {
		var calls atomic.Int64
		fails := func(err error) error {
			if calls.Add(1)%50 == 0 {
				return errors.New("driver: database is locked")
			}
			return err
		}
		r.Store = override{
			Store: r.Store,
			revoke: func(ctx context.Context, id string, at time.Time) error {
				return fails(r.reference.RevokeSession(ctx, id, at))
			},
			advance: func(ctx context.Context, id string, from int64, at, idleUntil time.Time) error {
				return fails(r.reference.AdvanceSession(ctx, id, from, at, idleUntil))
			},
		}
	}},
	{"Session asks a replica that lags", "Session returns what the last write has left", func(r *rig) {
		var replica atomic.Pointer[store.Session] // of the last write but one
		r.Store = override{
			Store: r.Store,
			advance: func(ctx context.Context, id string, from int64, at, idleUntil time.Time) error {
				before, err := r.reference.Session(ctx, id)
				if err != nil {
					return err
				}
				replica.Store(&before)
				return r.reference.AdvanceSession(ctx, id, from, at, idleUntil)
			},
			session: func(ctx context.Context, id string) (store.Session, error) {
				if before := replica.Swap(nil); before != nil && before.ID == id {
					return *before, nil
				}
				return r.reference.Session(ctx, id)
			},
		}
	}},
	{"Session fails for some of many", "Session returns what the last write has left", busy(errors.New("driver: too many connections"))},
}

// busy fails now and then.
func busy(err error) func(r *rig) {
	return func(r *rig) {
		var calls atomic.Int64
		r.Store = override{Store: r.Store, session: func(ctx context.Context, id string) (store.Session, error) {
			if calls.Add(1)%50 == 0 {
				return store.Session{}, err
			}
			return r.reference.Session(ctx, id)
		}}
	}
}
