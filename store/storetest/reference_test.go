package storetest_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport-go/sallyport/store"
)

// reference is the simplest conforming store of sessions and keys there is. It is a
// second opinion beside memstore: it wraps its sentinels, gives times out in
// another zone, and empty slices for nil ones. The faulty stores of the tests are built on it, since its
// maps can be changed in ways that no method allows.
type reference struct {
	away     atomic.Bool // the database is
	mu       sync.Mutex
	sessions map[string]store.Session
	keys     map[string]store.APIKey
}

func newReference() *reference {
	return &reference{sessions: map[string]store.Session{}, keys: map[string]store.APIKey{}}
}

var nepal = time.FixedZone("Nepal", 5*3600+45*60)

func notFound(what string) error { return fmt.Errorf("reference: %s: %w", what, store.ErrNotFound) }
func conflict(what string) error { return fmt.Errorf("reference: %s: %w", what, store.ErrConflict) }

// enter is what every method begins with.
func (p *reference) enter(ctx context.Context) (leave func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("reference: %w", err)
	}
	if p.away.Load() {
		return nil, fmt.Errorf("reference: %w", errDriver)
	}
	p.mu.Lock()
	return p.mu.Unlock, nil
}

func elsewhere(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.In(nepal)
}

// edit changes a session in any way; it is what no host's store should have.
func (p *reference) edit(ctx context.Context, id string, change func(s *store.Session) error) error {
	leave, err := p.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	s, ok := p.sessions[id]
	if !ok {
		return notFound("session")
	}
	if err := change(&s); err != nil {
		return err
	}
	p.sessions[id] = s
	return nil
}

// editAll changes all sessions that the function says it has changed.
func (p *reference) editAll(ctx context.Context, change func(s *store.Session)) error {
	leave, err := p.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	for id, s := range p.sessions {
		change(&s)
		p.sessions[id] = s
	}
	return nil
}

// copied is a session with slices of its own.
func copied(s store.Session) store.Session {
	s.Scopes, s.Methods = slices.Clone(s.Scopes), slices.Clone(s.Methods)
	return s
}

// put adds or replaces a session.
func (p *reference) put(ctx context.Context, s store.Session) error {
	leave, err := p.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	s = copied(s)
	p.sessions[s.ID] = s
	return nil
}

// list returns the sessions that are wanted, in the order of a map.
func (p *reference) list(ctx context.Context, wanted func(s store.Session) bool) ([]store.Session, error) {
	leave, err := p.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	var found []store.Session
	for _, s := range p.sessions {
		if wanted(s) {
			found = append(found, copied(s))
		}
	}
	return found, nil
}

// batch is how many sessions reference deletes at a time.
const batch = 100

// drop deletes the sessions that are unwanted, some at a time.
func (p *reference) drop(ctx context.Context, unwanted func(s store.Session) bool) (n int, err error) {
	for {
		some, err := p.dropSome(ctx, batch, unwanted)
		n += some
		if err != nil || some < batch {
			return n, err
		}
	}
}

// dropSome deletes so many of them at most.
func (p *reference) dropSome(ctx context.Context, most int, unwanted func(s store.Session) bool) (n int, err error) {
	leave, err := p.enter(ctx)
	if err != nil {
		return 0, err
	}
	defer leave()
	for id, s := range p.sessions {
		if n == most {
			break
		}
		if unwanted(s) {
			delete(p.sessions, id)
			n++
		}
	}
	return n, nil
}

func (p *reference) CreateSession(ctx context.Context, s store.Session) error {
	leave, err := p.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	if _, taken := p.sessions[s.ID]; taken {
		return conflict("session")
	}
	s = copied(s)
	p.sessions[s.ID] = s
	return nil
}

func (p *reference) Session(ctx context.Context, id string) (store.Session, error) {
	leave, err := p.enter(ctx)
	if err != nil {
		return store.Session{}, err
	}
	defer leave()
	s, ok := p.sessions[id]
	if !ok {
		return store.Session{}, notFound("session")
	}
	s.Scopes, s.Methods = append([]string{}, s.Scopes...), append([]string{}, s.Methods...)
	for _, at := range []*time.Time{&s.AuthenticatedAt, &s.CreatedAt, &s.AdvancedAt, &s.IdleUntil, &s.ExpiresAt, &s.RevokedAt} {
		*at = elsewhere(*at)
	}
	return s, nil
}

func (p *reference) AdvanceSession(ctx context.Context, id string, from int64, at, idleUntil time.Time) error {
	return p.edit(ctx, id, func(s *store.Session) error {
		if s.Generation != from || !s.RevokedAt.IsZero() {
			return conflict("session")
		}
		s.Generation, s.AdvancedAt, s.IdleUntil = from+1, at, idleUntil
		return nil
	})
}

func revoke(s *store.Session, at time.Time) {
	if s.RevokedAt.IsZero() {
		s.RevokedAt = at
	}
}

// timed refuses a revocation without a time.
func timed(at time.Time) error {
	if at.IsZero() {
		return errors.New("reference: no time")
	}
	return nil
}

func (p *reference) RevokeSession(ctx context.Context, id string, at time.Time) error {
	if err := timed(at); err != nil {
		return err
	}
	err := p.edit(ctx, id, func(s *store.Session) error { revoke(s, at); return nil })
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

func (p *reference) UserSessions(ctx context.Context, userID string, after store.Cursor, limit int) ([]store.Session, error) {
	found, err := p.ofUser(ctx, userID)
	return sessionPage(found, after, limit), err
}

// ofUser returns all of a user's sessions that are not revoked, the newest first.
func (p *reference) ofUser(ctx context.Context, userID string) ([]store.Session, error) {
	found, err := p.list(ctx, func(s store.Session) bool { return s.UserID == userID && s.RevokedAt.IsZero() })
	slices.SortFunc(found, newestFirst)
	return found, err
}

func newestFirst(a, b store.Session) int {
	return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), cmp.Compare(b.ID, a.ID))
}

// sessionPage cuts a page out of a list, whose order it keeps.
func sessionPage(all []store.Session, after store.Cursor, limit int) []store.Session {
	all = slices.DeleteFunc(all, func(s store.Session) bool { return after.Passed(s.CreatedAt, s.ID) })
	return all[:min(limit, len(all))]
}

func (p *reference) RevokeUserSessions(ctx context.Context, userID, except string, at, since time.Time) ([]string, error) {
	if err := timed(at); err != nil {
		return nil, err
	}
	return p.revokeWhere(ctx, at, since, func(s store.Session) bool { return s.UserID == userID && s.ID != except })
}

// revokeWhere revokes sessions, and returns those of them that were revoked at
// since or later.
func (p *reference) revokeWhere(ctx context.Context, at, since time.Time, which func(s store.Session) bool) (ids []string, err error) {
	err = p.editAll(ctx, func(s *store.Session) {
		if !which(*s) {
			return
		}
		revoke(s, at)
		if !s.RevokedAt.Before(since) {
			ids = append(ids, s.ID)
		}
	})
	return ids, err
}

func expired(s store.Session, before time.Time) bool {
	return !s.IdleUntil.After(before) || !s.ExpiresAt.After(before)
}

func (p *reference) DeleteExpiredSessions(ctx context.Context, before time.Time) (int, error) {
	return p.drop(ctx, func(s store.Session) bool { return expired(s, before) })
}

// editKeys changes all keys in any way.
func (p *reference) editKeys(ctx context.Context, change func(k *store.APIKey)) error {
	leave, err := p.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	for id, k := range p.keys {
		change(&k)
		p.keys[id] = k
	}
	return nil
}

// putKey adds or replaces a key.
func (p *reference) putKey(ctx context.Context, k store.APIKey) error {
	leave, err := p.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	p.keys[k.ID] = copiedKey(k)
	return nil
}

// copiedKey is a key with slices of its own.
func copiedKey(k store.APIKey) store.APIKey {
	k.Scopes, k.Networks = slices.Clone(k.Scopes), slices.Clone(k.Networks)
	return k
}

// listKeys returns the keys that are wanted, the newest first.
func (p *reference) listKeys(ctx context.Context, wanted func(k store.APIKey) bool) ([]store.APIKey, error) {
	leave, err := p.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	var found []store.APIKey
	for _, k := range p.keys {
		if wanted(k) {
			found = append(found, copiedKey(k))
		}
	}
	slices.SortFunc(found, func(a, b store.APIKey) int {
		return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), cmp.Compare(b.ID, a.ID))
	})
	return found, nil
}

func (p *reference) CreateAPIKey(ctx context.Context, k store.APIKey) error {
	leave, err := p.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	for _, other := range p.keys {
		if other.ID == k.ID || other.Digest == k.Digest {
			return conflict("key")
		}
	}
	p.keys[k.ID] = copiedKey(k)
	return nil
}

func (p *reference) APIKey(ctx context.Context, digest store.Digest) (store.APIKey, error) {
	found, err := p.listKeys(ctx, func(k store.APIKey) bool { return k.Digest == digest })
	if err != nil {
		return store.APIKey{}, err
	}
	if len(found) == 0 {
		return store.APIKey{}, notFound("key")
	}
	return found[0], nil
}

func (p *reference) APIKeyByID(ctx context.Context, id string) (store.APIKey, error) {
	found, err := p.listKeys(ctx, func(k store.APIKey) bool { return k.ID == id })
	if err != nil {
		return store.APIKey{}, err
	}
	if len(found) == 0 {
		return store.APIKey{}, notFound("key")
	}
	return found[0], nil
}

func (p *reference) OwnerAPIKeys(ctx context.Context, owner store.Owner, after store.Cursor, limit int) ([]store.APIKey, error) {
	found, err := p.listKeys(ctx, func(k store.APIKey) bool { return k.Owner == owner && k.RevokedAt.IsZero() })
	return keyPage(found, after, limit), err
}

func keyPage(all []store.APIKey, after store.Cursor, limit int) []store.APIKey {
	all = slices.DeleteFunc(all, func(k store.APIKey) bool { return after.Passed(k.CreatedAt, k.ID) })
	return all[:min(limit, len(all))]
}

func (p *reference) UseAPIKey(ctx context.Context, id string, at time.Time) error {
	return p.editKeys(ctx, func(k *store.APIKey) {
		if k.ID == id && at.After(k.LastUsedAt) {
			k.LastUsedAt = at
		}
	})
}

// replaceKey replaces a key if the condition allows it.
func (p *reference) replaceKey(ctx context.Context, id string, replace func(k *store.APIKey) error) error {
	found, conflict := false, error(nil)
	err := p.editKeys(ctx, func(k *store.APIKey) {
		if k.ID == id {
			found, conflict = true, replace(k)
		}
	})
	if err == nil && !found {
		err = notFound("key")
	}
	return errors.Join(err, conflict)
}

func (p *reference) ReplaceAPIKey(ctx context.Context, id, from, successor string, until time.Time) error {
	if err := timed(until); err != nil {
		return err
	}
	return p.replaceKey(ctx, id, func(k *store.APIKey) error {
		if k.Successor != from || !k.RevokedAt.IsZero() {
			return conflict("key")
		}
		k.Successor = successor
		endBy(k, until)
		return nil
	})
}

// endBy ends a key by a time.
func endBy(k *store.APIKey, until time.Time) {
	if k.ExpiresAt.IsZero() || until.Before(k.ExpiresAt) {
		k.ExpiresAt = until
	}
}

func (p *reference) RevokeAPIKey(ctx context.Context, id string, at time.Time) error {
	if err := timed(at); err != nil {
		return err
	}
	return p.editKeys(ctx, func(k *store.APIKey) {
		if k.ID == id && k.RevokedAt.IsZero() {
			k.RevokedAt = at
		}
	})
}

// dropKeys deletes the keys that are unwanted.
func (p *reference) dropKeys(ctx context.Context, unwanted func(k store.APIKey) bool) (n int, err error) {
	leave, err := p.enter(ctx)
	if err != nil {
		return 0, err
	}
	defer leave()
	for id, k := range p.keys {
		if unwanted(k) {
			delete(p.keys, id)
			n++
		}
	}
	return n, nil
}

func passed(end, before time.Time) bool { return !end.IsZero() && !end.After(before) }

func ended(k store.APIKey, before time.Time) bool {
	return passed(k.ExpiresAt, before) || passed(k.RevokedAt, before)
}

func (p *reference) DeleteExpiredAPIKeys(ctx context.Context, before time.Time) (int, error) {
	return p.dropKeys(ctx, func(k store.APIKey) bool { return ended(k, before) })
}
