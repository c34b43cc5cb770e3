package sqlstore_test

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"time"

	"github.com/sallyport-go/sallyport/configerror"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/sqlstore"
)

// Users, sessions, API keys, clients and the deny list are in the host's database. The
// host imports the driver, here pgx ("github.com/jackc/pgx/v5/stdlib"). The module
// examples/databases has examples that run, with SQLite.
func Example() { //nolint:testableexamples // it needs a driver and a server
	ctx := context.Background()
	db, err := sql.Open("pgx", "postgres://app@db.internal/app?sslmode=verify-full&connect_timeout=5")
	if err != nil {
		panic(err)
	}
	db.SetMaxOpenConns(16)
	db.SetMaxIdleConns(16)

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
	// users is the Store, the APIKeys, the Clients and the Revocations of a tokens.Config.
	n, err := users.DeleteExpiredSessions(ctx, time.Now())
	fmt.Println(n, err)
}

// A host with a migration tool takes the files from Migrations.
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

// Open checks the whole Config before it uses the database.
func ExampleOpen_wrong() {
	_, err := sqlstore.Open(context.Background(), nil, sqlstore.Config{Dialect: "oracle", Prefix: "Auth"})
	for e := range configerror.All(err) {
		fmt.Printf("%s: %s\n", e.Path, e.Problem)
	}
	// Output:
	// db: must be a *sql.DB, got nil
	// Config.Dialect: must be SQLite, PostgreSQL or MySQL, got "oracle"
	// Config.Prefix: must be a letter, then letters, digits and underscores, lower-case, 32 at most, got "Auth"
}
