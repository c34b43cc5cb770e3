package sqlcounters_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/internal/configtest"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/ratelimit/sqlcounters"
)

var secret = []byte("test secret of thirty-two bytes!")

// database is one that fails in this way. The others are in examples/databases: this
// package brings no driver into the module of its users.
type database struct{ err error }

func (d database) Connect(context.Context) (driver.Conn, error) { return nil, d.err }
func (database) Driver() driver.Driver                          { return nil }

func open(t *testing.T, err error) *sql.DB {
	t.Helper()
	db := sql.OpenDB(database{err})
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func TestEachFieldOfAConfigIsChecked(t *testing.T) {
	t.Parallel()
	type config struct {
		sqlcounters.Config

		db *sql.DB
	}
	type of = configtest.Case[config]
	db := open(t, driver.ErrBadConn)
	good := func() config {
		return config{sqlcounters.Config{Dialect: sqlcounters.PostgreSQL, Secret: secret}, db}
	}
	tables := []of{
		{Name: "no database", Path: "db", Got: "got nil", Edit: func(c *config) { c.db = nil }},
		{Name: "no dialect", Path: "Config.Dialect", Got: "is required", Edit: func(c *config) { c.Dialect = "" }},
		{Name: "a piece of SQL", Path: "Config.Prefix", Got: `got "x; --"`, Edit: func(c *config) { c.Prefix = "x; --" }},
	}
	configtest.Run(t, "sqlcounters", good, func(c config) error {
		_, err := sqlcounters.New(c.db, c.Config)
		return err
	}, append([]of{
		{Name: "too short", Path: "Config.Secret", Got: "got 31", Edit: func(c *config) { c.Secret = secret[:31] }},
		{Name: "a lease of one", Path: "Config.Lease", Got: "got 1", Edit: func(c *config) { c.Lease = 1 }},
		{Name: "less than nothing", Path: "Config.Timeout", Got: "got -1ns", Edit: func(c *config) { c.Timeout = -1 }},
		{Name: "less than nothing", Path: "Config.ProbeEvery", Got: "got -1ns", Edit: func(c *config) { c.ProbeEvery = -1 }},
		{Name: "too few", Path: "Config.SourceCounters", Got: "got 63", Edit: func(c *config) { c.SourceCounters = 63 }},
	}, tables...))
	t.Run("Migrate", func(t *testing.T) {
		t.Parallel()
		configtest.Run(t, "sqlcounters", good, func(c config) error {
			err := sqlcounters.Migrate(t.Context(), c.db, c.Config)
			if errors.Is(err, driver.ErrBadConn) { // nothing is wrong but the server
				return nil
			}
			return err
		}, tables)
	})
}

func TestMigrations(t *testing.T) {
	t.Parallel()
	for _, dialect := range []sqlcounters.Dialect{sqlcounters.SQLite, sqlcounters.PostgreSQL, sqlcounters.MySQL} {
		files, err := sqlcounters.Migrations(sqlcounters.Config{Dialect: dialect, Prefix: "shop_"})
		if err != nil {
			t.Fatal(err)
		}
		text, err := fs.ReadFile(files, "00001_counters.sql")
		if err != nil {
			t.Fatal(err)
		}
		if s := string(text); strings.Contains(s, "sallyport_") || !strings.Contains(s, "INSERT INTO shop_counter_migrations (version) VALUES (1);\n\n-- +goose Down\n") {
			t.Errorf("%s: another prefix, or no version:\n%s", dialect, s)
		}
	}
	if files, err := sqlcounters.Migrations(sqlcounters.Config{}); files != nil || err == nil {
		t.Errorf("without a dialect: %v, %v", files, err)
	}
}

// stateError is an error with this SQLSTATE, and numberError one of MySQL.
type stateError string

func (e stateError) Error() string    { return "SQLSTATE " + string(e) }
func (e stateError) SQLState() string { return string(e) }

type numberError struct{ Number uint16 }

func (e *numberError) Error() string { return "an error of MySQL" }

// A service starts without its database, but not with one that refuses it. What the
// database says of one call does not open the circuit; that it cannot serve does.
func TestErrorsOfADatabase(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		dialect      sqlcounters.Dialect
		err          error
		stays, opens bool
	}{
		"a PostgreSQL that starts":               {sqlcounters.PostgreSQL, stateError("57P03"), false, true},
		"one with too many connections":          {sqlcounters.PostgreSQL, stateError("53300"), false, true},
		"one that refuses the password":          {sqlcounters.PostgreSQL, stateError("28P01"), true, false},
		"a connection that breaks":               {sqlcounters.PostgreSQL, driver.ErrBadConn, false, true},
		"a MariaDB that stops":                   {sqlcounters.MySQL, &numberError{1053}, false, true},
		"one that refuses the password, as well": {sqlcounters.MySQL, &numberError{1045}, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := sqlcounters.New(open(t, tt.err), sqlcounters.Config{Dialect: tt.dialect, Secret: secret})
			if tt.stays {
				if err == nil {
					t.Error("New accepts it")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			one := ratelimit.Charge{Key: "a", Cost: 1, Policy: ratelimit.Policy{Name: "free", Limit: 5, Window: time.Hour}}
			for range 6 {
				_, err = c.Take(t.Context(), []ratelimit.Charge{one}, nil)
			}
			if errors.Is(err, ratelimit.ErrCircuitOpen) != tt.opens {
				t.Errorf("after six calls: %v", err)
			}
			if _, err := c.Sweep(t.Context()); err == nil {
				t.Error("a sweep of nothing")
			}
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}
