package sqlstore

import (
	"fmt"
	"strings"
)

// Dialect is the SQL of a database.
type Dialect string

// The dialects.
const (
	// SQLite is SQLite 3.37 or newer.
	SQLite Dialect = "sqlite"

	// PostgreSQL is PostgreSQL 13 or newer.
	PostgreSQL Dialect = "postgres"
)

// defaultPrefix also begins the names in this package's SQL.
const defaultPrefix = "sallyport_"

// flavour translates the SQL of this package, which is written for PostgreSQL and
// the default prefix, for the database.
type flavour struct {
	dialect Dialect
	prefix  string
}

// sql translates a statement.
func (f flavour) sql(statement string) string {
	if f.dialect == SQLite {
		// In SQLite $1 is a named parameter; ?1 is the first argument with every driver.
		statement = strings.ReplaceAll(statement, "$", "?")
	}
	return f.named(statement)
}

// named only replaces the prefix.
func (f flavour) named(text string) string {
	return strings.ReplaceAll(text, defaultPrefix, f.prefix)
}

// either returns the statement of the dialect, where the two differ.
func (f flavour) either(sqlite, postgres string) string {
	if f.dialect == SQLite {
		return f.sql(sqlite)
	}
	return f.sql(postgres)
}

// deleteEnded returns a statement that deletes up to a batch of rows that have
// ended by $1.
//
// On PostgreSQL it skips rows that another transaction is writing. It waits for
// no other transaction, so it cannot be part of a deadlock. FOR UPDATE checks the
// end of a row again when it has locked the row. An IN instead of the ARRAY could
// be evaluated again for each row, with its LIMIT. The LIMIT is not an argument,
// because the planner reads the whole table for a limit that it does not know.
func (f flavour) deleteEnded(table, key, end string) string {
	some := fmt.Sprintf("SELECT %[2]s FROM %[1]s WHERE %[3]s <= $1 ORDER BY %[3]s LIMIT %[4]d", table, key, end, batch)
	return f.either(
		fmt.Sprintf("DELETE FROM %s WHERE %s IN (%s)", table, key, some),
		fmt.Sprintf("DELETE FROM %s WHERE %s = ANY (ARRAY(%s FOR UPDATE SKIP LOCKED))", table, key, some),
	)
}
