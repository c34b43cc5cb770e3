package databases_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/ratelimit/sqlcounters"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/sqlstore"
)

// The embedded store that outlives a restart: one SQLite file.
func Example_sqlite() {
	ctx := context.Background()
	folder, err := os.MkdirTemp("", "sallyport-")
	check(err)
	defer func() { _ = os.RemoveAll(folder) }()

	// The three settings are what makes it safe; Open says so if one is missing.
	db, err := sql.Open("sqlite", "file:"+filepath.Join(folder, "auth.db")+
		"?_txlock=immediate&_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	check(err)
	defer db.Close()

	config := sqlstore.Config{Dialect: sqlstore.SQLite}
	check(sqlstore.Migrate(ctx, db, config))
	users, err := sqlstore.Open(ctx, db, config)
	check(err)
	check(users.AddUser(ctx, store.User{ID: "u1", Login: "ada", Tier: "free", Seats: 1}, "correct horse & battery"))

	// It goes into tokens.Config.Store, and wherever else a store is asked for.
	ada, err := users.Authenticate(ctx, "ada", "correct horse & battery")
	fmt.Println(ada.ID, ada.Tier, err)

	// What has expired is forgotten when the host says so: once an hour will do.
	n, err := users.DeleteExpiredSessions(ctx, time.Now())
	fmt.Println(n, err)
	// Output:
	// u1 free <nil>
	// 0 <nil>
}

// Open returns an error if the settings or the tables are missing.
func Example_sqlite_wrong() {
	ctx := context.Background()
	folder, err := os.MkdirTemp("", "sallyport-")
	check(err)
	defer func() { _ = os.RemoveAll(folder) }()

	bare, err := sql.Open("sqlite", "file:"+filepath.Join(folder, "auth.db")+"?_pragma=synchronous(FULL)")
	check(err)
	defer bare.Close()
	_, err = sqlstore.Open(ctx, bare, sqlstore.Config{Dialect: sqlstore.SQLite})
	fmt.Println(err)

	set, err := sql.Open("sqlite", "file:"+filepath.Join(folder, "auth.db")+
		"?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	check(err)
	defer set.Close()
	_, err = sqlstore.Open(ctx, set, sqlstore.Config{Dialect: sqlstore.SQLite})
	fmt.Println(err)
	// Output:
	// sqlstore: SQLite: journal_mode is "delete": readers and writers would shut each other out; add _pragma=journal_mode(WAL) to the DSN
	// sqlstore: SQLite: busy_timeout is 0: writers would fail instead of taking turns; add _pragma=busy_timeout(5000) to the DSN, where it is for every connection
	// sqlstore: the tables sallyport_* are not there: run sqlstore.Migrate (on PostgreSQL they are looked for in those schemas of the search_path that the role may use, on MySQL in the database of the DSN)
}

// A host that has its users elsewhere gives them to the store; it then keeps
// sessions, keys, clients and the deny list.
func Example_ownUsers() {
	ctx := context.Background()
	db, err := sql.Open("sqlite", ":memory:")
	check(err)
	defer db.Close()
	db.SetMaxOpenConns(1) // one connection, one database in memory

	config := sqlstore.Config{Dialect: sqlstore.SQLite, Users: directory{}}
	check(sqlstore.Migrate(ctx, db, config))
	s, err := sqlstore.Open(ctx, db, config)
	check(err)

	ada, err := s.User(ctx, "u1") // asks the directory
	fmt.Println(ada.Login, err)
	err = s.RemoveUser(ctx, "u1")
	fmt.Println(errors.Is(err, errors.ErrUnsupported))
	// Output:
	// ada <nil>
	// true
}

// Counters in the database that the host has already: all processes with this file and
// this secret admit the limit together.
func Example_counters() {
	ctx := context.Background()
	folder, err := os.MkdirTemp("", "sallyport-")
	check(err)
	defer func() { _ = os.RemoveAll(folder) }()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(folder, "counters.db")+
		"?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	check(err)
	defer db.Close()

	config := sqlcounters.Config{Dialect: sqlcounters.SQLite, Secret: []byte("32 random bytes, same on all nodes")}
	check(sqlcounters.Migrate(ctx, db, config))
	counters, err := sqlcounters.New(db, config)
	check(err)

	charges := []ratelimit.Charge{
		{Key: "ada", Cost: 1, Policy: ratelimit.Policy{Name: "minute", Limit: 2, Window: time.Minute}},
		{Key: "ada", Cost: 1, Policy: ratelimit.Policy{Name: "hour", Limit: 100, Window: time.Hour, Algorithm: ratelimit.Rolling}},
	}
	for range 3 { // both are charged, or none
		d, err := counters.Take(ctx, charges, nil)
		check(err)
		fmt.Println(d.Allowed, d.Status[0].Remaining, d.Status[1].Remaining)
	}
	// Output:
	// true 1 99
	// true 0 98
	// false 0 98
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
