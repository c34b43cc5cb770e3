package memstore

import (
	"context"
	"time"
)

// sweepDenials is how many denials are checked for each one that is added. They
// are checked in no order, so at most about an eighth of them has expired if they
// come and go evenly.
const sweepDenials = 8

// DenySession puts a session on the deny list; see [store.Revocations]. It also
// deletes up to 8 denials that have expired.
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

// DenySessions puts sessions on the deny list; see [store.Revocations]. It also
// deletes up to 8 denials that have expired for each of them.
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
// [store.Revocations]. A denial that has expired counts until it is deleted.
func (s *Store) SessionDenied(ctx context.Context, sid string) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	_, denied := s.denials[sid]
	return denied, nil
}

// DeleteExpiredDenials deletes the denials that have expired; see
// [store.Revocations]. It holds one lock while it reads all denials. A store that
// adds denials regularly does not need it.
func (s *Store) DeleteExpiredDenials(ctx context.Context, before time.Time) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.forgetDenials(before, len(s.denials)), nil
}

// forgetDenials checks n of the denials, and deletes those whose time is not
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
