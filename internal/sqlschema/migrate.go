package sqlschema

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"hash/fnv"
	"slices"
)

// Migrate creates the tables, or updates them to this release. Any number of nodes may
// call it at once.
func (s Schema) Migrate(ctx context.Context, db *sql.DB) error {
	return s.inspect(ctx, db, inspection.migrate)
}

// Check returns why the package cannot use the database: its settings, its tables, or the
// rights of the role. It leaves no data behind.
func (s Schema) Check(ctx context.Context, db *sql.DB) error {
	return s.inspect(ctx, db, inspection.ready)
}

// Pending returns the names of the files that Migrate would run, the oldest first. It
// changes nothing.
func (s Schema) Pending(ctx context.Context, db *sql.DB) (names []string, err error) {
	err = s.inspect(ctx, db, func(i inspection, ctx context.Context) error {
		applied, err := i.applied(ctx)
		if err != nil {
			return err
		}
		if err := i.tooNew(applied); err != nil {
			return err
		}
		names = nil // of the connection before
		for _, m := range i.needed() {
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
	for _, m := range i.needed() {
		if slices.Contains(applied, m.version) {
			continue
		}
		exclusive := i.transaction
		if i.Dialect == MySQL {
			exclusive = i.locked
		}
		if err := exclusive(ctx, func() error { return i.apply(ctx, m) }); err != nil {
			return i.errorf("Migrate: %s: %w", m.name, err)
		}
	}
	return nil
}

// apply runs one migration, unless another process has run it meanwhile.
func (i inspection) apply(ctx context.Context, m migration) error {
	if i.Dialect == PostgreSQL {
		if _, err := i.conn.ExecContext(ctx, "SELECT pg_advisory_xact_lock($1)", i.lock("")); err != nil {
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

// transaction calls do in a transaction that excludes others of its kind.
func (i inspection) transaction(ctx context.Context, do func() error) error {
	begin := "BEGIN IMMEDIATE" // takes the lock
	if i.Dialect == PostgreSQL {
		begin = "BEGIN ISOLATION LEVEL READ COMMITTED" // so that it sees what was committed during the wait
	}
	return Transaction(ctx, i.conn, begin, do)
}

// Transaction calls do in a transaction of the connection that is begun with a statement,
// because database/sql cannot begin an immediate one.
func Transaction(ctx context.Context, conn *sql.Conn, begin string, do func() error) error {
	if _, err := conn.ExecContext(ctx, begin); err != nil {
		return err
	}
	err := do()
	if err == nil {
		_, err = conn.ExecContext(ctx, "COMMIT")
	}
	if err == nil {
		return nil
	}
	if _, e := conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK"); e != nil {
		// A connection that may still be in a transaction must not return to the pool.
		_ = conn.Raw(func(any) error { return driver.ErrBadConn })
	}
	return err
}

// lock returns the number of the lock that processes with the same tables take. The
// database is that of the tables where a lock is one of the whole server.
func (s Schema) lock(database string) int64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte("sallyport/" + s.Package + "/" + s.Prefix))
	_, _ = h.Write([]byte(database))
	return int64(h.Sum64()) //nolint:gosec // any 64 bits will do
}
