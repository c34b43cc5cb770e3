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

// Config says what a [Store] is made of. [Migrate], [Migrations] and [Open] take
// the same one.
type Config struct {
	// Dialect is what the database speaks: SQLite or PostgreSQL. Required.
	Dialect Dialect

	// Prefix is what the names of all tables and indexes begin with: a letter,
	// then letters, digits and underscores, all lower-case, 32 at most. Empty
	// means "sallyport_". Two prefixes are two stores in one database.
	Prefix string

	// Users are the host's own users: another table, an LDAP directory. The
	// store then asks them, has no table of users itself, and AddUser, SetUser,
	// SetPassword, SetHash and RemoveUser return [errors.ErrUnsupported]. Nil
	// means that the store keeps the users.
	Users store.Users

	// Passwords hashes the passwords of the users whom the store keeps. Nil
	// means one with the defaults of package passwords. Not to be set together
	// with Users, which do that themselves.
	Passwords *passwords.Hasher
}

// ConfigError is one invalid field of a Config, or the database if there is none.
type ConfigError = configerror.Error

const maxPrefix = 32 // PostgreSQL cuts names at 63 bytes, and ours add 21

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

// withDefaults returns the Config with all that was left out, but for Passwords,
// and complains of what is wrong with it.
func (c Config) withDefaults(complain configcheck.Complain) Config {
	switch c.Dialect {
	case SQLite, PostgreSQL:
	case "":
		complain("Dialect", "is required: SQLite or PostgreSQL")
	default:
		complain("Dialect", "must be SQLite or PostgreSQL, got %q", c.Dialect)
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
