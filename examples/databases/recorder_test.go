package databases_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
)

// recorder is a driver that notes each statement that another one is given:
// without prepared statements, one is a round trip.
type recorder struct {
	inner driver.Driver
	dsn   string

	mu          sync.Mutex
	calls       []call
	step, after func(statement string) // are called before and after each

	rows    atomic.Pointer[int] // how many come before the connection breaks; nil: all
	instead atomic.Pointer[any] // of the first argument of each query, as if the answer were that of another; nil: nothing
}

type call struct {
	statement string
	args      []any
}

// recorded opens the database with a recorder in between.
func (p *place) recorded(t *testing.T) (*sql.DB, *recorder) {
	t.Helper()
	r := &recorder{inner: p.db(t).Driver(), dsn: p.dsn}
	db := sql.OpenDB(r)
	t.Cleanup(func() { _ = db.Close() })
	return db, r
}

// take returns the calls since it was last called.
func (r *recorder) take() []call {
	r.mu.Lock()
	defer r.mu.Unlock()
	calls := r.calls
	r.calls = nil
	return calls
}

// before sets what is called before each statement; nil is nothing.
func (r *recorder) before(step func(statement string)) { r.hook(step, nil) }

func (r *recorder) hook(before, after func(statement string)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.step, r.after = before, after
}

func (r *recorder) done(statement string) {
	r.mu.Lock()
	after := r.after
	r.mu.Unlock()
	if after != nil {
		after(statement)
	}
}

func (r *recorder) note(statement string, args []driver.NamedValue) {
	r.mu.Lock()
	values := make([]any, len(args))
	for i, arg := range args {
		values[i] = arg.Value
	}
	r.calls = append(r.calls, call{statement, values})
	step := r.step
	r.mu.Unlock()
	if step != nil {
		step(statement)
	}
}

func (r *recorder) Driver() driver.Driver { return r.inner }

func (r *recorder) Connect(context.Context) (driver.Conn, error) {
	c, err := r.inner.Open(r.dsn)
	if err != nil {
		return nil, err
	}
	return &recordedConn{c, r}, nil
}

type recordedConn struct {
	driver.Conn

	recorder *recorder
}

func (c *recordedConn) ExecContext(ctx context.Context, statement string, args []driver.NamedValue) (driver.Result, error) {
	c.recorder.note(statement, args)
	defer c.recorder.done(statement)
	return c.Conn.(driver.ExecerContext).ExecContext(ctx, statement, args)
}

func (c *recordedConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	c.recorder.note(query, args)
	if other := c.recorder.instead.Load(); other != nil {
		args = slices.Clone(args)
		args[0].Value = *other
	}
	rows, err := c.Conn.(driver.QueryerContext).QueryContext(ctx, query, args)
	if left := c.recorder.rows.Load(); err == nil && left != nil {
		rows = &brokenRows{rows, *left}
	}
	return rows, err
}

func (c *recordedConn) BeginTx(ctx context.Context, options driver.TxOptions) (driver.Tx, error) {
	c.recorder.note("BEGIN", nil)
	defer c.recorder.done("BEGIN")
	tx, err := c.Conn.(driver.ConnBeginTx).BeginTx(ctx, options)
	return &recordedTx{tx, c.recorder}, err
}

type recordedTx struct {
	driver.Tx

	recorder *recorder
}

func (t *recordedTx) Commit() error {
	t.recorder.note("COMMIT", nil)
	defer t.recorder.done("COMMIT")
	return t.Tx.Commit()
}

// brokenRows is a connection that breaks when so many rows have come.
type brokenRows struct {
	driver.Rows

	left int
}

var errBroken = errors.New("the connection is broken")

func (r *brokenRows) Next(values []driver.Value) error {
	if r.left == 0 {
		return errBroken
	}
	r.left--
	return r.Rows.Next(values)
}

// What else a driver may be able to do, and what it means if it is not.

func (c *recordedConn) CheckNamedValue(v *driver.NamedValue) error {
	if checker, ok := c.Conn.(driver.NamedValueChecker); ok {
		return checker.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

func (c *recordedConn) ResetSession(ctx context.Context) error {
	if resetter, ok := c.Conn.(driver.SessionResetter); ok {
		return resetter.ResetSession(ctx)
	}
	return nil
}

// statements of calls, without their arguments.
func statements(calls []call) []string {
	all := make([]string, len(calls))
	for i, c := range calls {
		all[i] = c.statement
	}
	return slices.Clip(all)
}
