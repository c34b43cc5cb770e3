package databases_test

import (
	"context"
	"errors"
	"testing"

	"github.com/sallyport-go/sallyport/internal/proxytest"
	"github.com/sallyport-go/sallyport/internal/skip"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/sqlstore"
	"github.com/sallyport-go/sallyport/store/storetest"
)

// On a server it is quicker without SALLYPORT_LONG: there are fewer connections, and fewer
// rows in the rules that make many.
func TestStore(t *testing.T) {
	t.Parallel()
	always(t, func(t *testing.T, p *place) {
		cut := func(f storetest.Fixture) storetest.Fixture { return f }
		if p.config.Dialect != sqlstore.SQLite { // a file has no connection to be cut
			proxy := proxytest.Start(t, p.server(t))
			p = p.with(p.server(t), proxy.Addr)
			cut = func(f storetest.Fixture) storetest.Fixture {
				f.Break = func(context.Context) (func(context.Context) error, error) {
					proxy.Down()
					return proxy.Up, nil
				}
				return f
			}
		}
		db := p.db(t) // for all rules: a connection costs a server more than a rule does
		few := p.config.Dialect != sqlstore.SQLite && !skip.IsLong()
		if few {
			db.SetMaxOpenConns(4)
		}
		s := p.store(t, db)
		storetest.Run(t, func(t *testing.T) storetest.Fixture {
			f := fixture(t, s)
			if few {
				f.Many = 100
			}
			f.Reopen = func(context.Context) (storetest.Fixture, error) { return reopened(t, p), nil }
			return cut(f)
		})
	})
}

func TestStoreInMemory(t *testing.T) {
	t.Parallel()
	skip.Long(t)
	p := inSQLite(t)
	p.dsn = ":memory:"
	db := p.db(t)
	db.SetMaxOpenConns(1)
	s := p.store(t, db)
	if err := storetest.Check(t.Context(), fixture(t, s)); err != nil {
		t.Error(err)
	}
}

// reopened is a store on a pool of its own, which is closed when it is reopened:
// nothing but the database is left of it.
func reopened(t *testing.T, p *place) storetest.Fixture {
	t.Helper()
	db := p.db(t)
	f := fixture(t, p.store(t, db))
	f.Reopen = func(context.Context) (storetest.Fixture, error) {
		if err := db.Close(); err != nil {
			return storetest.Fixture{}, err
		}
		return reopened(t, p), nil
	}
	return f
}

func fixture(t *testing.T, s *sqlstore.Store) storetest.Fixture {
	t.Helper()
	outdated := quick(t, 32)
	return storetest.Fixture{
		Store:   s,
		APIKeys: s,
		AddUser: func(ctx context.Context, u store.User, password string) (store.User, error) {
			return u, s.AddUser(ctx, u, password)
		},
		SetPassword: s.SetPassword,
		AddUserToRenew: func(ctx context.Context, u store.User, password string) (store.User, error) {
			hash, err := outdated.Hash(ctx, password)
			return u, errors.Join(err, s.AddUser(ctx, u, "none yet"), s.SetHash(ctx, u.ID, hash))
		},
		LockOut: s.RemoveUser,
		Clients: s, SetClient: s.SetClient, RemoveClient: s.RemoveClient,
		Revocations: s,
		Many:        1200, // more than a statement deletes, each a commit
	}
}
