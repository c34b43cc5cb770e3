package sqlschema

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"
)

const (
	deadlockTries = 8
	deadlockPause = time.Millisecond // before the first of them; twice as long before each other
)

// DB is a pool or a connection.
type DB interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	BeginTx(ctx context.Context, options *sql.TxOptions) (*sql.Tx, error)
}

// Repeat does what is one statement or one transaction. If the connection takes no writes,
// or the database has undone it because of a deadlock, it does it again: it has changed
// nothing.
func (f Flavour) Repeat(ctx context.Context, db *sql.DB, do func(DB) error) error {
	err := do(db)
	for tries := 0; isDeadlock(err) && tries < deadlockTries && Rest(ctx, deadlockPause<<tries) == nil; tries++ {
		err = do(db)
	}
	if isReadOnly(err) {
		err = onAnother(ctx, db, f.Dialect, do)
	}
	return writable(f.Dialect, err)
}

// Rest waits, and returns an error if ctx is done before.
func Rest(ctx context.Context, pause time.Duration) error {
	wait := time.NewTimer(pause)
	defer wait.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-wait.C:
		return nil
	}
}

// readOnly is the SQLSTATE of a write on a connection whose transactions are
// read-only: that of a replica, or one that was made while the server took no writes.
const readOnly = "25006"

// isReadOnly reports whether a server has refused a statement since the connection or the
// server takes no writes.
func isReadOnly(err error) bool { return SQLState(err) == readOnly || takesNoWrites(err) }

// SQLState returns the SQLSTATE of an error of a driver for PostgreSQL, "" if it has
// none.
func SQLState(err error) string {
	state, ok := errors.AsType[interface {
		error
		SQLState() string
	}](err)
	if !ok {
		return ""
	}
	return state.SQLState()
}

// onAnother does on other connections of the pool what one has refused as readOnly, and
// closes each that refuses it too, so that the pool opens new ones: after a failover it
// keeps connections that it opened while the server was a replica. Each refusal has
// changed nothing. It stops with the first connection that is newer than the first
// refusal: then it is the server that takes no writes.
func onAnother(ctx context.Context, db *sql.DB, dialect string, do func(DB) error) error {
	refused := time.Now() //nolint:forbidigo // how old a connection is has nothing to do with the times of the data
	left := db.Stats().OpenConnections
	if dialect == MySQL { // which does not say how old a connection is
		left = db.Stats().Idle
	}
	for ; ; left-- {
		newer, err := orClosed(ctx, db, dialect, refused, do)
		if !isReadOnly(err) || newer || left <= 0 {
			return err
		}
	}
}

// orClosed does something on one connection. If that takes no writes, it closes it, and
// reports whether the server began it after the time.
func orClosed(ctx context.Context, db *sql.DB, dialect string, after time.Time, do func(DB) error) (newer bool, err error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return false, err
	}
	defer func() { _ = conn.Close() }()
	err = do(conn)
	if isReadOnly(err) && dialect == PostgreSQL {
		// An age, and not a time, since the clocks of two machines differ. It is asked for
		// after the time that it is compared with: an answer that is late never makes a
		// connection newer.
		var age float64
		since := time.Since(after).Seconds() //nolint:forbidigo // as above
		e := conn.QueryRowContext(ctx, "SELECT extract(epoch FROM clock_timestamp() - backend_start)::float8 FROM pg_stat_activity WHERE pid = pg_backend_pid()").Scan(&age)
		newer = e == nil && age < since
	}
	if isReadOnly(err) {
		_ = conn.Raw(func(any) error { return driver.ErrBadConn }) // the pool closes it
	}
	return newer, err
}

// writable adds to an error what a host can do about a server that takes no writes.
func writable(dialect string, err error) error {
	switch {
	case !isReadOnly(err):
		return err
	case dialect == MySQL:
		return fmt.Errorf("the server takes no writes: is it a replica? connect to the primary, and add rejectReadOnly=true to the DSN: %w", err)
	default:
		return fmt.Errorf("the server takes no writes: is it a replica? name all servers in the address, with target_session_attrs=read-write: %w", err)
	}
}
