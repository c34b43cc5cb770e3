package sqlschema

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	poolerWait   = 5 * time.Second  // for a connection that another transaction may hold
	answerWait   = 30 * time.Second // for one of the queries on two connections at once
	poolerRounds = 200              // of these queries
	mixedUpTime  = 10 * time.Second // for all of them: a server that is slow is asked fewer
	leastTries   = 3                // to see a connection of the server change
	mostTries    = 20
	triesTime    = 500 * time.Millisecond // for more than the least
)

// pooler returns an error if a pooler between this process and the server gives each
// transaction another connection of the server, and the driver does not bear that: it
// prepares statements on one and executes them on another, where they do not exist or
// are those of another client. Results are then mixed up.
//
// A pool that may have one connection only is not checked.
func (i inspection) pooler(ctx context.Context, db *sql.DB) error {
	if i.Dialect != PostgreSQL || i.alone {
		return nil
	}
	other, err := db.Conn(ctx)
	if err != nil {
		return i.unreachable(err)
	}
	defer func() { _ = other.Close() }()
	shared, err := i.shared(ctx, other)
	if err == nil && shared {
		err = i.mixedUp(ctx, other)
	}
	if err == nil {
		return nil
	}
	if ctx.Err() != nil || isLost(err) {
		return i.unreachable(err) // a server that is slow, or that stops, is no pooler
	}
	return i.poolerError(err)
}

// orPooler returns the error of a look or, if a pooler has caused it, one that says so. That
// pooler has found none means little: a pooler gives a transaction another connection only
// while others use the one that it had. A result of another query may be an error, and it
// may be a fact that is none, such as that there are no tables.
func (i inspection) orPooler(ctx context.Context, db *sql.DB, err error) error {
	switch {
	case err == nil, i.Dialect != PostgreSQL, ctx.Err() != nil, isLost(err):
		return err
	case isMixedUp(err):
		return i.poolerError(err)
	case i.alone:
		return err
	}
	other, e := db.Conn(ctx)
	if e != nil {
		return err
	}
	defer func() { _ = other.Close() }()
	if e := i.mixedUp(ctx, other); e != nil && ctx.Err() == nil && !isLost(e) {
		return i.poolerError(fmt.Errorf("%w, after: %w", e, err))
	}
	return err
}

// isLost reports whether an error says that the connection was lost, and nothing about
// the query: also SQLSTATE 57P, by which a server says that it stops or starts.
func isLost(err error) bool {
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	for _, lost := range []error{context.DeadlineExceeded, driver.ErrBadConn, sql.ErrConnDone, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed} {
		if errors.Is(err, lost) {
			return true
		}
	}
	return strings.HasPrefix(SQLState(err), "57P")
}

// MayPass reports whether an error says that the database does not answer now, and nothing
// about its settings and tables.
func MayPass(err error) bool {
	if isLost(err) || slices.Contains([]uint64{1040, 1053}, ErrorNumber(err)) { // too many connections, shut down
		return true
	}
	state := SQLState(err)
	return strings.HasPrefix(state, "53") || strings.HasPrefix(state, "08")
}

func (s Schema) poolerError(cause error) error {
	return s.errorf("PostgreSQL: a pooler (such as PgBouncer with pool_mode=transaction) gives each transaction another connection of the server, and the statements that the driver prepares do not exist there: "+
		"add default_query_exec_mode=exec to the DSN of pgx, or binary_parameters=yes to that of lib/pq, or let the pooler keep a connection for a session (pool_mode=session): %w", cause)
}

// isMixedUp reports whether the server does not know a prepared statement, knows it
// already, or has another in its place (SQLSTATE 26000, 42P05 and 08P01), or whether a
// driver or database/sql has got an answer that is not of its query.
func isMixedUp(err error) bool {
	if state := SQLState(err); state != "" {
		return slices.Contains([]string{"26000", "42P05", "08P01"}, state)
	}
	return err != nil && slices.ContainsFunc(mixedUpTexts, func(text string) bool { return strings.Contains(err.Error(), text) })
}

// mixedUpTexts are in errors that have no SQLSTATE.
var mixedUpTexts = []string{
	"sql: expected ", "sql: Scan error ", // database/sql: other columns than those of the query
	"but the statement requires ", "pq: unexpected ", // lib/pq
	" arguments, got ", "mismatched param and argument count", // pgx
}

var errUnanswered = fmt.Errorf("of queries on two connections at once one got no answer within %v", answerWait)

var errHeld = errors.New("a connection waits for the transaction of another")

// shared reports whether a transaction of the other connection changes which
// connection of the server this one has.
func (i inspection) shared(ctx context.Context, other *sql.Conn) (bool, error) {
	spent, cancel := context.WithTimeout(ctx, triesTime)
	defer cancel()
	for n := 0; n < leastTries || n < mostTries && spent.Err() == nil; n++ { // other clients of the pooler may have what would be given here
		changed, err := i.changes(ctx, other)
		if err != nil || changed {
			return changed, err
		}
	}
	return false, nil
}

// changes is one try of shared.
func (i inspection) changes(ctx context.Context, other *sql.Conn) (bool, error) {
	before, err := backend(ctx, i.conn)
	if err != nil {
		return false, err
	}
	tx, err := other.BeginTx(ctx, nil)
	if err != nil {
		return false, err
	}
	defer func() { _ = tx.Rollback() }()
	its, err := backend(ctx, tx)
	if err != nil {
		return false, err
	}
	after, err := i.duringTx(ctx, tx)
	return before != after || before == its, err
}

// duringTx returns the process of the server that serves this connection while a
// transaction of another one is open. If the answer comes only when the transaction
// has ended, the pooler had no connection for both: errHeld.
func (i inspection) duringTx(ctx context.Context, tx *sql.Tx) (int64, error) {
	type answer struct {
		process int64
		err     error
	}
	answers := make(chan answer, 1)
	go func() {
		process, err := backend(ctx, i.conn)
		answers <- answer{process, err}
	}()
	wait := time.NewTimer(poolerWait)
	defer wait.Stop()
	select {
	case a := <-answers:
		return a.process, a.err
	case <-wait.C:
	}
	_ = tx.Rollback()
	wait.Reset(poolerWait / 5) // a server that is slow takes longer, as it did before
	select {
	case a := <-answers:
		return a.process, cmp.Or(a.err, errHeld)
	case <-wait.C:
		a := <-answers
		return a.process, a.err
	}
}

// backend returns the process of the server that serves a connection.
func backend(ctx context.Context, db database) (process int64, err error) {
	err = db.QueryRowContext(ctx, "SELECT pg_backend_pid()").Scan(&process)
	return process, err
}

// mixedUp makes different queries on two connections at once, and returns an error if
// one of them gets anything but its own result.
func (i inspection) mixedUp(ctx context.Context, other *sql.Conn) error {
	spent, cancel := context.WithTimeout(ctx, mixedUpTime)
	defer cancel()
	fresh := " /* " + rand.Text() + " */" // so that no connection has the statement from before
	results := make(chan error, 1)
	go func() {
		results <- ownResults(ctx, spent, other, "SELECT $1::text || '', 2"+fresh, func(n int) string { return fmt.Sprint("other ", n) }, 2)
	}()
	err := ownResults(ctx, spent, i.conn, "SELECT 'own ' || $1::text, 1"+fresh, strconv.Itoa, 1)
	if its := <-results; err == nil || isLost(err) && its != nil {
		return its // of two errors the one that says more
	}
	return err
}

// ownResults makes a query many times, until the other context is done, and checks its two
// columns.
func ownResults(ctx, spent context.Context, db database, query string, argument func(int) string, mark int) error {
	for n := 0; n < poolerRounds && spent.Err() == nil; n++ {
		if err := ownResult(ctx, db, query, argument(n), mark); err != nil {
			return err
		}
	}
	return nil
}

// ownResult is one query of ownResults.
func ownResult(ctx context.Context, db database, query, arg string, mark int) error {
	within, cancel := context.WithTimeout(ctx, answerWait)
	defer cancel()
	var text string
	var got int
	if err := db.QueryRowContext(within, query, arg).Scan(&text, &got); err != nil {
		if within.Err() != nil && ctx.Err() == nil {
			return errUnanswered
		}
		return err
	}
	want := arg
	if mark == 1 {
		want = "own " + arg
	}
	if text != want || got != mark {
		return errors.New("a query was answered with the result of another")
	}
	return nil
}
