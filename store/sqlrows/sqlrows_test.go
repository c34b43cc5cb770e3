package sqlrows_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/sqlrows"
)

var errDown = errors.New("the server is down")

// server is a database that says how many rows each statement changed, one number after
// the other, and answers each query with one column.
type server struct {
	changes []int64
	column  []driver.Value
	err     error
	asked   int
}

func (s *server) Connect(context.Context) (driver.Conn, error) { return s, nil }
func (*server) Driver() driver.Driver                          { return nil }
func (*server) Prepare(string) (driver.Stmt, error)            { return nil, errDown }
func (*server) Close() error                                   { return nil }
func (*server) Begin() (driver.Tx, error)                      { return nil, errDown }

func (s *server) ExecContext(context.Context, string, []driver.NamedValue) (driver.Result, error) {
	s.asked++
	if s.err != nil || len(s.changes) == 0 {
		return nil, s.err
	}
	rows := s.changes[0]
	s.changes = s.changes[1:]
	return changed(rows), nil
}

func (s *server) QueryContext(context.Context, string, []driver.NamedValue) (driver.Rows, error) {
	return &rows{s.column}, s.err
}

// changed is a result; less than none cannot be said.
type changed int64

func (changed) LastInsertId() (int64, error) { return 0, errDown }

func (c changed) RowsAffected() (int64, error) {
	if c < 0 {
		return 0, errDown
	}
	return int64(c), nil
}

type rows struct{ left []driver.Value }

func (*rows) Columns() []string { return []string{"column"} }
func (*rows) Close() error      { return nil }

func (r *rows) Next(row []driver.Value) error {
	if len(r.left) == 0 {
		return io.EOF
	}
	row[0], r.left = r.left[0], r.left[1:]
	return nil
}

func open(t *testing.T, s *server) *sql.DB {
	t.Helper()
	db := sql.OpenDB(s)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func isSentinel(err error) bool {
	return errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrBadCredentials)
}

func TestWhatADatabaseSays(t *testing.T) {
	t.Parallel()
	decoded := func(t *testing.T, s *server) error {
		t.Helper()
		var into store.Session
		err := sqlrows.JSON(t.Context(), open(t, s), &into, "SELECT")
		if err == nil && into.ID != "s1" {
			t.Errorf("the session is %+v", into)
		}
		return err
	}
	inserted := func(t *testing.T, s *server) error {
		t.Helper()
		return sqlrows.Insert(t.Context(), open(t, s), "INSERT")
	}
	for name, tt := range map[string]struct {
		s    *server
		do   func(*testing.T, *server) error
		want error // nil: it is done; errDown: an error that is no sentinel
	}{
		"an inserted row":                              {&server{changes: []int64{1}}, inserted, nil},
		"a key that is taken":                          {&server{changes: []int64{0}}, inserted, store.ErrConflict},
		"an insertion that failed is no conflict":      {&server{err: errDown}, inserted, errDown},
		"a result without a count is no conflict":      {&server{changes: []int64{-1}}, inserted, errDown},
		"a row of JSON":                                {&server{column: []driver.Value{`{"ID":"s1"}`}}, decoded, nil},
		"no row":                                       {&server{}, decoded, store.ErrNotFound},
		"a query that failed is not an absent row":     {&server{err: errDown}, decoded, errDown},
		"a column that is no JSON is no absent row":    {&server{column: []driver.Value{`{"ID":`}}, decoded, errors.ErrUnsupported},
		"a column of another type is no absent row":    {&server{column: []driver.Value{`{"ID":1}`}}, decoded, errors.ErrUnsupported},
		"a column that is NULL is not an absent row":   {&server{column: []driver.Value{nil}}, decoded, errors.ErrUnsupported},
		"a deletion that failed is no end of the rows": {&server{err: errDown}, deletes, errDown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := tt.do(t, tt.s)
			switch {
			case errors.Is(tt.want, errors.ErrUnsupported): // whatever error it is
				if err == nil || isSentinel(err) {
					t.Errorf("got %v, want an error that is no sentinel", err)
				}
			case !errors.Is(err, tt.want) || isSentinel(err) != isSentinel(tt.want):
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

func deletes(t *testing.T, s *server) error {
	t.Helper()
	_, err := sqlrows.DeleteBatches(t.Context(), open(t, s), "DELETE")
	return err
}

func TestDeleteBatches(t *testing.T) {
	t.Parallel()
	t.Run("goes on until there is no row", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s := &server{changes: []int64{1000, 1000, 3, 0}}
			db := sql.OpenDB(s)
			defer db.Close()
			begun := time.Now()
			deleted, err := sqlrows.DeleteBatches(t.Context(), db, "DELETE")
			if deleted != 2003 || err != nil || s.asked != 4 {
				t.Errorf("%d rows by %d statements, %v", deleted, s.asked, err)
			}
			if rest := time.Since(begun); rest != 30*time.Millisecond {
				t.Errorf("it paused for %v, want 10ms after each batch", rest)
			}
		})
	})
	t.Run("stops between two batches", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s := &server{changes: []int64{1000, 1000, 1000, 1000}}
			db := sql.OpenDB(s)
			defer db.Close()
			ctx, cancel := context.WithTimeout(t.Context(), 15*time.Millisecond)
			defer cancel()
			deleted, err := sqlrows.DeleteBatches(ctx, db, "DELETE")
			if deleted != 2000 || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%d rows, %v", deleted, err)
			}
		})
	})
}
