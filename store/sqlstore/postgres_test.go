package sqlstore_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/sqlstore"
)

// postgres is as much of a PostgreSQL as Open asks before it looks for tables. Behind it
// is a pooler: each query is served by another process.
type postgres struct {
	trip     time.Duration // of each query
	fails    func(query string) error
	late     time.Duration // how long an answer is on its way
	readOnly bool          // each statement is refused
	writable time.Time     // connections from before this time refuse each statement
	tables   bool          // there are those of a Store, without columns that matter
	direct   bool          // each connection is served by one process

	process, connections atomic.Int64
}

func (*postgres) Driver() driver.Driver { return nil }

func (p *postgres) Connect(context.Context) (driver.Conn, error) {
	return &postgresConn{p, time.Now(), p.connections.Add(1)}, nil
}

type postgresConn struct {
	*postgres

	begun  time.Time
	number int64
}

func (*postgresConn) Prepare(string) (driver.Stmt, error) { return nil, errDown }
func (*postgresConn) Close() error                        { return nil }
func (c *postgresConn) Begin() (driver.Tx, error)         { return c, nil }
func (*postgresConn) Commit() error                       { return nil }
func (*postgresConn) Rollback() error                     { return nil }

func (c *postgresConn) ExecContext(_ context.Context, statement string, _ []driver.NamedValue) (driver.Result, error) {
	if c.readOnly || c.begun.Before(c.writable) {
		return nil, stateError("25006")
	}
	if c.fails != nil {
		if err := c.fails(statement); err != nil {
			return nil, err
		}
	}
	return driver.RowsAffected(1), nil
}

func (c *postgresConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(c.trip):
	}
	if c.fails != nil {
		if err := c.fails(query); errors.Is(err, errAnother) {
			return &someRows{15, [][]driver.Value{make([]driver.Value, 15)}}, nil
		} else if err != nil {
			return nil, err
		}
	}
	answer := func(row ...driver.Value) (driver.Rows, error) { return &someRows{len(row), [][]driver.Value{row}}, nil }
	switch {
	case strings.Contains(query, "server_version_num"):
		return answer(int64(15), false, "off", "UTF8", "on", "read committed")
	case strings.Contains(query, "backend_start"):
		age := time.Since(c.begun).Seconds()
		time.Sleep(c.late) // it is on its way
		return answer(age)
	case strings.Contains(query, "pg_backend_pid"):
		if c.direct {
			return answer(c.number)
		}
		return answer(c.process.Add(1))
	case strings.Contains(query, "'own '"):
		return answer(fmt.Sprint("own ", args[0].Value), int64(1))
	case strings.Contains(query, "$1::text || ''"):
		return answer(args[0].Value, int64(2))
	case strings.Contains(query, "pg_class"):
		return answer(c.tables)
	case strings.Contains(query, "has_table_privilege"):
		return answer("app", true)
	case strings.Contains(query, "SELECT version"):
		files, err := sqlstore.Migrations(sqlstore.Config{Dialect: sqlstore.PostgreSQL})
		if err != nil {
			return nil, err
		}
		entries, err := fs.ReadDir(files, ".")
		versions := &someRows{columns: 1}
		for i := range entries {
			versions.rows = append(versions.rows, []driver.Value{int64(i + 1)})
		}
		return versions, err
	}
	return nil, errDown
}

// errAnother stands for the result of another query.
var errAnother = errors.New("a row of fifteen columns")

// stateError is an error with this SQLSTATE.
type stateError string

func (e stateError) Error() string    { return "SQLSTATE " + string(e) }
func (e stateError) SQLState() string { return string(e) }

func opened(ctx context.Context, p *postgres) (*sqlstore.Store, error) {
	db := sql.OpenDB(p)
	defer db.Close()
	return sqlstore.Open(ctx, db, sqlstore.Config{Dialect: sqlstore.PostgreSQL})
}

// A round trip of 0.2 s is slow, and no sign that results are mixed up.
func TestFaultC3ASlowServerIsNotTakenForAPooler(t *testing.T) {
	t.Parallel()
	for _, trip := range []time.Duration{time.Millisecond, 200 * time.Millisecond, 4 * time.Second} {
		t.Run(trip.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				begun := time.Now()
				if _, err := opened(t.Context(), &postgres{trip: trip}); err == nil || !strings.Contains(err.Error(), "are not there: run sqlstore.Migrate") {
					t.Errorf("Open: %v, want that it looks for the tables", err)
				}
				if took := time.Since(begun); took > time.Minute {
					t.Errorf("Open took %v", took)
				}
			})
		})
	}
}

func TestFaultC3ALostConnectionIsNotTakenForAPooler(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		err    error
		pooler bool
	}{
		"a connection that the driver gives up":    {driver.ErrBadConn, false},
		"a connection that ends":                   {io.EOF, false},
		"a connection that ends within an answer":  {fmt.Errorf("reading: %w", io.ErrUnexpectedEOF), false},
		"a connection that was reset":              {&net.OpError{Op: "read", Err: syscall.ECONNRESET}, false},
		"a server that is stopped":                 {stateError("57P01"), false},
		"a server that has crashed":                {stateError("57P02"), false},
		"a server that starts":                     {stateError("57P03"), false},
		"a statement that the server did not get":  {stateError("26000"), true},
		"a statement that the server has":          {stateError("42P05"), true},
		"a statement with other parameters":        {stateError("08P01"), true},
		"an error that says nothing of the server": {errors.New("unexpected message"), true},
	} {
		for at, query := range map[string]string{"which process answers": "pg_backend_pid", "results at once": "'own '"} {
			t.Run(name+", asked for "+at, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					_, err := opened(t.Context(), &postgres{trip: time.Millisecond, fails: func(q string) error {
						if strings.Contains(q, query) {
							return tt.err
						}
						return nil
					}})
					if err == nil || strings.Contains(err.Error(), "a pooler") != tt.pooler || strings.Contains(err.Error(), "cannot be reached") == tt.pooler {
						t.Errorf("Open: %v", err)
					}
				})
			})
		}
	}
}

// A pooler that has given each query the same connection while it was looked for is found by
// what it does to any statement of Open afterwards.
func TestFaultC3APoolerIsFoundByEachStatementOfOpen(t *testing.T) {
	t.Parallel()
	isMixedUp := func(q string) bool { return strings.Contains(q, "'own '") || strings.Contains(q, "$1::text || ''") }
	failing := func(nth int, with error) (statements int, err error) {
		var all atomic.Int64
		_, err = opened(t.Context(), &postgres{direct: true, tables: true, fails: func(q string) error {
			if !isMixedUp(q) && all.Add(1) == int64(nth) {
				return with
			}
			return nil
		}})
		return int(all.Load()), err
	}
	statements, err := failing(0, nil)
	if err != nil || statements < 30 {
		t.Fatalf("Open without a pooler: %d statements, %v", statements, err)
	}
	for _, with := range []error{
		stateError("08P01"), stateError("26000"), stateError("42P05"), errAnother,
		errors.New("pq: got 1 parameters but the statement requires 15"), errors.New("pq: unexpected Bind response 'D'"),
		errors.New("expected 15 arguments, got 1"), errors.New("mismatched param and argument count"),
	} {
		for nth := range statements {
			if _, err := failing(nth+1, with); err == nil || !strings.Contains(err.Error(), "pool_mode=session") {
				if !errors.Is(err, errAnother) { // what another statement does when it is executed is no error
					t.Errorf("%v, at statement %d: Open: %v", with, nth+1, err)
				}
			}
		}
	}
}

// That there are no tables is not believed of a pooler that mixes results up.
func TestFaultC3AFindingIsLookedAtAgain(t *testing.T) {
	t.Parallel()
	for name, mixed := range map[string]error{
		"a statement with other parameters": stateError("08P01"), "the result of another": errAnother, "an error of a driver": errors.New("a bug"),
		"nothing": nil, "a lost connection": driver.ErrBadConn, "a server that stops": stateError("57P01"),
	} {
		_, err := opened(t.Context(), &postgres{direct: true, fails: func(q string) error {
			if strings.Contains(q, "'own '") {
				return mixed
			}
			return nil
		}})
		says := "are not there: run sqlstore.Migrate"
		if pooler := mixed != nil && !errors.Is(mixed, driver.ErrBadConn) && !errors.Is(mixed, stateError("57P01")); err == nil || strings.Contains(err.Error(), "pool_mode=session") != pooler || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: Open: %v", name, err)
		}
	}
}

// A server that takes no writes is not asked once more for each connection of the pool.
func TestFaultC13AReadOnlyServerIsAskedOnceMore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &postgres{trip: time.Millisecond, tables: true}
		db := sql.OpenDB(p)
		defer db.Close()
		s, err := sqlstore.Open(t.Context(), db, sqlstore.Config{Dialect: sqlstore.PostgreSQL, Users: host{}})
		if err != nil {
			t.Fatal(err)
		}
		for range 20 { // in use, by others
			conn, err := db.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = conn.Close() })
		}
		p.readOnly = true
		before := p.connections.Load()
		err = s.CreateSession(t.Context(), store.Session{ID: "s1"})
		if err == nil || !strings.Contains(err.Error(), "takes no writes") {
			t.Errorf("CreateSession: %v", err)
		}
		if opened := p.connections.Load() - before; opened > 3 {
			t.Errorf("one write opened %d connections", opened)
		}
	})
}

// A slow answer does not make a connection from before a failover newer than it is.
func TestFaultC13ASlowAnswerHidesNoOldConnection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &postgres{trip: time.Millisecond, late: time.Second, tables: true}
		db := sql.OpenDB(p)
		defer db.Close()
		const old = 8
		db.SetMaxIdleConns(old)
		s, err := sqlstore.Open(t.Context(), db, sqlstore.Config{Dialect: sqlstore.PostgreSQL, Users: host{}})
		if err != nil {
			t.Fatal(err)
		}
		held := make([]*sql.Conn, old)
		for i := range held {
			if held[i], err = db.Conn(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Millisecond)
		p.writable = time.Now()
		for _, conn := range held {
			_ = conn.Close()
		}
		if err := s.CreateSession(t.Context(), store.Session{ID: "s1"}); err != nil {
			t.Errorf("CreateSession: %v", err)
		}
	})
}
