package main

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"   // the driver "mysql"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"github.com/redis/go-redis/v9"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/memstore"
	"github.com/sallyport-go/sallyport/store/passwords"
	"github.com/sallyport-go/sallyport/store/redisstore"
	"github.com/sallyport-go/sallyport/store/sqlstore"
)

// hasher hashes the passwords in memory. Nil: with the defaults. Tests that do not
// measure it have a cheap one.
var hasher *passwords.Hasher

// stores holds the store interfaces that the quick start uses, all from one backend.
type stores struct {
	store       store.Store
	apiKeys     store.APIKeys
	revocations store.Revocations
	addUser     func(ctx context.Context, u store.User, password string) error
	close       func() error
}

// open opens the backend that -store names.
func open(ctx context.Context, where string) (stores, error) {
	kind, rest, _ := strings.Cut(where, ":")
	file := "file:" + (&url.URL{Path: rest}).EscapedPath()
	switch kind {
	case "memory":
		return inMemory()
	case "sqlite":
		return inSQL(ctx, sqlstore.SQLite, "sqlite", file+"?_txlock=immediate&_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	case "postgres", "postgresql":
		return inSQL(ctx, sqlstore.PostgreSQL, "pgx", where)
	case "mysql", "mariadb":
		dsn, err := mysqlDSN(where)
		if err != nil {
			return stores{}, err
		}
		return inSQL(ctx, sqlstore.MySQL, "mysql", dsn)
	case "redis", "rediss":
		return onRedis(ctx, where)
	}
	// the error omits the value, because it may contain a password
	return stores{}, errors.New("-store must be memory, sqlite:FILE, or the URL of a PostgreSQL, MariaDB or Redis server")
}

// mysqlDSN returns the DSN of a URL such as mysql://app:secret@db.internal:3306/shop: the
// driver takes no URL.
func mysqlDSN(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", errors.New("-store: the URL of the MariaDB server is invalid") // without the value, again
	}
	c, err := mysql.ParseDSN("tcp(" + net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), "3306")) + ")" + u.EscapedPath() + "?" + u.RawQuery)
	if err != nil {
		return "", errors.New("-store: the URL of the MariaDB server has an invalid parameter")
	}
	c.User = u.User.Username()
	c.Passwd, _ = u.User.Password()
	c.InterpolateParams = true // one round trip a statement
	c.RejectReadOnly = true    // leave a server that is no longer the primary
	c.Timeout = 5 * time.Second
	return c.FormatDSN(), nil
}

func inMemory() (stores, error) {
	s, err := memstore.New(memstore.Config{Passwords: hasher})
	if err != nil {
		return stores{}, err
	}
	return stores{store: s, apiKeys: s, revocations: s, addUser: s.AddUser, close: func() error { return nil }}, nil
}

func inSQL(ctx context.Context, dialect sqlstore.Dialect, driver, dsn string) (stores, error) {
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return stores{}, err
	}
	db.SetMaxOpenConns(16) // a server has a hundred or so, for all nodes
	db.SetMaxIdleConns(16) // to open one costs a server more than a request does
	config := sqlstore.Config{Dialect: dialect}
	if err := sqlstore.Migrate(ctx, db, config); err != nil {
		return stores{}, errors.Join(err, db.Close())
	}
	s, err := sqlstore.Open(ctx, db, config)
	if err != nil {
		return stores{}, errors.Join(err, db.Close())
	}
	return stores{store: s, apiKeys: s, revocations: s, addUser: s.AddUser, close: db.Close}, nil
}

// onRedis keeps sessions and API keys on Redis. The demo users are in memory and are
// added again at each start; a real host has them in its database.
func onRedis(ctx context.Context, address string) (stores, error) {
	memory, err := memstore.New(memstore.Config{Passwords: hasher})
	if err != nil {
		return stores{}, err
	}
	users := sameUsers{memory}
	options, err := redisstore.Options(address)
	if err != nil {
		return stores{}, err
	}
	client := redis.NewClient(options)
	s, err := redisstore.New(ctx, client, redisstore.Config{Users: users, Prefix: "quickstart:"})
	if err != nil {
		return stores{}, errors.Join(err, client.Close())
	}
	return stores{store: s, apiKeys: s, revocations: s, addUser: users.AddUser, close: client.Close}, nil
}

// sameUsers returns users with a fixed CredentialVersion. The users are added again
// at each start. The memory store would give them another CredentialVersion each
// time, which would end the sessions on Redis.
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

// seed adds the demo users that do not exist.
func (s stores) seed(ctx context.Context) error {
	for _, u := range demoUsers {
		if err := s.addUser(ctx, u, demoPassword); err != nil && !errors.Is(err, store.ErrConflict) {
			return fmt.Errorf("user %s: %w", u.Login, err)
		}
	}
	return nil
}
