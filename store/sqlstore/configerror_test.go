package sqlstore_test

import (
	"database/sql"
	"errors"
	"testing"

	"github.com/sallyport-go/sallyport/internal/configtest"
	"github.com/sallyport-go/sallyport/store/passwords"
	"github.com/sallyport-go/sallyport/store/sqlstore"
)

func TestEachFieldOfAConfigIsChecked(t *testing.T) {
	t.Parallel()
	type config struct {
		sqlstore.Config

		db *sql.DB
	}
	type of = configtest.Case[config]
	db := sql.OpenDB(down{})
	t.Cleanup(func() { _ = db.Close() })
	good := func() config { return config{sqlstore.Config{Dialect: sqlstore.SQLite}, db} }
	cases := []of{
		{Name: "no dialect", Path: "Config.Dialect", Got: "is required", Edit: func(c *config) { c.Dialect = "" }},
		{Name: "another dialect", Path: "Config.Dialect", Got: `got "oracle"`, Edit: func(c *config) { c.Dialect = "oracle" }, Alone: true},
		{Name: "capitals", Path: "Config.Prefix", Got: `got "A_"`, Edit: func(c *config) { c.Prefix = "A_" }},
		{Name: "SQLite's own", Path: "Config.Prefix", Got: `got "sqlite_x"`, Edit: func(c *config) { c.Prefix = "sqlite_x" }, Alone: true},
		{Name: "a nil pointer", Path: "Config.Users", Got: "nil *sqlstore_test.host", Edit: func(c *config) { c.Users = (*host)(nil) }, Alone: true},
		{Name: "nothing to hash", Path: "Config.Passwords", Got: "must be nil", Edit: func(c *config) { c.Users, c.Passwords = host{}, &passwords.Hasher{} }},
	}
	configtest.Run(t, "sqlstore", good, func(c config) error {
		_, err := sqlstore.Migrations(c.Config)
		return err
	}, cases)

	database := of{Name: "no database", Path: "db", Got: "got nil", Edit: func(c *config) { c.db = nil }}
	for name, open := range map[string]func(config) error{
		"Open":    func(c config) error { _, err := sqlstore.Open(t.Context(), c.db, c.Config); return err },
		"Migrate": func(c config) error { return sqlstore.Migrate(t.Context(), c.db, c.Config) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			configtest.Run(t, "sqlstore", good, func(c config) error {
				err := open(c)
				if errors.Is(err, errDown) { // nothing is wrong but the server
					return nil
				}
				return err
			}, append([]of{database}, cases...))
		})
	}
}
