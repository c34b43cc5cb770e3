package sqlstore

import (
	"fmt"
	"strings"
)

// Dialect is the SQL that a database speaks.
type Dialect string

// The dialects.
const (
	SQLite     Dialect = "sqlite"
	PostgreSQL Dialect = "postgres"
)

// defaultPrefix is also what the names begin with in this package's SQL.
const defaultPrefix = "sallyport_"

// flavour turns the SQL of this package, which is written for PostgreSQL and the
// default prefix, into what the database understands.
type flavour struct {
	dialect Dialect
	prefix  string
}

// sql turns one statement.
func (f flavour) sql(statement string) string {
	if f.dialect == SQLite {
		// $1 would be a name there, and ?1 is the first argument to every driver.
		statement = strings.ReplaceAll(statement, "$", "?")
	}
	return f.named(statement)
}

// named only replaces the prefix.
func (f flavour) named(text string) string {
	return strings.ReplaceAll(text, defaultPrefix, f.prefix)
}

// either returns the one that the dialect needs, where the two have no words in
// common.
func (f flavour) either(sqlite, postgres string) string {
	if f.dialect == SQLite {
		return f.sql(sqlite)
	}
	return f.sql(postgres)
}

// deleteEnded deletes up to a batch of rows that have ended by $1.
//
// On PostgreSQL it leaves alone what somebody is writing at the moment: it waits
// for no other transaction, so it can be part of no deadlock. FOR UPDATE looks at the end of a
// row once more when it has the row to itself. An IN instead of the ARRAY could
// be worked out again for each row, LIMIT and all; and the LIMIT is no argument,
// because one that the planner does not know makes it read the whole table.
func (f flavour) deleteEnded(table, key, end string) string {
	some := fmt.Sprintf("SELECT %[2]s FROM %[1]s WHERE %[3]s <= $1 ORDER BY %[3]s LIMIT %[4]d", table, key, end, batch)
	return f.either(
		fmt.Sprintf("DELETE FROM %s WHERE %s IN (%s)", table, key, some),
		fmt.Sprintf("DELETE FROM %s WHERE %s = ANY (ARRAY(%s FOR UPDATE SKIP LOCKED))", table, key, some),
	)
}
