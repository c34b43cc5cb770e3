package stores_test

import (
	"context"
	"testing"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/sqlstore"
	"github.com/sallyport-go/sallyport/store/storetest"
)

func TestStore(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, p *place) {
		storetest.Run(t, func(t *testing.T) storetest.Fixture { return reopened(t, p) })
	})
}

func TestStoreInMemory(t *testing.T) {
	t.Parallel()
	p := inSQLite(t)
	p.dsn = ":memory:"
	db := p.db(t)
	db.SetMaxOpenConns(1)
	s := p.store(t, db)
	if err := storetest.Check(t.Context(), fixture(s)); err != nil {
		t.Error(err)
	}
}

// reopened is a store on a pool of its own, which is closed when it is reopened:
// nothing but the database is left of it.
func reopened(t *testing.T, p *place) storetest.Fixture {
	t.Helper()
	db := p.db(t)
	f := fixture(p.store(t, db))
	f.Reopen = func(context.Context) (storetest.Fixture, error) {
		if err := db.Close(); err != nil {
			return storetest.Fixture{}, err
		}
		return reopened(t, p), nil
	}
	return f
}

func fixture(s *sqlstore.Store) storetest.Fixture {
	return storetest.Fixture{
		Store:   s,
		APIKeys: s,
		AddUser: func(ctx context.Context, u store.User, password string) (store.User, error) {
			return u, s.AddUser(ctx, u, password)
		},
		LockOut: s.RemoveUser,
		Clients: s, SetClient: s.SetClient, RemoveClient: s.RemoveClient,
		Revocations: s,
		Many:        5000, // each a commit that waits for the disk
	}
}
