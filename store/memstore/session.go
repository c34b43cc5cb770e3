package memstore

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/sallyport-go/sallyport/store"
)

// session is a session with its place in two orders: by expiry, and by user.
type session struct {
	store.Session

	place        int      // in Store.expiry
	older, newer *session // sessions of the same user, in the order of their creation
}

// out returns a copy for a caller.
func (s *session) out() store.Session {
	c := s.Session
	c.Scopes, c.Methods = slices.Clone(s.Scopes), slices.Clone(s.Methods)
	return c
}

// CreateSession adds a session; see [store.Sessions]. It also deletes up to 4
// sessions that have expired. If there are Config.MaxSessions sessions and none
// has expired, it returns an error that is none of package store's.
func (s *Store) CreateSession(ctx context.Context, session store.Session) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep()
	if s.sessions[session.ID] != nil {
		return store.ErrConflict
	}
	if len(s.sessions) >= s.maxSessions {
		return fmt.Errorf("memstore: there are %d sessions, and Config.MaxSessions is no more", len(s.sessions))
	}
	s.insert(session)
	return nil
}

// Session returns the session with this ID; see [store.Sessions].
func (s *Store) Session(ctx context.Context, id string) (store.Session, error) {
	if err := ctx.Err(); err != nil {
		return store.Session{}, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	found := s.sessions[id]
	if found == nil {
		return store.Session{}, store.ErrNotFound
	}
	return found.out(), nil
}

// AdvanceSession advances a session by one generation; see [store.Sessions].
func (s *Store) AdvanceSession(ctx context.Context, id string, from int64, at, idleUntil time.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.sessions[id]
	if found == nil {
		return store.ErrNotFound
	}
	advanced, err := found.Advanced(from, at, idleUntil)
	if err == nil {
		found.Session = advanced
		s.expiry.moved(found)
	}
	return err
}

// RevokeSession ends a session; see [store.Sessions]. It returns an error if at
// is zero.
func (s *Store) RevokeSession(ctx context.Context, id string, at time.Time) error {
	if err := revocable(ctx, at); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if found := s.sessions[id]; found != nil {
		found.Session = found.Revoked(at)
	}
	return nil
}

// revocable returns why a revocation cannot be made.
func revocable(ctx context.Context, at time.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return store.CheckRevocation(at)
}

// UserSessions returns a page of a user's sessions that are not revoked, the newest
// first; see [store.Sessions].
func (s *Store) UserSessions(ctx context.Context, userID string, after store.Cursor, limit int) ([]store.Session, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	of := s.opened[userID]
	if at := s.sessions[after.ID]; at != nil && at.UserID == userID && at.CreatedAt.Equal(after.CreatedAt) {
		of = at.older // the way there may be long
	}
	var page []store.Session
	for ; of != nil && len(page) < limit; of = of.older {
		if of.RevokedAt.IsZero() && !after.Passed(of.CreatedAt, of.ID) {
			page = append(page, of.out())
		}
	}
	return page, nil
}

// RevokeUserSessions ends all sessions of a user, and returns those that were revoked,
// and advanced, at since or later; see [store.Sessions]. It returns an error if at
// is zero.
func (s *Store) RevokeUserSessions(ctx context.Context, userID, except string, at, since time.Time) ([]string, error) {
	if err := revocable(ctx, at); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var ended []string
	for of := s.opened[userID]; of != nil; of = of.older {
		if of.ID == except {
			continue
		}
		of.Session = of.Revoked(at)
		if !of.RevokedAt.Before(since) && !of.AdvancedAt.Before(since) {
			ended = append(ended, of.ID)
		}
	}
	return ended, nil
}

// DeleteExpiredSessions deletes the sessions that expired by before; see
// [store.Sessions]. It deletes 1000 at a time, and other calls may run between
// them. A store that creates sessions regularly does not need it.
func (s *Store) DeleteExpiredSessions(ctx context.Context, before time.Time) (int, error) {
	return s.inBatches(ctx, func(n int) int { return s.forget(before, n) })
}

// insert adds a new session.
func (s *Store) insert(added store.Session) {
	added.Scopes, added.Methods = slices.Clone(added.Scopes), slices.Clone(added.Methods)
	n := &session{Session: added, older: s.opened[added.UserID]}
	for n.older != nil && n.Cursor().Passed(n.older.CreatedAt, n.older.ID) {
		n.older, n.newer = n.older.older, n.older
	}
	if n.older != nil {
		n.older.newer = n
	}
	if n.newer != nil {
		n.newer.older = n
	} else {
		s.opened[added.UserID] = n
	}
	s.sessions[added.ID] = n
	s.expiry.add(n)
}

// remove deletes a session that is no longer in the expiry.
func (s *Store) remove(gone *session) {
	delete(s.sessions, gone.ID)
	if gone.older != nil {
		gone.older.newer = gone.newer
	}
	switch {
	case gone.newer != nil:
		gone.newer.older = gone.older
	case gone.older != nil:
		s.opened[gone.UserID] = gone.older
	default:
		delete(s.opened, gone.UserID)
	}
}
