package memstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/store"
)

type key struct{ store.APIKey }

// out returns a copy for a caller.
func (k *key) out() store.APIKey {
	return copiedKey(k.APIKey)
}

// copiedKey returns a key with slices of its own.
func copiedKey(k store.APIKey) store.APIKey {
	k.Scopes, k.Networks = slices.Clone(k.Scopes), slices.Clone(k.Networks)
	return k
}

// CreateAPIKey adds a key; see [store.APIKeys]. If its owner has Config.MaxKeys
// keys, those that have expired are deleted first. If none has, it returns an
// error that is none of package store's.
func (s *Store) CreateAPIKey(ctx context.Context, k store.APIKey) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keys[k.ID] != nil || s.digests[k.Digest] != nil {
		return store.ErrConflict
	}
	if len(s.owned[k.Owner]) >= s.maxKeys {
		s.forgetKeys(k.Owner)
	}
	if n := len(s.owned[k.Owner]); n >= s.maxKeys {
		return fmt.Errorf("memstore: the owner has %d keys, and Config.MaxKeys is no more", n)
	}
	added := &key{copiedKey(k)}
	s.keys[k.ID], s.digests[k.Digest] = added, added
	s.owned[k.Owner] = append(s.owned[k.Owner], added)
	return nil
}

// forgetKeys deletes an owner's keys that have expired.
func (s *Store) forgetKeys(owner store.Owner) {
	now := s.now()
	s.forgetKeysWhere(owner, func(k *key) bool { return passed(k.ExpiresAt, now) })
}

// forgetKeysWhere deletes the unwanted keys of an owner, and returns how many that
// was.
func (s *Store) forgetKeysWhere(owner store.Owner, unwanted func(k *key) bool) (gone int) {
	left := slices.DeleteFunc(s.owned[owner], func(k *key) bool {
		if !unwanted(k) {
			return false
		}
		delete(s.keys, k.ID)
		delete(s.digests, k.Digest)
		gone++
		return true
	})
	s.owned[owner] = left
	if len(left) == 0 {
		delete(s.owned, owner)
	}
	return gone
}

// passed reports whether an end is set and is not after before.
func passed(end, before time.Time) bool { return !end.IsZero() && !end.After(before) }

func (k *key) ended(before time.Time) bool {
	return passed(k.ExpiresAt, before) || passed(k.RevokedAt, before)
}

// APIKey returns the key with this digest; see [store.APIKeys].
func (s *Store) APIKey(ctx context.Context, digest store.Digest) (store.APIKey, error) {
	if err := ctx.Err(); err != nil {
		return store.APIKey{}, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	found := s.digests[digest]
	if found == nil {
		return store.APIKey{}, store.ErrNotFound
	}
	return found.out(), nil
}

// APIKeyByID returns the key with this ID; see [store.APIKeys].
func (s *Store) APIKeyByID(ctx context.Context, id string) (store.APIKey, error) {
	if err := ctx.Err(); err != nil {
		return store.APIKey{}, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	found := s.keys[id]
	if found == nil {
		return store.APIKey{}, store.ErrNotFound
	}
	return found.out(), nil
}

// OwnerAPIKeys returns a page of an owner's keys that are not revoked, the newest
// first; see [store.APIKeys].
func (s *Store) OwnerAPIKeys(ctx context.Context, owner store.Owner, after store.Cursor, limit int) ([]store.APIKey, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	var live []store.APIKey
	for _, k := range s.owned[owner] {
		if k.RevokedAt.IsZero() && !after.Passed(k.CreatedAt, k.ID) {
			live = append(live, k.APIKey)
		}
	}
	slices.SortFunc(live, func(a, b store.APIKey) int {
		return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), strings.Compare(b.ID, a.ID))
	})
	live = live[:min(limit, len(live))]
	for i := range live {
		live[i] = copiedKey(live[i])
	}
	return live, nil
}

// UseAPIKey records that a key was used; see [store.APIKeys].
func (s *Store) UseAPIKey(ctx context.Context, id string, at time.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if found := s.keys[id]; found != nil && at.After(found.LastUsedAt) {
		found.LastUsedAt = at
	}
	return nil
}

// ReplaceAPIKey names the successor of a key; see [store.APIKeys]. It returns an error
// if until is zero.
func (s *Store) ReplaceAPIKey(ctx context.Context, id, from, successor string, until time.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if until.IsZero() {
		return errors.New("memstore: ReplaceAPIKey: until must not be zero: the key would never expire")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	found := s.keys[id]
	switch {
	case found == nil:
		return store.ErrNotFound
	case !found.RevokedAt.IsZero() || found.Successor != from:
		return store.ErrConflict
	}
	found.Successor = successor
	if found.ExpiresAt.IsZero() || until.Before(found.ExpiresAt) {
		found.ExpiresAt = until
	}
	return nil
}

// RevokeAPIKey ends a key; see [store.APIKeys]. It returns an error if at is
// zero.
func (s *Store) RevokeAPIKey(ctx context.Context, id string, at time.Time) error {
	if err := revocable(ctx, at); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if found := s.keys[id]; found != nil && found.RevokedAt.IsZero() {
		found.RevokedAt = at
	}
	return nil
}

// DeleteExpiredAPIKeys deletes the keys that expired or were revoked by before;
// see [store.APIKeys]. It deletes in batches of about 1000, and other calls may
// run between them.
func (s *Store) DeleteExpiredAPIKeys(ctx context.Context, before time.Time) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	owners := s.ownersOfEnded(before)
	ended := func(k *key) bool { return k.ended(before) }
	return s.inBatches(ctx, func(n int) (gone int) {
		for gone < n && len(owners) > 0 {
			gone += s.forgetKeysWhere(owners[0], ended)
			owners = owners[1:]
		}
		return gone
	})
}

// ownersOfEnded returns the owners who have keys that have ended, each once.
func (s *Store) ownersOfEnded(before time.Time) (owners []store.Owner) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for owner, keys := range s.owned {
		if slices.ContainsFunc(keys, func(k *key) bool { return k.ended(before) }) {
			owners = append(owners, owner)
		}
	}
	return owners
}
