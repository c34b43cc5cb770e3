package sqlschema

import (
	"context"
	"database/sql"
	"errors"
	"slices"
)

// inspection checks a database on one connection.
type inspection struct {
	Schema

	conn  *sql.Conn
	alone bool // the pool has no other connection
}

// inspect calls look on a connection with the right settings. On SQLite settings
// belong to a connection: unless the pool has only one, it checks a second
// connection beside the first, because a setting may have been made on the first
// alone.
func (s Schema) inspect(ctx context.Context, db *sql.DB, look func(inspection, context.Context) error) error {
	if err := db.PingContext(ctx); err != nil {
		return s.unreachable(err)
	}
	alone := db.Stats().MaxOpenConnections == 1
	conns := 1
	if s.Dialect == SQLite && !alone {
		conns = 2
	}
	return s.beside(ctx, db, conns, func(conn *sql.Conn) error {
		i := inspection{Schema: s, conn: conn, alone: alone}
		if err := errors.Join(i.settings(ctx)...); err != nil {
			if isMixedUp(err) {
				return s.poolerError(err)
			}
			return err
		}
		if err := i.pooler(ctx, db); err != nil {
			return err
		}
		return i.orPooler(ctx, db, look(i, ctx))
	})
}

// beside calls look on this many connections, one after the other, and keeps all
// of them until the last call returns.
func (s Schema) beside(ctx context.Context, db *sql.DB, conns int, look func(*sql.Conn) error) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return s.unreachable(err)
	}
	defer func() { _ = conn.Close() }()
	if err := look(conn); err != nil || conns == 1 {
		return err
	}
	return s.beside(ctx, db, conns-1, look)
}

func (s Schema) unreachable(err error) error {
	return s.errorf("the database cannot be reached: is it running, and what the DSN names? %w", err)
}

// ready returns why the package cannot use the tables.
func (i inspection) ready(ctx context.Context) error {
	applied, err := i.applied(ctx)
	if err != nil {
		return err
	}
	if len(applied) == 0 {
		return i.errorf("the tables %s* are not there: run %s.Migrate (on PostgreSQL they are looked for in those schemas of the search_path that the role may use, on MySQL in the database of the DSN)", i.Prefix, i.Package)
	}
	if err := i.tooNew(applied); err != nil {
		return err
	}
	for _, m := range i.needed() {
		if !slices.Contains(applied, m.version) {
			return i.errorf("the tables %s* lack %s: run %s.Migrate", i.Prefix, m.name, i.Package)
		}
	}
	var errs []error
	for _, t := range i.all() {
		errs = append(errs, i.usable(ctx, t))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if i.Dialect == SQLite {
		return i.writable(ctx)
	}
	return nil
}

// applied returns the versions of the tables, or none if there are no tables.
func (i inspection) applied(ctx context.Context) ([]int64, error) {
	there, err := i.there(ctx, i.Versions)
	if err != nil || !there {
		return nil, err
	}
	if err := i.permitted(ctx, i.versions()); err != nil {
		return nil, err
	}
	rows, err := i.conn.QueryContext(ctx, i.Named("SELECT version FROM "+i.Versions+" ORDER BY version"))
	if err != nil {
		return nil, i.wrong(i.Versions, err)
	}
	defer rows.Close()
	var versions []int64
	for rows.Next() {
		var version int64
		if err := rows.Scan(&version); err != nil {
			return nil, i.wrong(i.Versions, err)
		}
		versions = append(versions, version)
	}
	if err := rows.Err(); err != nil {
		return nil, i.wrong(i.Versions, err)
	}
	return versions, nil
}

// tooNew returns an error for versions that this release does not know.
func (i inspection) tooNew(applied []int64) error {
	for _, version := range applied {
		if !slices.ContainsFunc(i.migrations(), func(m migration) bool { return m.version == version }) {
			return i.errorf("the tables %s* have version %d, which this release does not know: "+
				"they belong to a newer one, so run that", i.Prefix, version)
		}
	}
	return nil
}

// wrong adds the name of the table to an error.
func (i inspection) wrong(table string, err error) error {
	return i.errorf("the table %s: %w", i.Named(table), err)
}
