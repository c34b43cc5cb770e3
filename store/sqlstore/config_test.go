package sqlstore_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/passwords"
	"github.com/sallyport-go/sallyport/store/sqlstore"
)

var errDown = errors.New("the server is down")

// down is a database that cannot be reached. The others are in
// examples/databases: this package brings no driver into the module of its users.
type down struct{}

func (down) Connect(context.Context) (driver.Conn, error) { return nil, errDown }
func (down) Driver() driver.Driver                        { return nil }

func TestConfig(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		config sqlstore.Config
		says   []string
	}{
		"the dialect is required":           {sqlstore.Config{}, []string{"Config.Dialect: is required: SQLite, PostgreSQL or MySQL"}},
		"the dialect is one of three":       {sqlstore.Config{Dialect: "oracle"}, []string{`Config.Dialect: must be SQLite, PostgreSQL or MySQL, got "oracle"`}},
		"a prefix is lower-case":            {sqlstore.Config{Dialect: sqlstore.SQLite, Prefix: "Auth_"}, []string{`Config.Prefix: `, `got "Auth_"`}},
		"a prefix begins with a letter":     {sqlstore.Config{Dialect: sqlstore.SQLite, Prefix: "1_"}, []string{`got "1_"`}},
		"a prefix is no piece of SQL":       {sqlstore.Config{Dialect: sqlstore.SQLite, Prefix: `a"; DROP TABLE users; --`}, []string{"Config.Prefix: "}},
		"a prefix ends where it ends":       {sqlstore.Config{Dialect: sqlstore.SQLite, Prefix: "auth_\n"}, []string{"Config.Prefix: "}},
		"a prefix is not too long":          {sqlstore.Config{Dialect: sqlstore.PostgreSQL, Prefix: strings.Repeat("a", 33)}, []string{"32 at most"}},
		"a prefix is not SQLite's own":      {sqlstore.Config{Dialect: sqlstore.SQLite, Prefix: "sqlite_auth_"}, []string{"begin with sqlite_"}},
		"users hash their own passwords":    {sqlstore.Config{Dialect: sqlstore.SQLite, Users: host{}, Passwords: &passwords.Hasher{}}, []string{"Config.Passwords: "}},
		"all that is wrong is said at once": {sqlstore.Config{Prefix: "-", Users: host{}, Passwords: &passwords.Hasher{}}, []string{"Dialect", "Prefix", "Passwords"}},
	}
	db := sql.OpenDB(down{})
	t.Cleanup(func() { _ = db.Close() })
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, open := sqlstore.Open(t.Context(), db, tt.config)
			if s != nil {
				t.Error("Open returned a Store")
			}
			files, migrations := sqlstore.Migrations(tt.config)
			if files != nil {
				t.Error("Migrations returned files")
			}
			for doing, err := range map[string]error{"Open": open, "Migrate": sqlstore.Migrate(t.Context(), db, tt.config), "Migrations": migrations} {
				if err == nil || errors.Is(err, errDown) {
					t.Fatalf("%s: got %v, want an error before the database is asked", doing, err)
				}
				for _, words := range append(tt.says, "sqlstore: Config.") {
					if !strings.Contains(err.Error(), words) {
						t.Errorf("%s says %q, and not %q", doing, err, words)
					}
				}
			}
		})
	}
}

type host struct{ store.Users }

func TestNoDatabase(t *testing.T) {
	t.Parallel()
	c := sqlstore.Config{Dialect: sqlstore.SQLite}
	t.Run("is said, with what else is wrong", func(t *testing.T) {
		t.Parallel()
		_, open := sqlstore.Open(t.Context(), nil, sqlstore.Config{})
		for doing, err := range map[string]error{"Open": open, "Migrate": sqlstore.Migrate(t.Context(), nil, sqlstore.Config{})} {
			if err == nil || !strings.Contains(err.Error(), "sqlstore: db: must be a *sql.DB, got nil") || !strings.Contains(err.Error(), "Dialect") {
				t.Errorf("%s: %v", doing, err)
			}
		}
	})
	t.Run("that answers is no reason for another", func(t *testing.T) {
		t.Parallel()
		db := sql.OpenDB(down{})
		t.Cleanup(func() { _ = db.Close() })
		s, open := sqlstore.Open(t.Context(), db, c)
		if s != nil {
			t.Error("Open returned a Store")
		}
		for doing, err := range map[string]error{"Open": open, "Migrate": sqlstore.Migrate(t.Context(), db, c)} {
			if !errors.Is(err, errDown) || !strings.Contains(err.Error(), "cannot be reached") {
				t.Errorf("%s: %v", doing, err)
			}
		}
	})
}
