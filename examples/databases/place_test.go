package databases_test

import (
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql" // the driver "mysql"
	_ "modernc.org/sqlite"           // the driver "sqlite"

	"github.com/sallyport-go/sallyport/examples/internal/hosttest"
	"github.com/sallyport-go/sallyport/examples/internal/mariadbtest"
	"github.com/sallyport-go/sallyport/examples/internal/postgrestest"
	"github.com/sallyport-go/sallyport/internal/skip"
	"github.com/sallyport-go/sallyport/store/sqlstore"
)

// place is a database that a test has to itself, and that is gone afterwards.
type place struct {
	driver, dsn string
	config      sqlstore.Config
}

// places are databases in each dialect. On the servers tests may take long.
var places = map[string]func(*testing.T) *place{"SQLite": inSQLite, "PostgreSQL": inPostgres, "MariaDB": inMariaDB}

// each runs a test on each of them. Without SALLYPORT_LONG that is SQLite.
func each(t *testing.T, test func(t *testing.T, p *place)) {
	t.Helper()
	eachOf(t, places, test)
}

// always runs a test on each of them, with SALLYPORT_LONG or without.
func always(t *testing.T, test func(t *testing.T, p *place)) {
	t.Helper()
	eachOf(t, map[string]func(*testing.T) *place{"SQLite": inSQLite, "PostgreSQL": onPostgres, "MariaDB": onMariaDB}, test)
}

func eachOf(t *testing.T, places map[string]func(*testing.T) *place, test func(t *testing.T, p *place)) {
	t.Helper()
	for name, find := range places {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, find(t))
		})
	}
}

const pragmas = "?_txlock=immediate&_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)"

// inSQLite is a file of its own. It lies in memory, but for as many sessions as
// SALLYPORT_SESSIONS says: how long they take is measured on the disk.
func inSQLite(t *testing.T) *place {
	t.Helper()
	folder := hosttest.MemoryFolder
	if os.Getenv("SALLYPORT_SESSIONS") != "" {
		folder = testing.TB.TempDir
	}
	return &place{
		driver: "sqlite", dsn: "file:" + filepath.ToSlash(filepath.Join(folder(t), "auth.db")) + pragmas,
		config: sqlstore.Config{Dialect: sqlstore.SQLite, Passwords: quick(t, 64)},
	}
}

// inPostgres is a schema of its own, where tests may take long.
func inPostgres(t *testing.T) *place {
	t.Helper()
	skip.Long(t)
	return onPostgres(t)
}

// inMariaDB is a database of its own, where tests may take long.
func inMariaDB(t *testing.T) *place {
	t.Helper()
	skip.Long(t)
	return onMariaDB(t)
}

// onPostgres is a schema of its own.
func onPostgres(t *testing.T) *place {
	t.Helper()
	return &place{driver: "pgx", dsn: postgrestest.Schema(t), config: sqlstore.Config{Dialect: sqlstore.PostgreSQL, Passwords: quick(t, 64)}}
}

// onMariaDB is a database of its own.
func onMariaDB(t *testing.T) *place {
	t.Helper()
	return &place{driver: "mysql", dsn: mariadbtest.Database(t), config: sqlstore.Config{Dialect: sqlstore.MySQL, Passwords: quick(t, 64)}}
}

// set changes a setting for all connections that are made from now on.
func (p *place) set(t *testing.T, name, value string) {
	t.Helper()
	if p.config.Dialect == sqlstore.MySQL {
		p.dsn += "&" + name + "=" + url.QueryEscape(value)
		return
	}
	address, err := url.Parse(p.dsn)
	must(t, err)
	query := address.Query()
	query.Set(name, value)
	address.RawQuery = query.Encode()
	p.dsn = address.String()
}

// server is where the server listens.
func (p *place) server(t *testing.T) string {
	t.Helper()
	if p.config.Dialect == sqlstore.MySQL {
		c, err := mysql.ParseDSN(p.dsn)
		must(t, err)
		return c.Addr
	}
	address, err := url.Parse(p.dsn)
	must(t, err)
	return address.Host
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
	db.SetMaxIdleConns(12)
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

// numbers is the table of the numbers n from 1.
func (p *place) numbers(many int) string {
	switch p.config.Dialect {
	case sqlstore.SQLite:
		return fmt.Sprintf("(WITH RECURSIVE up (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM up WHERE n < %d) SELECT n FROM up)", many)
	case sqlstore.MySQL:
		return fmt.Sprintf("(SELECT seq AS n FROM seq_1_to_%d) AS numbers", many) // of MariaDB alone
	default:
		return fmt.Sprintf("generate_series(1::bigint, %d) n", many)
	}
}

// run runs statements that are no affair of the store.
func (p *place) run(t testing.TB, pool *sql.DB, statements ...string) {
	t.Helper()
	db, err := pool.Conn(t.Context())
	must(t, err)
	defer db.Close()                        //nolint:errcheck // it goes back to the pool
	if p.config.Dialect == sqlstore.MySQL { // where || is OR
		_, err := db.ExecContext(t.Context(), "SET SESSION sql_mode = CONCAT(@@sql_mode, ',PIPES_AS_CONCAT')")
		must(t, err)
		defer db.ExecContext(t.Context(), "SET SESSION sql_mode = DEFAULT") //nolint:errcheck // the next test has its own
	}
	for _, statement := range statements {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}
