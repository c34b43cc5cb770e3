package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/sallyport-go/sallyport/internal/sqlschema"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/passwords"
)

// Store keeps users, sessions, API keys, clients and the deny list in a database.
// Create it with [Open]. It is a [store.Store], a [store.APIKeys], a
// [store.Clients] and a [store.Revocations]. It is safe for concurrent use, and
// any number of processes may use the database. It caches nothing: all nodes read
// what one node has written.
type Store struct {
	db        *sql.DB
	flavour   flavour
	dialect   Dialect
	host      store.Users // Config.Users
	passwords *passwords.Hasher

	session sessionSQL
	epoch   epochSQL
	key     keySQL
	client  clientSQL
	denial  denialSQL
	user    userSQL
}

var (
	_ store.Store       = (*Store)(nil)
	_ store.APIKeys     = (*Store)(nil)
	_ store.Clients     = (*Store)(nil)
	_ store.Revocations = (*Store)(nil)
)

// Open returns a Store on db, which belongs to the host: the Store neither closes
// it nor changes its settings. It starts no goroutine and creates no table.
//
// If the Config is invalid, Open returns one error that joins all defects:
// *ConfigError values, each with the path of its field. It also returns an error
// if the database cannot be reached, has settings with which the contract of
// package store would not hold (see the package's documentation), does not have
// exactly the tables of this release, or does not allow to read and write them.
// The checks leave no data behind.
func Open(ctx context.Context, db *sql.DB, c Config) (*Store, error) {
	c, err := checked(db, c)
	if err != nil {
		return nil, err
	}
	if c.Users == nil && c.Passwords == nil {
		if c.Passwords, err = passwords.New(passwords.Config{}); err != nil {
			return nil, err
		}
	}
	if err := c.schema().Check(ctx, db); err != nil {
		return nil, err
	}
	f := c.flavour()
	return &Store{
		db:        db,
		flavour:   f,
		dialect:   c.Dialect,
		host:      c.Users,
		passwords: c.Passwords,
		session:   newSessionSQL(f),
		epoch:     newEpochSQL(f),
		key:       newKeySQL(f),
		client:    newClientSQL(f),
		denial:    newDenialSQL(f),
		user:      newUserSQL(f),
	}, nil
}

// exec runs a statement and returns how many rows it has changed.
func (s *Store) exec(ctx context.Context, doing string, do statement, args ...any) (int64, error) {
	result, err := s.run(ctx, doing, do, args)
	if err != nil {
		return 0, err
	}
	rows, err := result.RowsAffected()
	if err != nil {
		return 0, fmt.Errorf("sqlstore: %s: %w", doing, err)
	}
	return rows, nil
}

// run runs a statement, as sqlschema.Flavour.Repeat does.
func (s *Store) run(ctx context.Context, doing string, do statement, args []any) (result sql.Result, err error) {
	args = do.With(args)
	err = s.flavour.Repeat(ctx, s.db, func(in sqlschema.DB) (err error) {
		result, err = in.ExecContext(ctx, do.Text, args...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("sqlstore: %s: %w", doing, err)
	}
	return result, nil
}

// transact runs statements in one transaction, and all of them again in the cases in
// which run does. On SQLite the first of them must be one that writes.
func (s *Store) transact(ctx context.Context, doing string, do func(*sql.Tx) error) error {
	options := &sql.TxOptions{}
	if s.dialect == PostgreSQL {
		options.Isolation = sql.LevelReadCommitted // each statement sees what was committed while it waited
	}
	err := s.flavour.Repeat(ctx, s.db, func(in sqlschema.DB) error {
		tx, err := in.BeginTx(ctx, options)
		if err != nil {
			return err
		}
		if err := do(tx); err != nil {
			_ = tx.Rollback()
			return err
		}
		return tx.Commit()
	})
	if err != nil && ctx.Err() != nil { // a driver may say that its connection is gone
		err = fmt.Errorf("%w: %w", ctx.Err(), err)
	}
	if err != nil {
		return fmt.Errorf("sqlstore: %s: %w", doing, err)
	}
	return nil
}

// execOne is exec for a statement that changes one row or none. MySQL counts a row twice
// that an INSERT has found and updated.
func (s *Store) execOne(ctx context.Context, doing string, do statement, args ...any) (int64, error) {
	rows, err := s.exec(ctx, doing, do, args...)
	if err == nil && rows != 0 && rows != 1 && (s.dialect != MySQL || rows != 2) {
		return 0, fmt.Errorf("sqlstore: %s: %d rows were changed: %w", doing, rows, errMixedUp)
	}
	return rows, err
}

// insert runs a statement of insertNew, and reports whether a key was taken.
func (s *Store) insert(ctx context.Context, doing string, do statement, args ...any) (taken bool, err error) {
	if s.dialect != MySQL {
		rows, err := s.execOne(ctx, doing, do, args...)
		return rows == 0, err
	}
	result, err := s.run(ctx, doing, do, args)
	if err != nil {
		return false, err
	}
	found, err := result.LastInsertId()
	if err != nil {
		return false, fmt.Errorf("sqlstore: %s: %w", doing, err)
	}
	return found == 1, nil
}

// row is one row, of a query for one or for many.
type row interface{ Scan(dest ...any) error }

// database is a pool, or one connection.
type database interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// one returns the row that the query finds, or ErrNotFound.
func one[T any](ctx context.Context, db database, doing string, scan func(row) (T, error), query statement, args ...any) (T, error) {
	found, err := scan(db.QueryRowContext(ctx, query.Text, query.With(args)...))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return *new(T), fmt.Errorf("sqlstore: %s: %w", doing, store.ErrNotFound)
	case err != nil:
		return *new(T), fmt.Errorf("sqlstore: %s: %w", doing, err)
	}
	return found, nil
}

// many returns all rows that the query finds, or an error and none of them.
func many[T any](ctx context.Context, db database, doing string, scan func(row) (T, error), query statement, args ...any) ([]T, error) {
	rows, err := db.QueryContext(ctx, query.Text, query.With(args)...)
	if err != nil {
		return nil, fmt.Errorf("sqlstore: %s: %w", doing, err)
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		next, err := scan(rows)
		if err != nil {
			return nil, fmt.Errorf("sqlstore: %s: %w", doing, err)
		}
		all = append(all, next)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("sqlstore: %s: %w", doing, err)
	}
	return all, nil
}

// asked makes a scan fail on a row that the query did not ask for: the answer to
// another query, which a pooler or a driver has mixed up with this one.
func asked[T any](scan func(row) (T, error), is func(T) bool) func(row) (T, error) {
	return func(r row) (T, error) {
		v, err := scan(r)
		if err == nil && !is(v) {
			err = errMixedUp
		}
		return v, err
	}
}

var errMixedUp = errors.New("the answer is that of another query: is there a pooler that the driver does not bear?")

// value scans a row of one column.
func value[T any](r row) (v T, err error) {
	err = r.Scan(&v)
	return v, err
}
