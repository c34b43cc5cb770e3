package sqlstore

import (
	"fmt"
	"strings"

	"github.com/sallyport-go/sallyport/internal/sqlschema"
)

// Dialect is the SQL of a database.
type Dialect string

// The dialects.
const (
	// SQLite is SQLite 3.37 or newer.
	SQLite Dialect = sqlschema.SQLite

	// PostgreSQL is PostgreSQL 13 or newer.
	PostgreSQL Dialect = sqlschema.PostgreSQL

	// MySQL is MariaDB 10.6 or newer, or MySQL 8.0 or newer. It is tested on MariaDB
	// 10.11. On MySQL it is not tested yet.
	MySQL Dialect = sqlschema.MySQL
)

// flavour translates the SQL of this package.
type flavour struct {
	sqlschema.Flavour

	dialect Dialect
}

type statement = sqlschema.Statement

// insertNew returns a statement that inserts a row unless a row has one of its keys, and
// changes nothing then. See Store.insert.
func (f flavour) insertNew(table, columns string) statement {
	values := make([]string, strings.Count(columns, ",")+1)
	for i := range values {
		values[i] = fmt.Sprintf("$%d", i+1)
	}
	insert := "INSERT INTO " + table + " (" + columns + ") VALUES (" + strings.Join(values, ", ") + ") "
	const conflict = "ON CONFLICT DO NOTHING"
	// IGNORE would also ignore that a text is too long. This sets what the driver returns
	// as the last ID, since the number of rows depends on the DSN (clientFoundRows).
	return f.Of(insert+conflict, insert+conflict, insert+"ON DUPLICATE KEY UPDATE id = IF(LAST_INSERT_ID(1) = 1, id, id)")
}

// endedSQL deletes up to a batch of rows that have ended.
type endedSQL struct {
	find   statement // empty, or returns the keys of the rows that have ended by $1
	remove statement // deletes those that have ended by $1, of the keys $2 if there is find
}

// deleteEnded returns statements that delete up to a batch of rows that have
// ended by $1.
//
// On PostgreSQL and MySQL they skip rows that another transaction is writing. They wait
// for no other transaction, so they cannot be part of a deadlock. FOR UPDATE checks the
// end of a row again when it has locked the row. On PostgreSQL an IN instead of the
// ARRAY could be evaluated again for each row, with its LIMIT. MariaDB heeds SKIP LOCKED
// in a SELECT and not in a DELETE, so that there it takes two statements. The LIMIT is
// not an argument, because the planner reads the whole table for a limit that it does not
// know.
func (f flavour) deleteEnded(table, key, end string) endedSQL {
	some := fmt.Sprintf("SELECT %[2]s FROM %[1]s WHERE %[3]s <= $1 ORDER BY %[3]s LIMIT %[4]d", table, key, end, batch)
	const lock = " FOR UPDATE SKIP LOCKED"
	if f.dialect == MySQL {
		return endedSQL{f.SQL(some + lock), f.SQL(fmt.Sprintf("DELETE ended FROM "+
			"JSON_TABLE($2, '$[*]' COLUMNS ("+jsonValue+")) AS found STRAIGHT_JOIN %[1]s AS ended ON ended.%[2]s = found.value WHERE ended.%[3]s <= $1", table, key, end))}
	}
	return endedSQL{remove: f.Of(
		fmt.Sprintf("DELETE FROM %s WHERE %s IN (%s)", table, key, some),
		fmt.Sprintf("DELETE FROM %s WHERE %s = ANY (ARRAY(%s%s))", table, key, some, lock),
		"",
	)}
}

// jsonValue is a column of MySQL's JSON_TABLE. It is longer than a key may be: what is
// longer than the column is cut.
const jsonValue = "value VARCHAR(512) CHARACTER SET utf8mb4 PATH '$'"
