package databases_test

import (
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	_ "github.com/lib/pq" // the driver "postgres"

	"github.com/sallyport-go/sallyport/examples/internal/postgrestest"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/sqlstore"
)

// Behind a pooler that gives each transaction another connection, a driver works or
// Open says which setting mends it.
func TestFaultC3PgBouncer(t *testing.T) {
	t.Parallel()
	direct := inPostgres(t)
	withAda(t, direct)
	pooled := map[string]string{}
	for _, mode := range []string{"transaction", "session"} {
		pooled[mode] = postgrestest.PgBouncer(t, direct.dsn, mode)
	}
	for _, test := range []struct {
		name, driver, mode, setting string
		refused                     bool
	}{
		{"pgx as it is, by transaction", "pgx", "transaction", "", true},
		{"lib/pq as it is, by transaction", "postgres", "transaction", "", true},
		{"pgx with the advised setting, by transaction", "pgx", "transaction", "&default_query_exec_mode=exec", false},
		{"lib/pq with the advised setting, by transaction", "postgres", "transaction", "&binary_parameters=yes", false},
		{"pgx as it is, by session", "pgx", "session", "", false},
		{"lib/pq as it is, by session", "postgres", "session", "", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			db, err := sql.Open(test.driver, pooled[test.mode]+test.setting)
			must(t, err)
			t.Cleanup(func() { _ = db.Close() })
			db.SetMaxOpenConns(8)
			if test.refused {
				refuses(t, db, direct.config, "default_query_exec_mode=exec", "binary_parameters=yes", "pool_mode=session")
				if err := sqlstore.Migrate(t.Context(), db, direct.config); !contains(err, "pool_mode=session") {
					t.Errorf("Migrate: %v", err)
				}
				return
			}
			s, err := sqlstore.Open(t.Context(), db, direct.config)
			must(t, err)
			var callers sync.WaitGroup
			for caller := range 6 {
				callers.Go(func() {
					for round := range 20 {
						if err := story(t, s, fmt.Sprint(test.name, caller, round)); err != nil {
							t.Error(err)
							return
						}
					}
				})
			}
			callers.Wait()
		})
	}
}

// story logs in, and opens, advances, reads and ends a session.
func story(t *testing.T, s *sqlstore.Store, id string) error {
	t.Helper()
	ctx := t.Context()
	u, err := s.Authenticate(ctx, "ada", adas)
	if err != nil || u.ID != ada.ID {
		return fmt.Errorf("Authenticate: %+v, %w", u, err)
	}
	n := session(id, 1)
	n.UserID = u.ID
	if err := s.CreateSession(ctx, n); err != nil {
		return err
	}
	if err := s.AdvanceSession(ctx, id, 1, noon.Add(time.Minute), noon.Add(time.Hour)); err != nil {
		return err
	}
	if err := s.AdvanceSession(ctx, id, 1, noon.Add(time.Minute), noon.Add(time.Hour)); !errors.Is(err, store.ErrConflict) {
		return fmt.Errorf("a second advance: %w", err)
	}
	if err := s.RevokeSession(ctx, id, noon.Add(time.Minute)); err != nil {
		return err
	}
	got, err := s.Session(ctx, id)
	if err != nil || got.ID != id || got.Generation != 2 || got.RevokedAt.IsZero() {
		return fmt.Errorf("the session is %+v, %w", got, err)
	}
	k := store.APIKey{ID: id, Owner: store.Owner{ID: u.ID}, Digest: store.Digest([]byte(fmt.Sprintf("%032s", rand.Text()))), CreatedAt: noon, Scopes: []string{"read"}}
	if err := s.CreateAPIKey(ctx, k); err != nil {
		return err
	}
	if found, err := s.APIKey(ctx, k.Digest); err != nil || found.ID != id || found.Digest != k.Digest {
		return fmt.Errorf("the key is %+v, %w", found, err)
	}
	if _, err := s.Session(ctx, id+"?"); !errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("a session that is not there: %w", err)
	}
	return nil
}
