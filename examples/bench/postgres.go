package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/sqlstore"
)

// openPostgres makes a schema.
func openPostgres(ctx context.Context, o options, users store.Users) (*place, error) {
	address, err := url.Parse(o.postgres)
	if err != nil {
		return nil, errors.New("SALLYPORT_POSTGRES is no URL") // which may have a password in it
	}
	admin, err := sql.Open("pgx", o.postgres)
	if err != nil {
		return nil, fmt.Errorf("SALLYPORT_POSTGRES: %w", err)
	}
	if err := admin.PingContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("no PostgreSQL at %s: start one, or name another in SALLYPORT_POSTGRES", address.Host), admin.Close())
	}
	schema := o.name + "_" + strings.ToLower(rand.Text()[:8])
	if _, err := admin.ExecContext(ctx, "CREATE SCHEMA "+schema); err != nil {
		return nil, errors.Join(err, admin.Close())
	}
	drop := func(ctx context.Context) error {
		_, err := admin.ExecContext(ctx, "DROP SCHEMA "+schema+" CASCADE")
		return errors.Join(err, admin.Close())
	}
	settings := address.Query()
	settings.Set("search_path", schema)
	address.RawQuery = settings.Encode()
	p, db, err := openSQL(ctx, sqlstore.PostgreSQL, "pgx", address.String(), users)
	if err != nil {
		return nil, errors.Join(err, drop(ctx))
	}
	db.SetMaxOpenConns(32)
	db.SetMaxIdleConns(32)
	p.fill = inPostgres.filling(db)
	p.size = func(ctx context.Context) (size int64, err error) {
		err = db.QueryRowContext(ctx, "SELECT pg_total_relation_size('sallyport_sessions') + pg_total_relation_size('sallyport_epochs')").Scan(&size)
		return size, err
	}
	p.settle = func(ctx context.Context) error {
		_, err := db.ExecContext(ctx, "VACUUM (ANALYZE) sallyport_sessions, sallyport_epochs")
		return err
	}
	p.close = func(ctx context.Context) error { return errors.Join(db.Close(), drop(ctx)) }
	err = db.QueryRowContext(ctx, "SELECT 'PostgreSQL ' || split_part(current_setting('server_version'), ' ', 1) || ', synchronous_commit ' || "+
		"current_setting('synchronous_commit') || ', fsync ' || current_setting('fsync')").Scan(&p.server)
	if err != nil {
		return nil, errors.Join(err, p.close(ctx))
	}
	return p, nil
}
