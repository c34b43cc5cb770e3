package postgrestest

import (
	"database/sql"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/internal/redistest"
)

// LeavesNothing fails the test if there is a schema, or a key in Redis, whose name
// begins with this: for a program that takes its place away when it is over.
func LeavesNothing(t testing.TB, postgresURL, redisURL, name string) {
	t.Helper()
	db, err := sql.Open("pgx", postgresURL)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var schemas int
	if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM pg_namespace WHERE nspname LIKE $1 || '%'", name).Scan(&schemas); err != nil {
		t.Fatal(err)
	}
	options, err := redis.ParseURL(redisURL)
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(options)
	defer func() { _ = client.Close() }()
	if keys := redistest.Keys(t, client, name); schemas > 0 || len(keys) > 0 {
		t.Errorf("it has left %d schemas and the keys %q", schemas, keys)
	}
}
