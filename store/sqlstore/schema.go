package sqlstore

import (
	"context"
	"database/sql"
	"embed"
	"io/fs"
	"strings"

	"github.com/sallyport-go/sallyport/internal/configcheck"
	"github.com/sallyport-go/sallyport/internal/sqlschema"
)

//go:embed migrations/*/*.sql
var files embed.FS

// schema returns the tables that the Config needs.
func (c Config) schema() sqlschema.Schema {
	s := sqlschema.Schema{
		Flavour: c.flavour().Flavour, Package: "sqlstore", Files: files, Versions: "sallyport_migrations",
		Tables: []sqlschema.Table{
			{Name: "sallyport_sessions", Columns: sessionColumns + ", epoch", Rights: "SELECT INSERT UPDATE DELETE"},
			{Name: "sallyport_epochs", Columns: epochColumns, Rights: "SELECT INSERT UPDATE DELETE"},
			{Name: "sallyport_api_keys", Columns: keyColumns, Rights: "SELECT INSERT UPDATE DELETE"},
			{Name: "sallyport_clients", Columns: clientColumns, Rights: "SELECT"},
			{Name: "sallyport_denials", Columns: denialColumns, Rights: "SELECT INSERT UPDATE DELETE"},
		},
	}
	if c.Users == nil {
		s.Tables = append(s.Tables, sqlschema.Table{Name: "sallyport_users", Columns: userColumns, Rights: "SELECT UPDATE"})
	} else {
		s.Omits = func(subject string) bool { return strings.HasPrefix(subject, "users") }
	}
	return s
}

// Migrate creates the tables that [Open] requires, or updates them to this
// release. Call it in a deployment, or when a process starts: if there is nothing
// to do, it changes nothing, and if several nodes call it at once, one does the
// work and the others wait. It requires a role that may create tables.
//
// On SQLite and PostgreSQL each version is one transaction, so if one fails, the tables
// are those of the version before it. On MySQL each statement that changes a table
// commits by itself. There a lock of the server (GET_LOCK) lets one node at a time work,
// a version is recorded after its last statement, and its statements may be repeated: a
// Migrate that ended half-way is completed by the next. Such a lock is not shared by the
// nodes of a Galera cluster: run Migrate on one of them.
//
// It returns an error if the Config is invalid or the database has wrong
// settings, as Open does, or if the tables are those of a newer release.
func Migrate(ctx context.Context, db *sql.DB, c Config) error {
	c, err := checked(db, c)
	if err != nil {
		return err
	}
	return c.schema().Migrate(ctx, db)
}

// Pending returns the names of the files of [Migrations] that [Migrate] would run, the
// oldest first, and none if the tables are those of this release. It changes nothing, and
// is for a person or a deployment who asks before they migrate.
//
// It returns an error as Migrate does. The role must be allowed to read the table
// sallyport_migrations, if there is one, and needs no other right.
func Pending(ctx context.Context, db *sql.DB, c Config) (names []string, err error) {
	c, err = checked(db, c)
	if err != nil {
		return nil, err
	}
	return c.schema().Pending(ctx, db)
}

// Migrations returns the files that [Migrate] would run, for hosts with a
// migration tool. They are in goose's format, one file for each version, with
// c.Prefix in their names of tables, and are in the root of the file system. Each
// records its version in the table sallyport_migrations, which Open reads. If the
// Config is invalid, it returns one error that joins all defects: *ConfigError
// values.
func Migrations(c Config) (fs.FS, error) {
	wrong := configcheck.List{Package: "sqlstore"}
	c = c.withDefaults(wrong.At("Config."))
	if err := wrong.Err(); err != nil {
		return nil, err
	}
	return c.schema().Archive()
}
