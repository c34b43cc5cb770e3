package sqlstore

import (
	"context"
	"fmt"
	"time"

	"github.com/sallyport-go/sallyport/store"
)

const clientColumns = "id, name, secrets, grants, scopes, refresh_policy, grace"

type clientSQL struct{ read, set, remove statement }

func newClientSQL(f flavour) clientSQL {
	const (
		insert = "INSERT INTO sallyport_clients (" + clientColumns + ") VALUES ($1, $2, $3, $4, $5, $6, $7) "
		update = "ON CONFLICT (id) DO UPDATE SET name = excluded.name, secrets = excluded.secrets, grants = excluded.grants, " +
			"scopes = excluded.scopes, refresh_policy = excluded.refresh_policy, grace = excluded.grace"
	)
	return clientSQL{
		read: f.SQL("SELECT " + clientColumns + " FROM sallyport_clients WHERE id = $1"),
		set: f.Of(insert+update, insert+update, insert+
			"ON DUPLICATE KEY UPDATE name = $2, secrets = $3, grants = $4, scopes = $5, refresh_policy = $6, grace = $7"),
		remove: f.SQL("DELETE FROM sallyport_clients WHERE id = $1"),
	}
}

// Client returns the client with this ID; see [store.Clients].
func (s *Store) Client(ctx context.Context, id string) (store.Client, error) {
	return one(ctx, s.db, "Client", asked(scanClient, func(c store.Client) bool { return c.ID == id }), s.client.read, id)
}

// SetClient registers a client, or replaces the one with the same ID. It returns
// the error of [store.Client.Check], wrapped, if c is invalid.
func (s *Store) SetClient(ctx context.Context, c store.Client) error {
	if err := c.Check(); err != nil {
		return fmt.Errorf("sqlstore: SetClient: %w", err)
	}
	_, err := s.execOne(ctx, "SetClient", s.client.set,
		c.ID, c.Name, hexes(c.Secrets), array(c.Grants), array(c.Scopes), string(c.Refresh), int64(c.Grace))
	return err
}

// RemoveClient deletes the client with this ID. Logins and refreshes through it
// are rejected from then on. It returns [store.ErrNotFound] if there is no such
// client.
func (s *Store) RemoveClient(ctx context.Context, id string) error {
	rows, err := s.execOne(ctx, "RemoveClient", s.client.remove, id)
	if err == nil && rows == 0 {
		return fmt.Errorf("sqlstore: RemoveClient: %w", store.ErrNotFound)
	}
	return err
}

func scanClient(r row) (store.Client, error) {
	var c store.Client
	var policy string
	var grace int64
	err := r.Scan(&c.ID, &c.Name, digests{&c.Secrets}, list{&c.Grants}, list{&c.Scopes}, &policy, &grace)
	c.Refresh, c.Grace = store.RefreshPolicy(policy), time.Duration(grace)
	return c, err
}
