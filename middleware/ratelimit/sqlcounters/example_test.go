package sqlcounters_test

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/sallyport-go/sallyport/configerror"
	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/ratelimit/sqlcounters"
)

// Nodes with the same secret and the same database count together. The host imports the
// driver, here pgx ("github.com/jackc/pgx/v5/stdlib"). The module examples/databases has
// an example that runs, with SQLite.
func Example() { //nolint:testableexamples // it needs a driver and a server
	ctx := context.Background()
	db, err := sql.Open("pgx", "postgres://app@db.internal/app?sslmode=verify-full&connect_timeout=5")
	if err != nil {
		panic(err)
	}
	db.SetMaxOpenConns(16)
	db.SetMaxIdleConns(16)

	config := sqlcounters.Config{
		Dialect: sqlcounters.PostgreSQL,
		Secret:  []byte("32 random bytes, same on all nodes"), // out of the host's secrets
	}
	if err := sqlcounters.Migrate(ctx, db, config); err != nil {
		panic(err)
	}
	counters, err := sqlcounters.New(db, config)
	if err != nil {
		panic(err)
	}
	go counters.SweepEvery(ctx, time.Hour, func(err error) { fmt.Println(err) })

	// All nodes that have it admit the limit together.
	_ = middleware.Config{Counters: counters}
}

// The secret must be random, and a lease is of more than one charge.
func ExampleNew_wrong() {
	_, err := sqlcounters.New(nil, sqlcounters.Config{Secret: []byte("secret"), Lease: 1})
	for e := range configerror.All(err) {
		fmt.Printf("%s: %s\n", e.Path, e.Problem)
	}
	// Output:
	// db: must be a *sql.DB, got nil
	// Config.Dialect: is required: SQLite, PostgreSQL or MySQL
	// Config.Secret: must be 32 random bytes or more, got 6
	// Config.Lease: must be 2 to 100000, got 1
}
