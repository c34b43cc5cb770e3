package stores_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	_ "modernc.org/sqlite"             // the driver "sqlite"

	"github.com/sallyport-go/sallyport/store/sqlstore"
)

// place is a database that a test has to itself, and that is gone afterwards.
type place struct {
	driver, dsn string
	config      sqlstore.Config
}

// both runs a test on SQLite and on PostgreSQL.
func both(t *testing.T, test func(t *testing.T, p *place)) {
	t.Helper()
	for name, find := range map[string]func(*testing.T) *place{"SQLite": inSQLite, "PostgreSQL": inPostgres} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, find(t))
		})
	}
}

const pragmas = "?_txlock=immediate&_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)"

// inSQLite is a file of its own.
func inSQLite(t *testing.T) *place {
	t.Helper()
	return &place{
		driver: "sqlite", dsn: "file:" + filepath.ToSlash(filepath.Join(t.TempDir(), "auth.db")) + pragmas,
		config: sqlstore.Config{Dialect: sqlstore.SQLite, Passwords: quick(t, 64)},
	}
}

// inPostgres is a schema of its own.
func inPostgres(t *testing.T) *place {
	t.Helper()
	p := &place{driver: "pgx", dsn: postgres(t), config: sqlstore.Config{Dialect: sqlstore.PostgreSQL, Passwords: quick(t, 64)}}
	schema := "sallyport_test_" + strings.ToLower(rand.Text())
	admin := *p
	admin.run(t, admin.db(t), "CREATE SCHEMA "+schema)
	t.Cleanup(func() {
		db, err := sql.Open(admin.driver, admin.dsn)
		if err == nil {
			defer db.Close()
			_, err = db.ExecContext(context.WithoutCancel(t.Context()), "DROP SCHEMA "+schema+" CASCADE")
		}
		if err != nil {
			t.Errorf("cleaning up: %v", err)
		}
	})
	p.set(t, "search_path", schema)
	return p
}

// postgres is the address of a server that others may use at the same time.
// Where there is none the test is skipped, or fails if
// SALLYPORT_REQUIRE_SERVICES is set.
func postgres(t *testing.T) string {
	t.Helper()
	dsn := os.Getenv("SALLYPORT_POSTGRES")
	if dsn == "" {
		dsn = "postgres://postgres@127.0.0.1:5432/test?sslmode=disable"
	}
	address, err := url.Parse(dsn)
	if err != nil {
		t.Fatal("SALLYPORT_POSTGRES is no URL") // which may have a password in it
	}
	if err := answers(dsn); err != nil {
		if os.Getenv("SALLYPORT_REQUIRE_SERVICES") != "" {
			t.Fatalf("no PostgreSQL at %s, and SALLYPORT_REQUIRE_SERVICES is set: %v", address.Host, err)
		}
		t.Skipf("skipped: no PostgreSQL at %s", address.Host) //nolint:forbidigo // this is the place
	}
	return dsn
}

// answers is asked once for all tests.
func answers(dsn string) error {
	asked.Do(func() {
		db, err := sql.Open("pgx", dsn)
		if err == nil {
			defer db.Close()
			err = db.PingContext(context.Background())
		}
		errAsked = err
	})
	return errAsked
}

var (
	asked    sync.Once
	errAsked error
)

// set changes a setting of PostgreSQL for all connections that are made from now
// on.
func (p *place) set(t *testing.T, name, value string) {
	t.Helper()
	address, err := url.Parse(p.dsn)
	must(t, err)
	query := address.Query()
	query.Set(name, value)
	address.RawQuery = query.Encode()
	p.dsn = address.String()
}

// with is the same place under another DSN.
func (p *place) with(old, replacement string) *place {
	other := *p
	other.dsn = strings.ReplaceAll(p.dsn, old, replacement)
	return &other
}

// db opens the database, until the test ends.
func (p *place) db(t testing.TB) *sql.DB {
	t.Helper()
	db, err := sql.Open(p.driver, p.dsn)
	must(t, err)
	db.SetMaxOpenConns(12)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// store makes the tables and opens a store.
func (p *place) store(t testing.TB, db *sql.DB) *sqlstore.Store {
	t.Helper()
	must(t, sqlstore.Migrate(t.Context(), db, p.config))
	s, err := sqlstore.Open(t.Context(), db, p.config)
	must(t, err)
	return s
}

// run runs statements that are no affair of the store.
func (*place) run(t testing.TB, db *sql.DB, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}
