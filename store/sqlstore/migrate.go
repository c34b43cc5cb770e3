package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"hash/fnv"
	"slices"
)

// Migrate creates the tables that [Open] requires, or updates them to this
// release. Call it in a deployment, or when a process starts: if there is nothing
// to do, it changes nothing, and if several nodes call it at once, one does the
// work and the others wait. It requires a role that may create tables.
//
// On SQLite and PostgreSQL each version is one transaction, so if one fails, the tables
// are those of the version before it. On MySQL each statement that changes a table
// commits by itself. There a lock of the server (GET_LOCK) lets one node at a time work,
// a version is recorded after its last statement, and its statements may be repeated: a
// Migrate that ended half-way is completed by the next. Such a lock is not shared by the
// nodes of a Galera cluster: run Migrate on one of them.
//
// It returns an error if the Config is invalid or the database has wrong
// settings, as Open does, or if the tables are those of a newer release.
func Migrate(ctx context.Context, db *sql.DB, c Config) error {
	c, err := checked(db, c)
	if err != nil {
		return err
	}
	return inspect(ctx, db, c, inspection.migrate)
}

// Pending returns the names of the files of [Migrations] that [Migrate] would run, the
// oldest first, and none if the tables are those of this release. It changes nothing, and
// is for a person or a deployment who asks before they migrate.
//
// It returns an error as Migrate does. The role must be allowed to read the table
// sallyport_migrations, if there is one, and needs no other right.
func Pending(ctx context.Context, db *sql.DB, c Config) (names []string, err error) {
	c, err = checked(db, c)
	if err != nil {
		return nil, err
	}
	err = inspect(ctx, db, c, func(i inspection, ctx context.Context) error {
		applied, err := i.applied(ctx)
		if err != nil {
			return err
		}
		if err := i.tooNew(applied); err != nil {
			return err
		}
		names = nil // of the connection before
		for _, m := range c.migrations() {
			if !slices.Contains(applied, m.version) {
				names = append(names, m.name)
			}
		}
		return nil
	})
	return names, err
}

// migrate applies the missing versions.
func (i inspection) migrate(ctx context.Context) error {
	applied, err := i.applied(ctx)
	if err != nil {
		return err
	}
	if err := i.tooNew(applied); err != nil {
		return err
	}
	for _, m := range i.config.migrations() {
		if slices.Contains(applied, m.version) {
			continue
		}
		exclusive := i.transaction
		if i.dialect == MySQL {
			exclusive = i.locked
		}
		if err := exclusive(ctx, func() error { return i.apply(ctx, m) }); err != nil {
			return fmt.Errorf("sqlstore: Migrate: %s: %w", m.name, err)
		}
	}
	return nil
}

// apply runs one migration, unless another process has run it meanwhile.
func (i inspection) apply(ctx context.Context, m migration) error {
	if i.dialect == PostgreSQL {
		if _, err := i.conn.ExecContext(ctx, "SELECT pg_advisory_xact_lock($1)", i.config.lock("")); err != nil {
			return err
		}
	}
	applied, err := i.applied(ctx)
	if err != nil || slices.Contains(applied, m.version) {
		return err
	}
	for _, statement := range m.up() {
		if _, err := i.conn.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// transaction calls do in a transaction that excludes others of its kind. It is
// begun with a statement, because database/sql cannot begin an immediate
// transaction.
func (i inspection) transaction(ctx context.Context, do func() error) error {
	begin := "BEGIN IMMEDIATE" // takes the lock
	if i.dialect == PostgreSQL {
		begin = "BEGIN ISOLATION LEVEL READ COMMITTED" // so that it sees what was committed during the wait
	}
	if _, err := i.conn.ExecContext(ctx, begin); err != nil {
		return err
	}
	err := do()
	if err == nil {
		_, err = i.conn.ExecContext(ctx, "COMMIT")
	}
	if err == nil {
		return nil
	}
	if _, e := i.conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK"); e != nil {
		// A connection that may still be in a transaction must not return to the pool.
		_ = i.conn.Raw(func(any) error { return driver.ErrBadConn })
	}
	return err
}

// lock returns the number of the lock that processes with the same tables take. The
// database is that of the tables where a lock is one of the whole server.
func (c Config) lock(database string) int64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte("sallyport/sqlstore/" + c.Prefix))
	_, _ = h.Write([]byte(database))
	return int64(h.Sum64()) //nolint:gosec // any 64 bits will do
}
