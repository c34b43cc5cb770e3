package memstore

import (
	"context"
	"time"
)

// sweepDenials is how many denials are looked at for each one that comes. They
// are met in no order, so that an eighth of those that are kept has ended, at
// most, where they come and go evenly.
const sweepDenials = 8

// DenySession puts a session on the deny list, and forgets a few whose time has
// passed; see [store.Revocations].
func (s *Store) DenySession(ctx context.Context, sid string, until time.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forgetDenials(s.now(), sweepDenials)
	if until.After(s.denials[sid]) {
		s.denials[sid] = until
	}
	return nil
}

// DenySessions puts many sessions on the deny list, and forgets a few whose time
// has passed for each; see [store.Revocations].
func (s *Store) DenySessions(ctx context.Context, sids []string, until time.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forgetDenials(s.now(), sweepDenials*len(sids))
	for _, sid := range sids {
		if until.After(s.denials[sid]) {
			s.denials[sid] = until
		}
	}
	return nil
}

// SessionDenied reports whether a session is on the deny list; see
// [store.Revocations].
func (s *Store) SessionDenied(ctx context.Context, sid string) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	_, denied := s.denials[sid]
	return denied, nil
}

// DeleteExpiredDenials forgets the sessions whose time has passed; see
// [store.Revocations]. A store that goes on ending sessions needs no call of it.
func (s *Store) DeleteExpiredDenials(ctx context.Context, before time.Time) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.forgetDenials(before, len(s.denials)), nil
}

// forgetDenials looks at n of the denials and forgets those whose time is not
// after before.
func (s *Store) forgetDenials(before time.Time, n int) (gone int) {
	for sid, until := range s.denials {
		if n == 0 {
			break
		}
		n--
		if !until.After(before) {
			delete(s.denials, sid)
			gone++
		}
	}
	return gone
}
