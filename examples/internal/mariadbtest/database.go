// Package mariadbtest gives tests a MariaDB: a database on the server that
// SALLYPORT_MARIADB names or, without it, on this machine; or a server of their own that
// they may kill.
package mariadbtest

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/sallyport-go/sallyport/examples/internal/mariadb"
	"github.com/sallyport-go/sallyport/internal/skip"
)

// Database returns the DSN of a database that the test has to itself, and drops it when
// the test ends. Where there is no server the test is skipped, or fails if
// SALLYPORT_REQUIRE_SERVICES is set.
func Database(t testing.TB) (dsn string) {
	t.Helper()
	c, err := mariadb.Config(URL(t))
	if err != nil {
		t.Fatal(err)
	}
	return c.FormatDSN()
}

// URL returns the URL of a database, as Database returns its DSN.
func URL(t testing.TB) string {
	t.Helper()
	address := cmp.Or(os.Getenv("SALLYPORT_MARIADB"), "mysql://root@127.0.0.1:3306/")
	c, err := mariadb.Config(address)
	if err != nil {
		t.Fatal("SALLYPORT_MARIADB is no URL") // which may have a password in it
	}
	c.DBName = ""
	if err := answers(c); err != nil {
		skip.Skip(t, fmt.Sprintf("no MariaDB at %s (%v)", c.Addr, err))
	}
	name := "sallyport_test_" + strings.ToLower(rand.Text())
	if err := run(t.Context(), c, "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := run(context.WithoutCancel(t.Context()), c, "DROP DATABASE "+name); err != nil {
			t.Errorf("cleaning up: %v", err)
		}
	})
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal("SALLYPORT_MARIADB is no URL")
	}
	u.Path = "/" + name
	return u.String()
}

func run(ctx context.Context, c *mysql.Config, statement string) error {
	db, err := sql.Open("mysql", c.FormatDSN())
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.ExecContext(ctx, statement)
	return err
}

// answers is asked once for all tests.
func answers(c *mysql.Config) error {
	asked.Do(func() { errAsked = run(context.Background(), c, "DO 1") })
	return errAsked
}

var (
	asked    sync.Once
	errAsked error
)
