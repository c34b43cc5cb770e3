// Package sqlrows runs the statements of a host's own Store on database/sql, and
// translates what they find into the errors of package store. Each function is a few
// lines that every such Store repeats; use those that fit.
//
//	func (s *Store) CreateSession(ctx context.Context, n store.Session) error {
//		return sqlrows.Insert(ctx, s.db, `INSERT INTO sessions VALUES (?, ?) ON CONFLICT DO NOTHING`, n.ID, n.UserID)
//	}
//
// It imports no driver and knows no dialect: a statement goes to the database as it is.
// An error of the driver is returned wrapped, so it means that the store failed.
// Everything here is safe for concurrent use.
//
// # Affected rows
//
// Exec, Insert and DeleteBatches rely on how many rows the driver says that a statement
// changed. Most databases count the rows that the WHERE finds. MySQL and MariaDB count
// those whose values differ afterwards, unless the DSN of go-sql-driver/mysql has
// clientFoundRows=true. An UPDATE that always changes what it finds, such as
// "SET generation = generation + 1" or "SET revoked_at = ? WHERE revoked_at IS NULL", is
// counted alike in both ways.
package sqlrows

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport-go/sallyport/store"
)

// DB runs statements: a *sql.DB, a *sql.Conn or a *sql.Tx.
type DB interface {
	// ExecContext runs a statement that returns no rows.
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	// QueryRowContext runs a query that returns at most one row.
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// Exec runs a statement and returns how many rows it has changed.
func Exec(ctx context.Context, db DB, statement string, args ...any) (int64, error) {
	result, err := db.ExecContext(ctx, statement, args...)
	if err != nil {
		return 0, fmt.Errorf("sqlrows: %w", err)
	}
	changed, err := result.RowsAffected()
	if err != nil {
		return 0, fmt.Errorf("sqlrows: %w", err)
	}
	return changed, nil
}

// Insert runs a statement that inserts a row unless there is one with its key, such as
// INSERT ... ON CONFLICT DO NOTHING. It returns [store.ErrConflict] if no row was
// inserted. A statement that reports a taken key as an error is not for it: that is
// returned as any other error.
func Insert(ctx context.Context, db DB, statement string, args ...any) error {
	inserted, err := Exec(ctx, db, statement, args...)
	if err == nil && inserted == 0 {
		return store.ErrConflict
	}
	return err
}

// Scan scans the columns of the one row of a query. It returns [store.ErrNotFound] if
// there is none.
func Scan(row *sql.Row, into ...any) error {
	err := row.Scan(into...)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return store.ErrNotFound
	case err != nil:
		return fmt.Errorf("sqlrows: %w", err)
	}
	return nil
}

// JSON decodes into a pointer the one column of the one row of a query, which is JSON: a
// row that is stored so, or many in an array that the database builds. It returns
// [store.ErrNotFound] if there is no row.
func JSON(ctx context.Context, db DB, into any, query string, args ...any) error {
	var found []byte
	if err := Scan(db.QueryRowContext(ctx, query, args...), &found); err != nil {
		return err
	}
	if err := json.Unmarshal(found, into); err != nil {
		return fmt.Errorf("sqlrows: a column that is not the JSON of %T: %w", into, err)
	}
	return nil
}

// pause lets others have their turn between two batches.
const pause = 10 * time.Millisecond

// DeleteBatches repeats a statement that deletes a batch of rows, for example 1000,
// until it finds none, and returns how many it has deleted, also if it fails. Between
// two batches it pauses for 10 ms. With a *sql.Tx nothing is committed in between: use a
// *sql.DB.
func DeleteBatches(ctx context.Context, db DB, statement string, args ...any) (deleted int, err error) {
	for {
		rows, err := Exec(ctx, db, statement, args...)
		deleted += int(rows)
		if err != nil || rows == 0 {
			return deleted, err
		}
		rest := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			rest.Stop()
			return deleted, fmt.Errorf("sqlrows: %w", ctx.Err())
		case <-rest.C:
		}
	}
}
