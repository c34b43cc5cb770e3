package main

import (
	"cmp"
	"context"
	"errors"
	"iter"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/redisstore"
	"github.com/sallyport-go/sallyport/store/sqlstore"
)

// storeHelp is in the help of each command that needs a store.
const storeHelp = "sqlite:FILE, or the URL of a PostgreSQL, MariaDB or Redis server. Without it: $$SALLYPORT_STORE, or the configuration. No password in it."

// storeFlags say where the store is.
type storeFlags struct {
	Store       string `placeholder:"URL" group:"Store:" help:"${store}"`
	StoreFile   string `placeholder:"FILE" group:"Store:" help:"File whose first line is the URL of the store; a password may be in it."`
	StorePrefix string `placeholder:"NAME" group:"Store:" help:"Prefix of the store's tables or keys, as in the host's Config (sallyport_, or sallyport: on Redis)."`
	HostUsers   bool   `group:"Store:" help:"The users are in a table of the host's own (Config.Users of sqlstore)."`
}

// kept is what an Authority needs of a store.
type kept interface {
	store.Store
	store.APIKeys
	store.Revocations
}

// records are what a store keeps, whichever it is.
type records interface {
	kept
	UsersWithSessions(ctx context.Context) iter.Seq2[string, error]
}

// storage is an open store.
type storage struct {
	records

	place  place
	sql    *sqlstore.Store // nil on Redis
	ownsNo bool            // it keeps no users
	close  func() error
}

// workers is how many connections a command uses.
const workers = 4

// sqlConfig returns the Config of a store in SQL.
func (f storeFlags) sqlConfig(dialect sqlstore.Dialect, from address) sqlstore.Config {
	c := sqlstore.Config{Dialect: dialect, Prefix: cmp.Or(f.StorePrefix, from.Prefix)}
	if f.HostUsers || from.HostUsers {
		c.Users = unseen{}
	}
	return c
}

// storePlace returns where the store is.
func (f storeFlags) storePlace(p *process, c *configuration) (place, error) {
	return p.locate("store", f.Store, f.StoreFile, "SALLYPORT_STORE", c.Store)
}

// open opens the store that the flags, the environment or the configuration name.
func (f storeFlags) open(ctx context.Context, p *process, c *configuration) (*storage, error) {
	at, err := f.storePlace(p, c)
	if err != nil {
		return nil, err
	}
	if at.isRedis() {
		client, err := at.redisClient()
		if err != nil {
			return nil, err
		}
		s, err := redisstore.New(ctx, client, redisstore.Config{Users: unseen{}, Prefix: cmp.Or(f.StorePrefix, c.Store.Prefix)})
		if err != nil {
			return nil, errors.Join(err, client.Close())
		}
		return &storage{records: s, place: at, ownsNo: true, close: client.Close}, nil
	}
	db, dialect, err := at.database(toUse)
	if err != nil {
		return nil, err
	}
	config := f.sqlConfig(dialect, c.Store)
	s, err := sqlstore.Open(ctx, db, config)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &storage{records: s, place: at, sql: s, ownsNo: config.Users != nil, close: db.Close}, nil
}

// unseen are users that only the host knows.
type unseen struct{}

var errUnseen = errors.New("the users are in the host's own database, which this program does not know")

func (unseen) Authenticate(_ context.Context, _, _ string) (store.User, error) {
	return store.User{}, errUnseen
}

func (unseen) User(context.Context, string) (store.User, error) { return store.User{}, errUnseen }
