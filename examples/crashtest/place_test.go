package crashtest_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"github.com/redis/go-redis/v9"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/sallyport-go/sallyport/examples/internal/mariadbtest"
	"github.com/sallyport-go/sallyport/examples/internal/postgrestest"
	"github.com/sallyport-go/sallyport/internal/redistest"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/passwords"
	"github.com/sallyport-go/sallyport/store/redisstore"
	"github.com/sallyport-go/sallyport/store/sqlstore"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

const (
	inSQLite   = "SQLite"
	inPostgres = "PostgreSQL"
	inMariaDB  = "MariaDB"
	inRedis    = "Redis"
)

// place is where sessions outlive the hosts that open them, and what all hosts of
// it have in common.
type place struct {
	Store   string
	DSN     string
	Timeout time.Duration // of one login or refresh
	Signing []byte
	Refresh []byte

	server server // the test's own, where it has one
}

// server is one that a test may kill.
type server interface {
	Kill()
	Run(t testing.TB) bool
	Pause()
	Resume()
}

// whose says whether a test does anything to the server of its place.
type whose string

const (
	anybodys whose = "the server may be one that others use"
	itsOwn   whose = "the server is there to be killed"
)

// each runs a test on each of the stores that outlive a process. PostgreSQL and MariaDB
// take seconds to be made and to start, so theirs are killed only if SALLYPORT_CRASHTEST is set.
func each(t *testing.T, server whose, test func(t *testing.T, p *place)) {
	t.Helper()
	stores := []string{inSQLite, inPostgres, inMariaDB, inRedis}
	if server == itsOwn && !atLength() {
		stores = []string{inSQLite, inRedis}
	}
	for _, name := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, newPlace(t, name, server))
		})
	}
}

// newPlace is an empty one, that only ada knows the way into.
func newPlace(t *testing.T, name string, server whose) *place {
	t.Helper()
	p := &place{Store: name, Timeout: patience, Signing: []byte(keys.NewSecret()), Refresh: []byte(keys.NewSecret())}
	switch name {
	case inRedis:
		// What was answered must be on the disk. With "everysec" Redis puts writes
		// off while an older one is being synced, so even a killed process, whose
		// machine lives on, would lose some.
		own := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always")
		p.server, p.DSN = own, own.URL()
		return p
	case inPostgres:
		if server == anybodys {
			p.DSN = postgrestest.Schema(t)
			break
		}
		own := postgrestest.Start(t)
		p.server, p.DSN = own, own.URL()
	case inMariaDB:
		if server == anybodys {
			p.DSN = mariadbtest.Database(t)
			break
		}
		own := mariadbtest.Start(t)
		p.server, p.DSN = own, own.DSN(t)
	case inSQLite:
		p.DSN = "file:" + filepath.ToSlash(filepath.Join(t.TempDir(), "auth.db")) +
			"?_txlock=immediate&_pragma=busy_timeout(60000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)"
	}
	db, c, err := p.database()
	must(t, err)
	defer db.Close()
	must(t, sqlstore.Migrate(t.Context(), db, c))
	s, err := sqlstore.Open(t.Context(), db, c)
	must(t, err)
	must(t, s.AddUser(t.Context(), ada, adas))
	return p
}

var ada = store.User{ID: "1", Login: "ada", Tier: "free"}

const adas = "correct horse & battery"

// onlyAda are the users of a host whose sessions are in Redis.
type onlyAda struct{}

func (onlyAda) Authenticate(ctx context.Context, login, password string) (store.User, error) {
	if login != ada.Login || password != adas {
		return store.User{}, store.ErrBadCredentials
	}
	return ada, ctx.Err()
}

func (onlyAda) User(ctx context.Context, id string) (store.User, error) {
	if id != ada.ID {
		return store.User{}, store.ErrNotFound
	}
	return ada, ctx.Err()
}

// open opens a store there.
func (p *place) open(ctx context.Context) (s store.Store, closed func(), err error) {
	if p.Store == inRedis {
		return p.openRedis(ctx)
	}
	db, c, err := p.database()
	if err != nil {
		return nil, nil, err
	}
	s, err = sqlstore.Open(ctx, db, c)
	if err != nil {
		_ = db.Close()
		return nil, nil, err
	}
	return s, func() { _ = db.Close() }, nil
}

func (p *place) openRedis(ctx context.Context) (s store.Store, closed func(), err error) {
	options, err := redisstore.Options(p.DSN)
	if err != nil {
		return nil, nil, err
	}
	options.ReadTimeout, options.WriteTimeout, options.PoolTimeout = p.Timeout, p.Timeout, p.Timeout
	client := redis.NewClient(options)
	s, err = redisstore.New(ctx, client, redisstore.Config{Users: onlyAda{}, Timeout: p.Timeout})
	if err != nil {
		_ = client.Close()
		return nil, nil, err
	}
	return s, func() { _ = client.Close() }, nil
}

// database is where p has SQL.
func (p *place) database() (*sql.DB, sqlstore.Config, error) {
	c, driver := sqlstore.Config{Dialect: sqlstore.SQLite}, "sqlite"
	switch p.Store {
	case inPostgres:
		c.Dialect, driver = sqlstore.PostgreSQL, "pgx"
	case inMariaDB:
		c.Dialect, driver = sqlstore.MySQL, "mysql"
	}
	var err error
	c.Passwords, err = passwords.New(passwords.Config{ // of no strength, for they are not what is tried
		Memory: 8, Time: 1, Threads: 1, Concurrent: 4, Queue: 1024, InsecureParameters: true,
	})
	if err != nil {
		return nil, c, err
	}
	db, err := sql.Open(driver, p.DSN)
	if err != nil {
		return nil, c, err
	}
	db.SetMaxOpenConns(12)
	db.SetMaxIdleConns(12)
	return db, c, nil
}

// direct opens a store there until the test ends, past all hosts.
func (p *place) direct(t *testing.T) store.Store {
	t.Helper()
	s, closed, err := p.open(t.Context())
	must(t, err)
	t.Cleanup(closed)
	return s
}

// starts runs the server of the place again, and waits until it has read what it
// had written.
func (p *place) starts(t *testing.T) {
	t.Helper()
	if !p.server.Run(t) {
		t.Fatal("the server does not start again")
	}
	await(t, "the server has read its data", func() bool {
		_, closed, err := p.open(t.Context())
		if err == nil {
			closed()
		}
		return err == nil
	})
}
