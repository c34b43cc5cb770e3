package sqlschema

import (
	"context"
	"database/sql"
)

const leastPostgres = 13

// settings returns all defects in the settings of the database and the
// connection.
func (i inspection) settings(ctx context.Context) []error {
	switch i.Dialect {
	case SQLite:
		return i.sqliteSettings(ctx)
	case MySQL:
		return i.mysqlSettings(ctx)
	default:
		return i.postgresSettings(ctx)
	}
}

func (i inspection) sqliteSettings(ctx context.Context) (errs []error) {
	var file sql.NullString
	var journal string
	var synchronous, patience int
	for _, setting := range []struct {
		query string
		value any
	}{
		{"SELECT file FROM pragma_database_list WHERE name = 'main'", &file},
		{"PRAGMA journal_mode", &journal},
		{"PRAGMA synchronous", &synchronous},
		{"PRAGMA busy_timeout", &patience},
	} {
		if err := i.conn.QueryRowContext(ctx, setting.query).Scan(setting.value); err != nil {
			return []error{i.silent(err)}
		}
	}
	wrong := func(format string, args ...any) {
		errs = append(errs, i.errorf("SQLite: "+format, args...))
	}
	if file.String == "" { // no other process uses it, and it ends with this one
		if !i.alone {
			wrong("a database in memory is each connection's own: call db.SetMaxOpenConns(1)")
		}
		return errs
	}
	if journal != "wal" {
		wrong("journal_mode is %q: readers and writers would shut each other out; add _pragma=journal_mode(WAL) to the DSN", journal)
	}
	if synchronous < 2 {
		wrong("synchronous is %d: what was confirmed would be lost with the power; add _pragma=synchronous(FULL) to the DSN", synchronous)
	}
	if patience == 0 {
		wrong("busy_timeout is 0: writers would fail instead of taking turns; add _pragma=busy_timeout(5000) to the DSN, where it is for every connection")
	}
	return errs
}

func (i inspection) postgresSettings(ctx context.Context) (errs []error) {
	var version int
	var replica bool
	var readOnly, encoding, commit, isolation string
	err := i.conn.QueryRowContext(ctx, "SELECT current_setting('server_version_num')::int / 10000, pg_is_in_recovery(), "+
		"current_setting('transaction_read_only'), current_setting('server_encoding'), current_setting('synchronous_commit'), current_setting('transaction_isolation')",
	).Scan(&version, &replica, &readOnly, &encoding, &commit, &isolation)
	if err != nil {
		return []error{i.silent(err)}
	}
	wrong := func(format string, args ...any) {
		errs = append(errs, i.errorf("PostgreSQL: "+format, args...))
	}
	if version < leastPostgres {
		wrong("must be version %d or newer, got %d", leastPostgres, version)
	}
	switch {
	case replica:
		wrong("this is a replica, which lags and takes no writes: connect to the primary")
	case readOnly != "off":
		wrong("transactions are read-only: set default_transaction_read_only=off")
	}
	if encoding != "UTF8" {
		wrong("the database's encoding is %s, which cannot store every text: create it with ENCODING 'UTF8'", encoding)
	}
	if i.ReadCommitted && isolation != "read committed" {
		wrong("the isolation is %s: callers who charge one counter would fail instead of taking turns; set default_transaction_isolation='read committed'", isolation)
	}
	if commit == "off" {
		wrong("synchronous_commit is off: what was confirmed would be lost in a crash; set synchronous_commit=on")
	}
	return errs
}

// silent wraps an error of the first query.
func (i inspection) silent(err error) error {
	return i.errorf("Config.Dialect is %s, but the database does not answer as one: %w", i.Dialect, err)
}
