package memstore

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/store"
)

type key struct{ store.APIKey }

// out returns a copy for a caller.
func (k *key) out() store.APIKey {
	c := k.APIKey
	c.Scopes = slices.Clone(k.Scopes)
	return c
}

// CreateAPIKey adds a key; see [store.APIKeys]. When its user has as many keys
// as they may, those that have expired are forgotten.
func (s *Store) CreateAPIKey(ctx context.Context, k store.APIKey) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keys[k.ID] != nil || s.digests[k.Digest] != nil {
		return store.ErrConflict
	}
	if len(s.owned[k.UserID]) >= s.maxKeys {
		s.forgetKeys(k.UserID)
	}
	if n := len(s.owned[k.UserID]); n >= s.maxKeys {
		return fmt.Errorf("memstore: the user has %d keys, and Config.MaxKeys is no more", n)
	}
	added := &key{k}
	added.Scopes = slices.Clone(k.Scopes)
	s.keys[k.ID], s.digests[k.Digest] = added, added
	s.owned[k.UserID] = append(s.owned[k.UserID], added)
	return nil
}

// forgetKeys forgets a user's keys that have expired.
func (s *Store) forgetKeys(userID string) {
	now := s.now()
	s.owned[userID] = slices.DeleteFunc(s.owned[userID], func(k *key) bool {
		expired := !k.ExpiresAt.IsZero() && !k.ExpiresAt.After(now)
		if expired {
			delete(s.keys, k.ID)
			delete(s.digests, k.Digest)
		}
		return expired
	})
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

// UserAPIKeys returns a user's keys that are not revoked, oldest first; see
// [store.APIKeys].
func (s *Store) UserAPIKeys(ctx context.Context, userID string) ([]store.APIKey, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	var live []store.APIKey
	for _, k := range s.owned[userID] {
		if k.RevokedAt.IsZero() {
			live = append(live, k.out())
		}
	}
	slices.SortFunc(live, func(a, b store.APIKey) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), strings.Compare(a.ID, b.ID))
	})
	return live, nil
}

// UseAPIKey notes that a key was used; see [store.APIKeys].
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

// RevokeAPIKey ends a key; see [store.APIKeys].
func (s *Store) RevokeAPIKey(ctx context.Context, id string, at time.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if found := s.keys[id]; found != nil && found.RevokedAt.IsZero() {
		found.RevokedAt = at
	}
	return nil
}
