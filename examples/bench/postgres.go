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
	p.fill = func(ctx context.Context, n int) error {
		if _, err := db.ExecContext(ctx, fillPostgres, n); err != nil {
			return err
		}
		_, err := db.ExecContext(ctx, fillEpochs)
		return err
	}
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

// fillEpochs adds what a login adds for each user.
const fillEpochs = `
INSERT INTO sallyport_epochs (user_id, epoch, ended_at, until)
SELECT user_id, 0, NULL, expires_at + 2592000000000 FROM sallyport_sessions WHERE true
ON CONFLICT DO NOTHING`

const fillPostgres = `
INSERT INTO sallyport_sessions
  (id, user_id, client_id, scopes, generation, created_at, idle_until, advanced_at, expires_at, label)
SELECT left(md5(random()::text || i), 22), left(md5(random()::text || i), 26), 'web', '[]', 1, t, t + 2592000000000 - i * 1000000, t, t + 7776000000000, 'Firefox on Linux'
FROM generate_series(1, $1::bigint) i, (SELECT extract(epoch FROM now())::bigint * 1000000 AS t) now`
