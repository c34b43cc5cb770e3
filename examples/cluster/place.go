package main

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"

	"github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/middleware/ratelimit/sqlcounters"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/redisstore"
	"github.com/sallyport-go/sallyport/store/sqlstore"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

// accounts are the users, who have one account each.
var accounts = []string{"ada", "grace", "edsger"}

const password = "correct horse & battery"

// drivers are the names of the drivers of the databases.
var drivers = map[sqlstore.Dialect]string{sqlstore.PostgreSQL: "pgx", sqlstore.MySQL: "mysql"}

// place is what the cluster has to itself on its servers: a schema in PostgreSQL or a
// database in MariaDB, a prefix on Redis, and secrets that all nodes have.
type place struct {
	secrets

	name   string
	admin  *sql.DB // outside of the schema
	drop   string  // the statement that takes the schema away
	db     *sql.DB
	client *redis.Client
	store  *sqlstore.Store
}

// secrets are what a node is told.
type secrets struct {
	Dialect sqlstore.Dialect `json:"dialect"`
	DSN     string           `json:"dsn"`   // with the schema
	Redis   string           `json:"redis"` // empty: counters and deny list are in the database, too

	Prefix     string `json:"prefix"`
	Signing    []byte `json:"signing"`    // the key of access tokens
	Refreshing []byte `json:"refreshing"` // the key of refresh tokens
	Counting   []byte `json:"counting"`   // what the names of counters are made with
	Limit      int64  `json:"limit"`
}

// countersConfig is for counters in the database.
func (s secrets) countersConfig() sqlcounters.Config {
	return sqlcounters.Config{Dialect: sqlcounters.Dialect(s.Dialect), Secret: s.Counting}
}

// claim makes the place, and the users in it.
func claim(ctx context.Context, o options) (_ *place, err error) {
	p := &place{name: o.name}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.release(context.WithoutCancel(ctx)))
		}
	}()
	p.secrets = secrets{
		Redis: o.redis, Prefix: p.name, Limit: int64(o.limit),
		Signing: []byte(keys.NewSecret()), Refreshing: []byte(keys.NewSecret()), Counting: []byte(keys.NewSecret()),
	}
	if o.redis != "" {
		if err := p.claimRedis(ctx); err != nil {
			return nil, err
		}
	}
	claimDatabase := p.claimPostgres
	if o.mariadb {
		claimDatabase = p.claimMariaDB
	}
	if err := claimDatabase(ctx, o.database); err != nil {
		return nil, err
	}
	if err := p.fill(ctx); err != nil {
		return nil, err
	}
	for _, name := range accounts {
		u := store.User{ID: "u-" + name, Login: name, Account: "a-" + name, Tier: "team", Seats: 1}
		if err := p.store.AddUser(ctx, u, password); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func (p *place) claimRedis(ctx context.Context) error {
	options, err := redisstore.Options(p.Redis)
	if err != nil {
		return fmt.Errorf("SALLYPORT_REDIS: %w", err)
	}
	client := redis.NewClient(options)
	if err := client.Ping(ctx).Err(); err != nil {
		return errors.Join(fmt.Errorf("no Redis at %s: start one, or name another in SALLYPORT_REDIS", options.Addr), client.Close())
	}
	p.client = client
	return nil
}

func (p *place) claimPostgres(ctx context.Context, server string) error {
	address, err := url.Parse(server)
	if err != nil {
		return errors.New("SALLYPORT_POSTGRES is no URL") // which may have a password in it
	}
	admin, err := sql.Open("pgx", server)
	if err != nil {
		return fmt.Errorf("SALLYPORT_POSTGRES: %w", err)
	}
	if err := admin.PingContext(ctx); err != nil {
		return errors.Join(fmt.Errorf("no PostgreSQL at %s: start one, or name another in SALLYPORT_POSTGRES", address.Host), admin.Close())
	}
	p.admin, p.drop = admin, "DROP SCHEMA IF EXISTS "+p.name+" CASCADE"
	if _, err := p.admin.ExecContext(ctx, "CREATE SCHEMA "+p.name); err != nil {
		return err
	}
	settings := address.Query()
	settings.Set("search_path", p.name)
	address.RawQuery = settings.Encode()
	p.Dialect, p.DSN = sqlstore.PostgreSQL, address.String()
	return nil
}

func (p *place) claimMariaDB(ctx context.Context, server string) error {
	address, err := url.Parse(server)
	if err != nil {
		return errors.New("SALLYPORT_MARIADB is no URL") // which may have a password in it
	}
	config := mysql.NewConfig()
	config.Net, config.Addr = "tcp", net.JoinHostPort(address.Hostname(), cmp.Or(address.Port(), "3306"))
	config.User = address.User.Username()
	config.Passwd, _ = address.User.Password()
	config.InterpolateParams = true // a statement takes one round trip
	admin, err := sql.Open("mysql", config.FormatDSN())
	if err != nil {
		return fmt.Errorf("SALLYPORT_MARIADB: %w", err)
	}
	if err := admin.PingContext(ctx); err != nil {
		return errors.Join(fmt.Errorf("no MariaDB at %s: start one, or name another in SALLYPORT_MARIADB", config.Addr), admin.Close())
	}
	p.admin, p.drop = admin, "DROP DATABASE IF EXISTS "+p.name
	if _, err := p.admin.ExecContext(ctx, "CREATE DATABASE "+p.name); err != nil {
		return err
	}
	config.DBName = p.name
	p.Dialect, p.DSN = sqlstore.MySQL, config.FormatDSN()
	return nil
}

// fill makes the tables.
func (p *place) fill(ctx context.Context) (err error) {
	if p.db, err = sql.Open(drivers[p.Dialect], p.DSN); err != nil {
		return err
	}
	if err := sqlstore.Migrate(ctx, p.db, sqlstore.Config{Dialect: p.Dialect}); err != nil {
		return err
	}
	if p.Redis == "" {
		if err := sqlcounters.Migrate(ctx, p.db, p.countersConfig()); err != nil {
			return err
		}
	}
	p.store, err = sqlstore.Open(ctx, p.db, sqlstore.Config{Dialect: p.Dialect})
	return err
}

// release takes away all that there is of the place.
func (p *place) release(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var errs []error
	if p.db != nil {
		errs = append(errs, p.db.Close())
	}
	if p.admin != nil {
		_, err := p.admin.ExecContext(ctx, p.drop) //nolint:gosec // the name is the program's
		errs = append(errs, err, p.admin.Close())
	}
	if p.client != nil {
		keys := p.client.Scan(ctx, 0, p.Prefix+"*", 1000).Iterator()
		for keys.Next(ctx) {
			errs = append(errs, p.client.Del(ctx, keys.Val()).Err())
		}
		errs = append(errs, keys.Err(), p.client.Close())
	}
	return errors.Join(errs...)
}
