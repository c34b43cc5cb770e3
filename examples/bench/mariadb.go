package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/go-sql-driver/mysql"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/sqlstore"
)

// openMariaDB makes a database.
func openMariaDB(ctx context.Context, o options, users store.Users) (*place, error) {
	address, err := url.Parse(o.mariadb)
	if err != nil {
		return nil, errors.New("SALLYPORT_MARIADB is no URL") // which may have a password in it
	}
	config := mysql.NewConfig()
	config.Net, config.Addr = "tcp", net.JoinHostPort(address.Hostname(), cmp.Or(address.Port(), "3306"))
	config.User = address.User.Username()
	config.Passwd, _ = address.User.Password()
	config.InterpolateParams = true
	admin, err := sql.Open("mysql", config.FormatDSN())
	if err != nil {
		return nil, fmt.Errorf("SALLYPORT_MARIADB: %w", err)
	}
	if err := admin.PingContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("no MariaDB at %s: start one, or name another in SALLYPORT_MARIADB", config.Addr), admin.Close())
	}
	name := o.name + "_" + strings.ToLower(rand.Text()[:8])
	if _, err := admin.ExecContext(ctx, "CREATE DATABASE "+name); err != nil {
		return nil, errors.Join(err, admin.Close())
	}
	drop := func(ctx context.Context) error {
		_, err := admin.ExecContext(ctx, "DROP DATABASE "+name)
		return errors.Join(err, admin.Close())
	}
	config.DBName = name
	p, db, err := openSQL(ctx, sqlstore.MySQL, "mysql", config.FormatDSN(), users)
	if err != nil {
		return nil, errors.Join(err, drop(ctx))
	}
	db.SetMaxOpenConns(32)
	db.SetMaxIdleConns(32)
	p.fill = inMariaDB.filling(db)
	p.size = func(ctx context.Context) (size int64, err error) {
		err = admin.QueryRowContext(ctx, "SELECT CAST(SUM(file_size) AS INTEGER) FROM information_schema.innodb_sys_tablespaces WHERE name IN (?, ?)",
			name+"/sallyport_sessions", name+"/sallyport_epochs").Scan(&size)
		return size, err
	}
	p.settle = func(ctx context.Context) error {
		_, err := db.ExecContext(ctx, "ANALYZE TABLE sallyport_sessions, sallyport_epochs")
		return err
	}
	p.close = func(ctx context.Context) error { return errors.Join(db.Close(), drop(ctx)) }
	err = db.QueryRowContext(ctx, "SELECT CONCAT('MariaDB ', SUBSTRING_INDEX(@@version, '-', 1), ', innodb_flush_log_at_trx_commit ', "+
		"@@innodb_flush_log_at_trx_commit, ', buffer pool ', @@innodb_buffer_pool_size DIV 1048576, ' MB')").Scan(&p.server)
	if err != nil {
		return nil, errors.Join(err, p.close(ctx))
	}
	return p, nil
}
