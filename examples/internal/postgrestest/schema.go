// Package postgrestest gives tests a PostgreSQL: a schema on the server that
// SALLYPORT_POSTGRES names or, without it, on this machine; or a server of their
// own that they may kill.
package postgrestest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"github.com/sallyport-go/sallyport/internal/skip"
)

// Schema returns the address of a schema that the test has to itself, and drops
// it when the test ends. Where there is no server the test is skipped, or fails
// if SALLYPORT_REQUIRE_SERVICES is set.
func Schema(t testing.TB) (dsn string) {
	t.Helper()
	server := url.URL{Scheme: "postgres", User: url.User("postgres"), Host: "127.0.0.1:5432", Path: "/test", RawQuery: "sslmode=disable"}
	if named := os.Getenv("SALLYPORT_POSTGRES"); named != "" {
		parsed, err := url.Parse(named)
		if err != nil {
			t.Fatal("SALLYPORT_POSTGRES is no URL") // which may have a password in it
		}
		server = *parsed
	}
	if err := answers(server.String()); err != nil {
		skip.Skip(t, fmt.Sprintf("no PostgreSQL at %s (%v)", server.Host, err))
	}
	schema := "sallyport_test_" + strings.ToLower(rand.Text())
	if err := run(t.Context(), server.String(), "CREATE SCHEMA "+schema); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := run(context.WithoutCancel(t.Context()), server.String(), "DROP SCHEMA "+schema+" CASCADE"); err != nil {
			t.Errorf("cleaning up: %v", err)
		}
	})
	settings := server.Query()
	settings.Set("search_path", schema)
	server.RawQuery = settings.Encode()
	return server.String()
}

func run(ctx context.Context, dsn, statement string) error {
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.ExecContext(ctx, statement)
	return err
}

// answers is asked once for all tests.
func answers(dsn string) error {
	asked.Do(func() { errAsked = run(context.Background(), dsn, "SELECT 1") })
	return errAsked
}

var (
	asked    sync.Once
	errAsked error
)
