package memstore

import (
	"context"
	"fmt"
	"slices"

	"github.com/sallyport-go/sallyport/store"
)

// Client returns the client with this ID; see [store.Clients].
func (s *Store) Client(ctx context.Context, id string) (store.Client, error) {
	if err := ctx.Err(); err != nil {
		return store.Client{}, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	found, ok := s.clients[id]
	if !ok {
		return store.Client{}, store.ErrNotFound
	}
	return cloned(found), nil
}

// SetClient registers a client, or replaces the one with the same ID. It keeps a
// copy of c. It returns the error of [store.Client.Check], wrapped, if c is
// invalid, or the context's.
func (s *Store) SetClient(ctx context.Context, c store.Client) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := c.Check(); err != nil {
		return fmt.Errorf("memstore: SetClient: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clients[c.ID] = cloned(c)
	return nil
}

// RemoveClient deletes the client with this ID. Logins and refreshes through it
// are rejected from then on. It returns [store.ErrNotFound] if there is no such
// client.
func (s *Store) RemoveClient(ctx context.Context, id string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.clients[id]; !ok {
		return fmt.Errorf("memstore: RemoveClient: %w", store.ErrNotFound)
	}
	delete(s.clients, id)
	return nil
}

func cloned(c store.Client) store.Client {
	c.Secrets, c.Grants, c.Scopes = slices.Clone(c.Secrets), slices.Clone(c.Grants), slices.Clone(c.Scopes)
	return c
}
