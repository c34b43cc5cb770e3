package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport-go/sallyport/store"
)

const (
	clientColumns = "id, name, secrets, grants, scopes, refresh_policy, grace"
	maxGrace      = 300 * time.Second
)

type clientSQL struct{ read, set, remove string }

func newClientSQL(f flavour) clientSQL {
	return clientSQL{
		read: f.sql("SELECT " + clientColumns + " FROM sallyport_clients WHERE id = $1"),
		set: f.sql("INSERT INTO sallyport_clients (" + clientColumns + ") VALUES ($1, $2, $3, $4, $5, $6, $7) " +
			"ON CONFLICT (id) DO UPDATE SET name = excluded.name, secrets = excluded.secrets, grants = excluded.grants, " +
			"scopes = excluded.scopes, refresh_policy = excluded.refresh_policy, grace = excluded.grace"),
		remove: f.sql("DELETE FROM sallyport_clients WHERE id = $1"),
	}
}

// Client returns the client with this ID; see [store.Clients].
func (s *Store) Client(ctx context.Context, id string) (store.Client, error) {
	return one(ctx, s.db, "Client", scanClient, s.client.read, id)
}

// SetClient registers a client, or replaces what is known of the one with c.ID.
// It fails, naming all that is wrong at once, if the ID is empty, the policy is
// none of package store's, or the grace is negative or more than 300 s.
func (s *Store) SetClient(ctx context.Context, c store.Client) error {
	if err := checkClient(c); err != nil {
		return err
	}
	_, err := s.exec(ctx, "SetClient", s.client.set,
		c.ID, c.Name, hexes(c.Secrets), array(c.Grants), array(c.Scopes), string(c.Refresh), int64(c.Grace))
	return err
}

// RemoveClient forgets the client with this ID, through which nobody logs in or
// refreshes from then on. ErrNotFound if there is no such client.
func (s *Store) RemoveClient(ctx context.Context, id string) error {
	rows, err := s.exec(ctx, "RemoveClient", s.client.remove, id)
	if err == nil && rows == 0 {
		return fmt.Errorf("sqlstore: RemoveClient: %w", store.ErrNotFound)
	}
	return err
}

func checkClient(c store.Client) error {
	var errs []error
	if c.ID == "" {
		errs = append(errs, errors.New("sqlstore: SetClient: a client wants an ID"))
	}
	switch c.Refresh {
	case "", store.RefreshNone, store.RefreshRotate, store.RefreshStrict:
	default:
		errs = append(errs, fmt.Errorf("sqlstore: SetClient: Refresh: wants one of the policies of package store, has %q", c.Refresh))
	}
	if c.Grace < 0 || c.Grace > maxGrace {
		errs = append(errs, fmt.Errorf("sqlstore: SetClient: Grace: wants 0 to %v, has %v", maxGrace, c.Grace))
	}
	return errors.Join(errs...)
}

func scanClient(r row) (store.Client, error) {
	var c store.Client
	var policy string
	var grace int64
	err := r.Scan(&c.ID, &c.Name, digests{&c.Secrets}, list{&c.Grants}, list{&c.Scopes}, &policy, &grace)
	c.Refresh, c.Grace = store.RefreshPolicy(policy), time.Duration(grace)
	return c, err
}
