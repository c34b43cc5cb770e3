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
		s := p.store(t, p.db(t))
		storetest.Run(t, func(*testing.T) storetest.Fixture { return fixture(s) })
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

func fixture(s *sqlstore.Store) storetest.Fixture {
	return storetest.Fixture{
		Store:   s,
		APIKeys: s,
		AddUser: func(ctx context.Context, u store.User, password string) (store.User, error) {
			return u, s.AddUser(ctx, u, password)
		},
		LockOut: s.RemoveUser,
	}
}
