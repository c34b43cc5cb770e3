package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"github.com/redis/go-redis/v9"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/memstore"
	"github.com/sallyport-go/sallyport/store/redisstore"
	"github.com/sallyport-go/sallyport/store/sqlstore"
)

// shelf is where the quick start keeps what it has to remember.
type shelf struct {
	store       store.Store
	apiKeys     store.APIKeys
	revocations store.Revocations
	addUser     func(ctx context.Context, u store.User, password string) error
	close       func() error
}

// open returns the shelf that -store names.
func open(ctx context.Context, where string) (shelf, error) {
	kind, rest, _ := strings.Cut(where, ":")
	file := "file:" + (&url.URL{Path: rest}).EscapedPath()
	switch kind {
	case "memory":
		return inMemory()
	case "sqlite":
		return inSQL(ctx, sqlstore.SQLite, "sqlite", file+"?_txlock=immediate&_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	case "postgres", "postgresql":
		return inSQL(ctx, sqlstore.PostgreSQL, "pgx", where)
	case "redis", "rediss":
		return onRedis(ctx, where)
	}
	// what it has instead is not repeated, for there may be a password in it
	return shelf{}, errors.New("-store wants memory, sqlite:FILE, or the URL of a PostgreSQL or a Redis")
}

func inMemory() (shelf, error) {
	s, err := memstore.New(memstore.Config{})
	if err != nil {
		return shelf{}, err
	}
	return shelf{store: s, apiKeys: s, revocations: s, addUser: s.AddUser, close: func() error { return nil }}, nil
}

func inSQL(ctx context.Context, dialect sqlstore.Dialect, driver, dsn string) (shelf, error) {
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return shelf{}, err
	}
	db.SetMaxOpenConns(16) // PostgreSQL has a hundred, for all nodes
	config := sqlstore.Config{Dialect: dialect}
	if err := sqlstore.Migrate(ctx, db, config); err != nil {
		return shelf{}, errors.Join(err, db.Close())
	}
	s, err := sqlstore.Open(ctx, db, config)
	if err != nil {
		return shelf{}, errors.Join(err, db.Close())
	}
	return shelf{store: s, apiKeys: s, revocations: s, addUser: s.AddUser, close: db.Close}, nil
}

// onRedis keeps sessions and API keys on Redis. The users are in memory beside
// it, and the same again after a restart; a real host has them in its database.
func onRedis(ctx context.Context, address string) (shelf, error) {
	memory, err := memstore.New(memstore.Config{})
	if err != nil {
		return shelf{}, err
	}
	users := sameUsers{memory}
	options, err := redisstore.Options(address)
	if err != nil {
		return shelf{}, err
	}
	client := redis.NewClient(options)
	s, err := redisstore.New(ctx, client, redisstore.Config{Users: users, Prefix: "quickstart:"})
	if err != nil {
		return shelf{}, errors.Join(err, client.Close())
	}
	return shelf{store: s, apiKeys: s, revocations: s, addUser: users.AddUser, close: client.Close}, nil
}

// sameUsers are users who are added anew at each start, with the same password.
// The memory store would give each of them another CredentialVersion, and so end
// the sessions that Redis has kept.
type sameUsers struct{ *memstore.Store }

func (s sameUsers) Authenticate(ctx context.Context, login, password string) (store.User, error) {
	u, err := s.Store.Authenticate(ctx, login, password)
	u.CredentialVersion = demoVersion
	return u, err
}

func (s sameUsers) User(ctx context.Context, id string) (store.User, error) {
	u, err := s.Store.User(ctx, id)
	u.CredentialVersion = demoVersion
	return u, err
}

// seed adds the demo users who are not there yet.
func (s shelf) seed(ctx context.Context) error {
	for _, u := range demoUsers {
		if err := s.addUser(ctx, u, demoPassword); err != nil && !errors.Is(err, store.ErrConflict) {
			return fmt.Errorf("user %s: %w", u.Login, err)
		}
	}
	return nil
}
