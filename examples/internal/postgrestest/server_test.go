package postgrestest_test

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/examples/internal/postgrestest"
	"github.com/sallyport-go/sallyport/internal/skip"
)

// What a server has confirmed is there after it was killed, and of the server that
// was killed there is nothing left that runs.
func TestAServerThatIsKilled(t *testing.T) {
	t.Parallel()
	skip.Long(t)
	s := postgrestest.Start(t)
	db, err := sql.Open("pgx", s.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.ExecContext(t.Context(), "CREATE TABLE confirmed (n int)"); err != nil {
		t.Fatal(err)
	}
	for n := range 2 {
		if _, err := db.ExecContext(t.Context(), "INSERT INTO confirmed VALUES ($1)", n); err != nil {
			t.Fatal(err)
		}
		var folder string
		if err := db.QueryRowContext(t.Context(), "SELECT current_setting('data_directory')").Scan(&folder); err != nil {
			t.Fatal(err)
		}
		if len(running(t, folder)) == 0 {
			t.Error("nothing runs in the server's folder: it is not what it is taken for")
		}
		s.Kill()
		if all := running(t, folder); len(all) > 0 {
			t.Errorf("the server was killed, and there still run %q", all)
		}
		if err := db.PingContext(t.Context()); err == nil {
			t.Error("a server that was killed answers")
		}
		if !s.Run(t) {
			t.Fatal("it does not start again")
		}
		var found int
		if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM confirmed").Scan(&found); err != nil || found != n+1 {
			t.Errorf("%d rows were confirmed, and there are %d: %v", n+1, found, err)
		}
	}
}

// running are the processes whose working folder this is: a server's go there.
func running(t *testing.T, folder string) (all []string) {
	t.Helper()
	links, err := filepath.Glob("/proc/[0-9]*/cwd")
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		if there, err := os.Readlink(link); err == nil && strings.HasPrefix(there, folder) {
			command, _ := os.ReadFile(filepath.Join(filepath.Dir(link), "cmdline"))
			all = append(all, fmt.Sprintf("%s: %s", link, command))
		}
	}
	return all
}
