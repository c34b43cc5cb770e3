package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"hash/fnv"
	"slices"
)

// Migrate makes the tables that [Open] wants, or brings them up to date. It is
// for a deployment, or for the start of a process: run once more it does
// nothing, and of several nodes that run it at once one does the work and the
// others wait. Each version is one transaction, so that one that fails leaves the
// tables as the version before it had them.
//
// It fails as Open does if c is wrong or the database is not set as it must be,
// and if the tables are those of a newer release. It needs a role that may create
// tables.
func Migrate(ctx context.Context, db *sql.DB, c Config) error {
	c, err := checked(db, c)
	if err != nil {
		return err
	}
	return inspect(ctx, db, c, inspection.migrate)
}

// migrate applies what is missing.
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
		if err := i.transaction(ctx, func() error { return i.apply(ctx, m) }); err != nil {
			return fmt.Errorf("sqlstore: Migrate: %s: %w", m.name, err)
		}
	}
	return nil
}

// apply runs one migration, unless somebody else has by now.
func (i inspection) apply(ctx context.Context, m migration) error {
	if i.dialect == PostgreSQL {
		if _, err := i.conn.ExecContext(ctx, "SELECT pg_advisory_xact_lock($1)", i.config.lock()); err != nil {
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

// transaction does something in a transaction beside which no other of the kind
// runs. It is begun by hand, because an immediate transaction is beyond
// database/sql.
func (i inspection) transaction(ctx context.Context, do func() error) error {
	begin := "BEGIN IMMEDIATE" // which takes the lock
	if i.dialect == PostgreSQL {
		begin = "BEGIN ISOLATION LEVEL READ COMMITTED" // to see what was done while we waited
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
		// What may still be within a transaction is not for the pool.
		_ = i.conn.Raw(func(any) error { return driver.ErrBadConn })
	}
	return err
}

// lock is the number by which those who migrate the same tables know each other.
func (c Config) lock() int64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte("sallyport/sqlstore/" + c.Prefix))
	return int64(h.Sum64()) //nolint:gosec // any 64 bits will do
}
