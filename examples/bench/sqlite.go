package main

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/sqlstore"
)

// openSQLite makes a file in a folder for temporary ones: a disk, one hopes.
func openSQLite(ctx context.Context, o options, users store.Users) (*place, error) {
	folder, err := os.MkdirTemp("", o.name)
	if err != nil {
		return nil, err
	}
	remove := func(context.Context) error { return os.RemoveAll(folder) }
	file := "file:" + (&url.URL{Path: filepath.ToSlash(filepath.Join(folder, "auth.db"))}).EscapedPath()
	p, db, err := openSQL(ctx, sqlstore.SQLite, "sqlite",
		file+"?_txlock=immediate&_pragma=busy_timeout(60000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)", users)
	if err != nil {
		return nil, errors.Join(err, remove(ctx))
	}
	db.SetMaxOpenConns(4) // one of them writes
	p.fill = func(ctx context.Context, n int, created time.Time) error {
		conn, err := db.Conn(ctx)
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close() }()
		_, large := conn.ExecContext(ctx, "PRAGMA cache_size = -524288")
		err = inSQLite.fill(ctx, conn, n, created)
		_, small := conn.ExecContext(ctx, "PRAGMA cache_size = -2000") // as it was, for the refreshes
		return errors.Join(large, err, small)
	}
	p.size = func(ctx context.Context) (size int64, err error) {
		err = db.QueryRowContext(ctx, "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()").Scan(&size)
		return size, err
	}
	p.settle = func(ctx context.Context) error {
		_, err := db.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)")
		return err
	}
	p.close = func(ctx context.Context) error { return errors.Join(db.Close(), remove(ctx)) }
	err = db.QueryRowContext(ctx, "SELECT 'SQLite ' || sqlite_version() || ', WAL, synchronous FULL'").Scan(&p.server)
	if err != nil {
		return nil, errors.Join(err, p.close(ctx))
	}
	return p, nil
}

// openSQL opens a store whose users are in memory.
func openSQL(ctx context.Context, dialect sqlstore.Dialect, driver, dsn string, users store.Users) (*place, *sql.DB, error) {
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return nil, nil, err
	}
	config := sqlstore.Config{Dialect: dialect, Users: users}
	if err := sqlstore.Migrate(ctx, db, config); err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	s, err := sqlstore.Open(ctx, db, config)
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return &place{Store: s}, db, nil
}
