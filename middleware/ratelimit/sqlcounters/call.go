package sqlcounters

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/internal/circuit"
	"github.com/sallyport-go/sallyport/internal/sqlschema"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/ratelimit/internal/remote"
)

// shards is the number of rows that have the number of the last reset, so that refunds
// seldom wait for each other.
const shards = 8

// shard returns the row in which the resets of these counters are counted.
func shard(orders []order) int {
	if len(orders) == 0 {
		return 0
	}
	return int(orders[0].own[len(id{})-1]) % shards
}

// errAnswer means that an answer is not of the function: a pooler or a driver may have
// mixed it up with another.
var errAnswer = errors.New("the answer is not one of this query: is there a pooler that the driver does not bear?")

// statements are what a decision runs, except on SQLite.
type statements struct{ decide sqlschema.Statement }

func newStatements(f sqlschema.Flavour) statements {
	return statements{decide: f.Of("", "SELECT sallyport_count_1($1, $2, $3, $4, $5)", "CALL sallyport_count_1($1, $2, $3, $4, $5)")}
}

// run makes a decision.
func (c *Counters) run(ctx context.Context, task remote.Task, charges []ratelimit.Charge, more int64) (remote.Answer, error) {
	orders := c.orders(charges, more)
	var r result
	err := c.call(ctx, func(ctx context.Context, conn database) (err error) {
		r, err = c.decide(ctx, conn, task, orders)
		return err
	})
	if err != nil {
		return nil, err
	}
	c.sources.note(orders, r.all, task)
	return r.answer(task, orders), nil
}

// decide asks the function of the database or, on SQLite, is it.
func (c *Counters) decide(ctx context.Context, conn database, task remote.Task, orders []order) (result, error) {
	if c.flavour.Dialect == sqlschema.SQLite {
		return c.inSQLite(ctx, conn, task, c.now().UnixMicro(), orders)
	}
	return c.ask(ctx, conn, task, orders)
}

// ask asks the function of the database.
func (c *Counters) ask(ctx context.Context, conn database, task remote.Task, orders []order) (result, error) {
	var text string
	const clock = 0 // that of the database
	args := []any{string(task), int64(clock), c.patience(ctx), shard(orders), encode(orders)}
	if err := conn.QueryRowContext(ctx, c.sql.decide.Text, args...).Scan(&text); err != nil {
		return result{}, err
	}
	return decode(text, orders)
}

// patience is how long the database waits for a row, in the unit that it takes: a bit less
// than the caller does, so that the database says that it has waited, instead of nothing.
func (c *Counters) patience(ctx context.Context) int64 {
	unit := time.Millisecond
	if c.flavour.Dialect == sqlschema.MySQL {
		unit = time.Second
	}
	wait := c.guard.Timeout
	if deadline, ok := ctx.Deadline(); ok {
		wait = min(wait, time.Until(deadline)) //nolint:forbidigo // contexts end by this clock
	}
	return max(int64(wait*3/4/unit), 1)
}

// database is a pool or a connection.
type database interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// call does something on a connection of the pool, behind the circuit breaker.
func (c *Counters) call(ctx context.Context, do func(context.Context, database) error) error {
	err := c.guard.Call(ctx, c.server, func(ctx context.Context) error {
		if err := c.check(ctx); err != nil {
			return err
		}
		err := c.flavour.Repeat(ctx, c.db, func(in sqlschema.DB) error {
			if pool, ok := in.(*sql.DB); ok {
				conn, err := pool.Conn(ctx)
				if err != nil {
					return c.unconnected(err)
				}
				defer conn.Close() //nolint:errcheck // it goes back to the pool
				return do(ctx, conn)
			}
			conn, _ := in.(*sql.Conn)
			return do(ctx, conn)
		})
		if err != nil && ctx.Err() != nil { // a driver may say that its connection is gone
			err = fmt.Errorf("%w: %w", ctx.Err(), err)
		}
		return err
	})
	switch {
	case err == nil:
		return nil
	case errors.Is(err, circuit.ErrOpen):
		return failed("%w", ratelimit.ErrCircuitOpen)
	case errors.Is(err, circuit.ErrBusy):
		return failed("%w: %w", ratelimit.ErrBusy, err)
	}
	return failed("%w", err)
}

// unconnected returns why there was no connection: that the host uses them all says
// nothing about the database.
func (c *Counters) unconnected(err error) error {
	stats := c.db.Stats()
	if errors.Is(err, context.DeadlineExceeded) && stats.MaxOpenConnections > 0 && stats.InUse >= stats.MaxOpenConnections {
		return fmt.Errorf("%w: %w", circuit.ErrBusy, err)
	}
	return err
}

// newGuard returns what makes the calls of the database.
func newGuard(db *sql.DB, c Config) (*circuit.Guard, *circuit.Server) {
	conns := db.Stats().MaxOpenConnections
	return &circuit.Guard{
		Timeout: c.Timeout, ProbeEvery: c.ProbeEvery, Now: c.Now, OnWait: c.OnWait, NoTurns: conns == 0,
		IsBusy:  func(err error) bool { return errors.Is(err, circuit.ErrBusy) },
		Replied: func(err error, _ *circuit.Server) (circuit.Outcome, bool) { return replied(err, c.Dialect) },
	}, circuit.NewServer(conns)
}

// replied returns what an error shows that the database has replied. What it says of this
// call alone, such as that it waited too long for a row, shows that it serves.
func replied(err error, dialect Dialect) (circuit.Outcome, bool) {
	if dialect == SQLite {
		return circuit.Answers, true // it is no server
	}
	if state := sqlschema.SQLState(err); state != "" {
		for _, class := range []string{"53", "57P", "58", "25006"} { // no resources, shut down, I/O, takes no writes
			if strings.HasPrefix(state, class) {
				return circuit.Fails, true
			}
		}
		return circuit.Answers, true
	}
	switch sqlschema.ErrorNumber(err) {
	case 0:
		return circuit.Nothing, false
	case 1040, 1053, 1203, 1290, 1792, 1836: // too many connections, shut down, takes no writes
		return circuit.Fails, true
	}
	return circuit.Answers, true
}

// begin returns an error that stays until the database is changed.
func (c *Counters) begin() error {
	ctx, cancel := context.WithTimeout(context.Background(), c.guard.Timeout)
	defer cancel()
	if err := c.check(ctx); err != nil && !sqlschema.MayPass(err) {
		return err
	}
	return nil
}

// check checks the database once: when New is called or, if nothing answers then, before
// the first decision. One that is not in order is checked again with each decision.
func (c *Counters) check(ctx context.Context) error {
	if c.checked.Load() {
		return nil
	}
	// One at a time: a check has two connections, and those of a small pool would wait for
	// each other.
	select {
	case c.checking <- struct{}{}:
		defer func() { <-c.checking }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if c.checked.Load() {
		return nil
	}
	if err := c.schema.Check(ctx, c.db); err != nil {
		return err
	}
	if c.flavour.Dialect != sqlschema.SQLite { // no charges
		_, err := c.ask(ctx, c.db, remote.Peek, nil)
		if sqlschema.MayPass(err) {
			return err
		}
		if err != nil {
			return fmt.Errorf("sqlcounters: the function %s: run sqlcounters.Migrate, and GRANT EXECUTE ON it to the role: %w", c.flavour.Named("sallyport_count_1"), err)
		}
	}
	c.checked.Store(true)
	return nil
}
