package sqlstore

import (
	"database/sql"
	"regexp"
	"strings"

	"github.com/sallyport-go/sallyport/configerror"
	"github.com/sallyport-go/sallyport/internal/configcheck"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/passwords"
)

// Config configures a [Store]. [Migrate], [Migrations] and [Open] take the same
// one.
type Config struct {
	// Dialect is required: the SQL of the database, SQLite, PostgreSQL or MySQL, which is
	// also that of MariaDB.
	Dialect Dialect

	// Prefix begins the names of all tables and indexes: a letter, then letters,
	// digits and underscores, all lower-case ASCII, at most 32, for example "auth_".
	// With SQLite it must not begin with "sqlite_". Two prefixes are two stores in
	// one database. Empty: "sallyport_".
	Prefix string

	// Users are the host's own users, for example in another table or an LDAP
	// directory. The store then calls them for Authenticate and User and has no
	// table of users, and AddUser, SetUser, SetPassword, SetHash and RemoveUser
	// return [errors.ErrUnsupported]. Nil: the store keeps the users.
	Users store.Users

	// Passwords hashes the passwords of the users that the store keeps. It must be
	// nil if Users is set, which hash passwords themselves. Nil: a hasher with the
	// defaults of package passwords.
	Passwords *passwords.Hasher
}

// ConfigError is one invalid field of a [Config], or a database that is nil.
type ConfigError = configerror.Error

const maxPrefix = 32 // PostgreSQL truncates names at 63 bytes, MySQL refuses more than 64, and the tables add 21

var prefixes = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// checked is withDefaults for a Config and its database.
func checked(db *sql.DB, c Config) (Config, error) {
	wrong := configcheck.List{Package: "sqlstore"}
	if db == nil {
		wrong.At("")("db", "must be a *sql.DB, got nil")
	}
	c = c.withDefaults(wrong.At("Config."))
	return c, wrong.Err()
}

// withDefaults returns the Config with the defaults of its empty fields, except
// for Passwords, and complains of each invalid field.
func (c Config) withDefaults(complain configcheck.Complain) Config {
	switch c.Dialect {
	case SQLite, PostgreSQL, MySQL:
	case "":
		complain("Dialect", "is required: SQLite, PostgreSQL or MySQL")
	default:
		complain("Dialect", "must be SQLite, PostgreSQL or MySQL, got %q", c.Dialect)
	}
	if c.Prefix == "" {
		c.Prefix = defaultPrefix
	}
	if !prefixes.MatchString(c.Prefix) || len(c.Prefix) > maxPrefix {
		complain("Prefix", "must be a letter, then letters, digits and underscores, lower-case, %d at most, got %q", maxPrefix, c.Prefix)
	}
	if c.Dialect == SQLite && strings.HasPrefix(c.Prefix, "sqlite_") {
		complain("Prefix", "must not begin with sqlite_, which SQLite reserves, got %q", c.Prefix)
	}
	configcheck.Optional("Users", c.Users, complain)
	if c.Users != nil && c.Passwords != nil {
		complain("Passwords", "must be nil if Users is set, which verify the passwords themselves")
	}
	return c
}

func (c Config) flavour() flavour { return flavour{dialect: c.Dialect, prefix: c.Prefix} }
