// Command counters measures how many decisions a second the counters of one node make, by
// 1, 32 and 256 callers, and prints Markdown: in memory, on Redis and in SQL databases, with
// leases and without. Only the ratios mean anything on another machine.
//
//	go run ./examples/bench/counters -redis redis://127.0.0.1:6379/0 -postgres postgres://postgres@127.0.0.1:5432/test -mariadb mysql://root@127.0.0.1:3306/test
//
// It leaves out the servers that are not named. In the databases it makes tables whose names
// begin with sallyport_bench_, and drops them afterwards.
package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"github.com/redis/go-redis/v9"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/sallyport-go/sallyport/examples/internal/mariadb"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/ratelimit/rediscounters"
	"github.com/sallyport-go/sallyport/middleware/ratelimit/sqlcounters"
	"github.com/sallyport-go/sallyport/store/redisstore"
)

const (
	lease  = 50
	prefix = "sallyport_bench_"
)

var long = flag.Duration("long", 2*time.Second, "how long each is measured")

func main() {
	log.SetFlags(0)
	redisURL := flag.String("redis", "", "the URL of a Redis")
	postgres := flag.String("postgres", "", "the URL of a PostgreSQL")
	maria := flag.String("mariadb", "", "the URL of a database in MariaDB")
	flag.Parse()
	ctx := context.Background()
	fmt.Print("| decisions a second of one node | 1 caller | 32 | 256 | 256, on one counter |\n|---|--:|--:|--:|--:|\n")
	measure(ctx, "in memory", ratelimit.Memory())
	err := errors.Join(
		onRedis(ctx, *redisURL),
		inSQL(ctx, "PostgreSQL", sqlcounters.PostgreSQL, "pgx", *postgres),
		onMariaDB(ctx, *maria),
		inSQLite(ctx),
	)
	if err != nil {
		log.Fatal(err)
	}
}

func onRedis(ctx context.Context, url string) error {
	if url == "" {
		return nil
	}
	options, err := redisstore.Options(url)
	if err != nil {
		return err
	}
	client := redis.NewClient(options)
	defer func() { _ = client.Close() }()
	name := "sallyport-bench-" + rand.Text()[:8]
	for _, more := range []int64{0, lease} {
		c, err := rediscounters.New(client, rediscounters.Config{Secret: secret(), Prefix: name, Lease: more})
		if err != nil {
			return err
		}
		measure(ctx, "Redis"+leases(more), c)
	}
	for keys := client.Scan(ctx, 0, name+"*", 1000).Iterator(); keys.Next(ctx); {
		client.Del(ctx, keys.Val())
	}
	return nil
}

func onMariaDB(ctx context.Context, url string) error {
	if url == "" {
		return nil
	}
	config, err := mariadb.Config(url)
	if err != nil {
		return fmt.Errorf("-mariadb: %w", err)
	}
	return inSQL(ctx, "MariaDB", sqlcounters.MySQL, "mysql", config.FormatDSN())
}

func inSQLite(ctx context.Context) error {
	folder, err := os.MkdirTemp("", "sallyport-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	return inSQL(ctx, "SQLite", sqlcounters.SQLite, "sqlite", "file:"+filepath.Join(folder, "counters.db")+
		"?_pragma=busy_timeout(60000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
}

func inSQL(ctx context.Context, name string, dialect sqlcounters.Dialect, driver, dsn string) error {
	if dsn == "" {
		return nil
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	db.SetMaxOpenConns(16)
	db.SetMaxIdleConns(16)
	config := sqlcounters.Config{Dialect: dialect, Secret: secret(), Prefix: prefix, Timeout: time.Minute}
	if err := sqlcounters.Migrate(ctx, db, config); err != nil {
		return err
	}
	defer drop(ctx, db, dialect)
	for _, more := range []int64{0, lease} {
		config.Lease = more
		c, err := sqlcounters.New(db, config)
		if err != nil {
			return err
		}
		measure(ctx, name+leases(more), c)
	}
	return nil
}

// drop runs what the migration has for going back.
func drop(ctx context.Context, db *sql.DB, dialect sqlcounters.Dialect) {
	statements := []string{"DROP TABLE sallyport_bench_counters", "DROP TABLE sallyport_bench_counter_resets", "DROP TABLE sallyport_bench_counter_migrations"}
	switch dialect {
	case sqlcounters.PostgreSQL:
		statements = append(statements, "DROP FUNCTION sallyport_bench_count_1(TEXT, BIGINT, INTEGER, INTEGER, TEXT)") //nolint:dupword // its types
	case sqlcounters.MySQL:
		statements = append(statements, "DROP PROCEDURE sallyport_bench_count_1")
	case sqlcounters.SQLite:
	}
	for _, statement := range statements {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			log.Print(err)
		}
	}
}

func secret() []byte { return []byte(rand.Text() + rand.Text()) }

func leases(more int64) string {
	if more == 0 {
		return ""
	}
	return fmt.Sprintf(", leases of %d", more)
}

// measure measures counters and prints a row.
func measure(ctx context.Context, name string, c ratelimit.Counters) {
	cells := make([]string, 0, 4)
	for _, callers := range []int{1, 32, 256} {
		cells = append(cells, speed(ctx, c, callers, callers*4))
	}
	cells = append(cells, speed(ctx, c, 256, 1))
	fmt.Printf("| %s | %s |\n", name, strings.Join(cells, " | "))
}

// speed is how many decisions so many callers get in a second, on so many counters.
func speed(ctx context.Context, c ratelimit.Counters, callers, keys int) string {
	var done atomic.Int64
	var all sync.WaitGroup
	run := rand.Text()
	ends := time.Now().Add(*long)
	for i := range callers {
		all.Go(func() {
			for n := i; time.Now().Before(ends); n++ {
				one := ratelimit.Charge{Key: run + strconv.Itoa(n%keys), Cost: 1, Policy: ratelimit.Policy{Name: "bench", Limit: 1 << 40, Window: 24 * time.Hour}}
				if d, err := c.Take(ctx, []ratelimit.Charge{one}, nil); err != nil || !d.Allowed {
					log.Fatalf("%+v, %v", d, err)
				}
				done.Add(1)
			}
		})
	}
	all.Wait()
	return fmt.Sprintf("%.0f", float64(done.Load())/long.Seconds())
}
