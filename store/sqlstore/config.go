package sqlstore

import (
	"database/sql"

	"github.com/sallyport-go/sallyport/configerror"
	"github.com/sallyport-go/sallyport/internal/configcheck"
	"github.com/sallyport-go/sallyport/internal/sqlschema"
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
	c.Prefix = c.flavour().WithDefaults(complain).Prefix
	configcheck.Optional("Users", c.Users, complain)
	if c.Users != nil && c.Passwords != nil {
		complain("Passwords", "must be nil if Users is set, which verify the passwords themselves")
	}
	return c
}

func (c Config) flavour() flavour {
	return flavour{sqlschema.Flavour{Dialect: string(c.Dialect), Prefix: c.Prefix}, c.Dialect}
}
