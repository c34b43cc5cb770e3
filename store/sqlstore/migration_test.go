package sqlstore_test

import (
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/sallyport-go/sallyport/store/sqlstore"
)

func dialects() []sqlstore.Dialect {
	return []sqlstore.Dialect{sqlstore.SQLite, sqlstore.PostgreSQL, sqlstore.MySQL}
}

func names(t *testing.T, files fs.FS) []string {
	t.Helper()
	all, err := fs.Glob(files, "*")
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestMigrations(t *testing.T) {
	t.Parallel()
	for _, dialect := range dialects() {
		t.Run(string(dialect), func(t *testing.T) {
			t.Parallel()
			files, err := sqlstore.Migrations(sqlstore.Config{Dialect: dialect})
			if err != nil {
				t.Fatal(err)
			}
			want := []string{"00001_sessions.sql", "00002_users.sql"}
			own := want[:1]
			if got := names(t, files); !slices.Equal(got, want) {
				t.Errorf("the files are %v, want %v", got, want)
			}
			if err := fstest.TestFS(files, want...); err != nil {
				t.Error(err)
			}
			for _, name := range want {
				text := read(t, files, name)
				if strings.Count(text, "\n-- +goose Up\n") != 1 || strings.Count(text, "\n-- +goose Down\n") != 1 {
					t.Errorf("%s is not in goose's format", name)
				}
				// Whichever tool runs it, Open has to find that it was run.
				version := strings.TrimLeft(name[:5], "0")
				if !strings.Contains(text, "INSERT INTO sallyport_migrations (version) VALUES ("+version+");\n\n-- +goose Down\n") {
					t.Errorf("%s does not end with its version", name)
				}
			}

			files, err = sqlstore.Migrations(sqlstore.Config{Dialect: dialect, Users: host{}})
			if err != nil {
				t.Fatal(err)
			}
			if got := names(t, files); !slices.Equal(got, own) {
				t.Errorf("the files of a host with users of its own are %v, want %v", got, own)
			}
		})
	}
}

func read(t *testing.T, files fs.FS, name string) string {
	t.Helper()
	text, err := fs.ReadFile(files, name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestEveryNameHasThePrefix(t *testing.T) {
	t.Parallel()
	made := regexp.MustCompile(`(?m)^(?:CREATE|DROP) (?:TABLE|INDEX) (?:IF (?:NOT )?EXISTS )?(\w+)|ALTER TABLE (\w+)| ON (\w+) \(|(?:INTO|FROM) (\w+)|    (?:UNIQUE )?INDEX (\w+)`)
	for _, dialect := range dialects() {
		files, err := sqlstore.Migrations(sqlstore.Config{Dialect: dialect, Prefix: "shop_auth_"})
		if err != nil {
			t.Fatal(err)
		}
		seen := 0
		for _, name := range names(t, files) {
			for _, match := range made.FindAllStringSubmatch(read(t, files, name), -1) {
				seen++
				if object := strings.Join(match[1:], ""); !strings.HasPrefix(object, "shop_auth_") {
					t.Errorf("%s, %s: %q has another prefix", dialect, name, object)
				}
			}
		}
		if seen < 15 {
			t.Errorf("%s: only %d names were looked at", dialect, seen)
		}
	}
}
