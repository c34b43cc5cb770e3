package sqlstore_test

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/sqlstore"
)

// Users, sessions, API keys, clients and the deny list in a database of the host's.
// The host imports the driver, here pgx ("github.com/jackc/pgx/v5/stdlib"). The
// examples that run are in examples/stores, with SQLite.
func Example() { //nolint:testableexamples // it needs a driver and a server
	ctx := context.Background()
	db, err := sql.Open("pgx", "postgres://app@db.internal/app?sslmode=verify-full&connect_timeout=5")
	if err != nil {
		panic(err)
	}
	db.SetMaxOpenConns(16)

	config := sqlstore.Config{Dialect: sqlstore.PostgreSQL}
	if err := sqlstore.Migrate(ctx, db, config); err != nil {
		panic(err)
	}
	users, err := sqlstore.Open(ctx, db, config)
	if err != nil {
		panic(err)
	}
	if err := users.AddUser(ctx, store.User{ID: "u1", Login: "ada", Tier: "free"}, "correct horse"); err != nil {
		panic(err)
	}
	// users goes into tokens.Config, as Store and as APIKeys.
	n, err := users.DeleteExpiredSessions(ctx, time.Now())
	fmt.Println(n, err)
}

// A host with a migration tool of its own takes the files from here.
func ExampleMigrations() {
	files, err := sqlstore.Migrations(sqlstore.Config{Dialect: sqlstore.PostgreSQL, Prefix: "auth_"})
	if err != nil {
		panic(err)
	}
	names, err := fs.Glob(files, "00001_*")
	fmt.Println(names, err)
	// Output:
	// [00001_sessions.sql] <nil>
}
