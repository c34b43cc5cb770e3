// Package sqlschema has what the packages for SQL databases share: it checks that a
// database, its settings, its tables and the rights of the role are as a package needs
// them, creates the tables, and says what an error of a driver means. It imports no
// driver.
package sqlschema

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
)

// Schema is the tables of a package, in a database.
type Schema struct {
	Flavour

	// Package is whose errors these are.
	Package string

	// Files has the migrations, as migrations/DIALECT/NUMBER_SUBJECT.sql, in the format of
	// goose. Each inserts its number into the table Versions.
	Files    fs.FS
	Versions string

	// Omits reports whether the files with a subject are left out. Nil: none is.
	Omits func(subject string) bool

	// ReadCommitted means that the package needs this isolation on PostgreSQL, and cannot
	// ask for it.
	ReadCommitted bool

	// Tables are those that serving uses, besides Versions. The first of them is written.
	Tables []Table
}

func (s Schema) errorf(format string, args ...any) error {
	return fmt.Errorf(s.Package+": "+format, args...)
}

// database is a pool, a connection or a transaction.
type database interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}
