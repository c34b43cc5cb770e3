package main

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"

	"github.com/sallyport-go/sallyport/middleware/ratelimit/sqlcounters"
	"github.com/sallyport-go/sallyport/store/sqlstore"
)

// tables are those of the store, or of the counters.
type tables struct {
	of    string
	place place

	pending func(context.Context) ([]string, error)
	migrate func(context.Context) error
	names   func() ([]string, error)
	close   func() error
}

type allTables []tables

// close closes all databases.
func (all allTables) close() error {
	var errs []error
	for _, t := range all {
		errs = append(errs, t.close())
	}
	return errors.Join(errs...)
}

// openTables opens the databases of the store and of the counters, of those that are named
// and have tables. One of them must be.
func openTables(p *process, g *globals, s storeFlags, n counterFlags, how opening) (all allTables, err error) {
	config, err := p.configuration(g.Config)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, all.close())
		}
	}()
	store, unnamed := s.storePlace(p, config)
	if unnamed != nil && !errors.Is(unnamed, errUnnamed) {
		return nil, unnamed
	}
	if unnamed == nil && !store.isRedis() {
		t, err := openStoreTables(store, how, func(d sqlstore.Dialect) sqlstore.Config { return s.sqlConfig(d, config.Store) })
		if err != nil {
			return all, err
		}
		all = append(all, t)
	}
	counters, err := n.counterPlace(p, config)
	switch {
	case errors.Is(err, errUnnamed), err == nil && counters.isRedis():
	case err != nil:
		return all, err
	default:
		t, err := openCounterTables(counters, how, func(d sqlstore.Dialect) sqlcounters.Config { return n.sqlConfig(d, config.Counters) })
		if err != nil {
			return all, err
		}
		all = append(all, t)
	}
	switch {
	case len(all) > 0:
		return all, nil
	case unnamed != nil:
		return nil, unnamed
	default:
		return nil, usagef("%s is a store without tables: it needs no migration", store)
	}
}

func openStoreTables(at place, how opening, config func(sqlstore.Dialect) sqlstore.Config) (tables, error) {
	db, dialect, err := at.database(how)
	c := config(dialect)
	return tables{
		of: "store", place: at,
		pending: func(ctx context.Context) ([]string, error) { return sqlstore.Pending(ctx, db, c) },
		migrate: func(ctx context.Context) error { return sqlstore.Migrate(ctx, db, c) },
		names:   func() ([]string, error) { return names(sqlstore.Migrations(c)) },
	}.on(db, how, err)
}

func openCounterTables(at place, how opening, config func(sqlstore.Dialect) sqlcounters.Config) (tables, error) {
	db, dialect, err := at.database(how)
	c := config(dialect)
	return tables{
		of: "counters", place: at,
		pending: func(ctx context.Context) ([]string, error) { return sqlcounters.Pending(ctx, db, c) },
		migrate: func(ctx context.Context) error { return sqlcounters.Migrate(ctx, db, c) },
		names:   func() ([]string, error) { return names(sqlcounters.Migrations(c)) },
	}.on(db, how, err)
}

// on returns the tables in a database that was opened with this error. For a dry run one
// that is not there is one without tables.
func (t tables) on(db *sql.DB, how opening, err error) (tables, error) {
	if how == toDryRun && errors.Is(err, errNoFile) {
		t.pending = func(context.Context) ([]string, error) { return t.names() }
		t.close = func() error { return nil }
		return t, nil
	}
	if err != nil {
		return t, err
	}
	t.close = db.Close
	return t, nil
}

// names returns the names of all migrations.
func names(files fs.FS, err error) ([]string, error) {
	if err != nil {
		return nil, err
	}
	return fs.Glob(files, "*")
}
