package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
)

// inspection checks a database on one connection.
type inspection struct {
	flavour

	conn   *sql.Conn
	config Config
	alone  bool // the pool has no other connection
}

// inspect calls look on a connection with the right settings. On SQLite settings
// belong to a connection: unless the pool has only one, it checks a second
// connection beside the first, because a setting may have been made on the first
// alone.
func inspect(ctx context.Context, db *sql.DB, c Config, look func(inspection, context.Context) error) error {
	if err := db.PingContext(ctx); err != nil {
		return unreachable(err)
	}
	alone := db.Stats().MaxOpenConnections == 1
	conns := 1
	if c.Dialect == SQLite && !alone {
		conns = 2
	}
	return beside(ctx, db, conns, func(conn *sql.Conn) error {
		i := inspection{flavour: c.flavour(), conn: conn, config: c, alone: alone}
		if err := errors.Join(i.settings(ctx)...); err != nil {
			if isPrepared(err) {
				return poolerError(err)
			}
			return err
		}
		if err := i.pooler(ctx, db); err != nil {
			return err
		}
		return look(i, ctx)
	})
}

// beside calls look on this many connections, one after the other, and keeps all
// of them until the last call returns.
func beside(ctx context.Context, db *sql.DB, conns int, look func(*sql.Conn) error) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return unreachable(err)
	}
	defer func() { _ = conn.Close() }()
	if err := look(conn); err != nil || conns == 1 {
		return err
	}
	return beside(ctx, db, conns-1, look)
}

func unreachable(err error) error {
	return fmt.Errorf("sqlstore: the database cannot be reached: is it running, and what the DSN names? %w", err)
}

// ready returns why a Store cannot use the tables.
func (i inspection) ready(ctx context.Context) error {
	applied, err := i.applied(ctx)
	if err != nil {
		return err
	}
	if len(applied) == 0 {
		return fmt.Errorf("sqlstore: the tables %s* are not there: run sqlstore.Migrate (on PostgreSQL they are looked for in those schemas of the search_path that the role may use, on MySQL in the database of the DSN)", i.prefix)
	}
	if err := i.tooNew(applied); err != nil {
		return err
	}
	for _, m := range i.config.migrations() {
		if !slices.Contains(applied, m.version) {
			return fmt.Errorf("sqlstore: the tables %s* lack %s: run sqlstore.Migrate", i.prefix, m.name)
		}
	}
	var errs []error
	for _, t := range i.tables() {
		errs = append(errs, i.usable(ctx, t))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if i.dialect == SQLite {
		return i.writable(ctx)
	}
	return nil
}

// applied returns the versions of the tables, or none if there are no tables.
func (i inspection) applied(ctx context.Context) ([]int64, error) {
	there, err := i.there(ctx, "sallyport_migrations")
	if err != nil || !there {
		return nil, err
	}
	if err := i.permitted(ctx, migrationsTable); err != nil {
		return nil, err
	}
	return many(ctx, i.conn, i.named("sallyport_migrations"), value[int64], i.sql("SELECT version FROM sallyport_migrations ORDER BY version"))
}

// tooNew returns an error for versions that this release does not know.
func (i inspection) tooNew(applied []int64) error {
	for _, version := range applied {
		if !slices.ContainsFunc(i.migrations(), func(m migration) bool { return m.version == version }) {
			return fmt.Errorf("sqlstore: the tables %s* have version %d, which this release does not know: "+
				"they belong to a newer one, so run that", i.prefix, version)
		}
	}
	return nil
}

// wrong adds the name of the table to an error.
func (i inspection) wrong(table string, err error) error {
	return fmt.Errorf("sqlstore: the table %s: %w", i.named(table), err)
}
