package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/passwords"
)

// Store remembers users, sessions, API keys, clients and ended sessions in a
// database. It is a [store.Store], a [store.APIKeys], a [store.Clients] and a
// [store.Revocations]. Any number of goroutines may use it at once, and any
// number of processes its database. Nothing is cached: what one node has written
// all nodes read.
type Store struct {
	db        *sql.DB
	host      store.Users // Config.Users
	passwords *passwords.Hasher

	session sessionSQL
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

// Open returns a Store on db, which stays the host's: it is neither closed nor
// set otherwise.
//
// It fails if c is wrong, and then returns all that is: *ConfigError values, joined.
// It also fails if the database cannot
// be reached, is set so that the contract would not hold (see the package's
// documentation), does not have exactly the tables that this release works with,
// or does not let them be read and written. What it does to find out leaves
// nothing behind. It makes no table and never falls back to something else.
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
	if err := inspect(ctx, db, c, inspection.ready); err != nil {
		return nil, err
	}
	f := c.flavour()
	return &Store{
		db:        db,
		host:      c.Users,
		passwords: c.Passwords,
		session:   newSessionSQL(f),
		key:       newKeySQL(f),
		client:    newClientSQL(f),
		denial:    newDenialSQL(f),
		user:      newUserSQL(f),
	}, nil
}

// exec runs a statement and says how many rows it has changed.
func (s *Store) exec(ctx context.Context, doing, statement string, args ...any) (int64, error) {
	result, err := s.db.ExecContext(ctx, statement, args...)
	if err != nil {
		return 0, fmt.Errorf("sqlstore: %s: %w", doing, err)
	}
	rows, err := result.RowsAffected()
	if err != nil {
		return 0, fmt.Errorf("sqlstore: %s: %w", doing, err)
	}
	return rows, nil
}

// row is one row, of a query for one or for many.
type row interface{ Scan(dest ...any) error }

// database is a pool, or one connection.
type database interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// one returns the row that the query finds, or ErrNotFound.
func one[T any](ctx context.Context, db database, doing string, scan func(row) (T, error), query string, args ...any) (T, error) {
	found, err := scan(db.QueryRowContext(ctx, query, args...))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return *new(T), fmt.Errorf("sqlstore: %s: %w", doing, store.ErrNotFound)
	case err != nil:
		return *new(T), fmt.Errorf("sqlstore: %s: %w", doing, err)
	}
	return found, nil
}

// many returns all rows that the query finds. Half a list is none.
func many[T any](ctx context.Context, db database, doing string, scan func(row) (T, error), query string, args ...any) ([]T, error) {
	rows, err := db.QueryContext(ctx, query, args...)
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

// value scans a row of one column.
func value[T any](r row) (v T, err error) {
	err = r.Scan(&v)
	return v, err
}
