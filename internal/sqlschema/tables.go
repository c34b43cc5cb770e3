package sqlschema

import (
	"context"
	"fmt"
	"strings"
)

// Table is a table of a package.
type Table struct {
	// Name and Columns are as in the package's SQL, with the default prefix.
	Name, Columns string

	// Rights are those that serving needs, separated by spaces: SELECT, INSERT, UPDATE
	// and DELETE.
	Rights string
}

// versions is the table of the versions that have been applied.
func (s Schema) versions() Table { return Table{s.Versions, "version", "SELECT"} }

// all returns all tables.
func (s Schema) all() []Table { return append([]Table{s.versions()}, s.Tables...) }

// there reports whether a table exists. On PostgreSQL it does not use
// to_regclass, which would return an outdated result after the wait for a lock.
func (i inspection) there(ctx context.Context, table string) (there bool, err error) {
	query := i.Of(
		"SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = $1)",
		"SELECT EXISTS (SELECT 1 FROM pg_class WHERE relname = $1 AND relkind IN ('r', 'p') AND pg_table_is_visible(oid))",
		"SELECT EXISTS (SELECT 1 FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = $1)",
	)
	if err := i.conn.QueryRowContext(ctx, query.Text, i.Named(table)).Scan(&there); err != nil {
		return false, i.wrong(table, err)
	}
	return there, nil
}

// usable returns why the package cannot use a table.
func (i inspection) usable(ctx context.Context, t Table) error {
	there, err := i.there(ctx, t.Name)
	if err != nil {
		return err
	}
	if !there {
		return i.wrong(t.Name, fmt.Errorf("is gone, though its migration was applied: restore it from a backup, or drop the others and run %s.Migrate", i.Package))
	}
	if err := i.permitted(ctx, t); err != nil {
		return err
	}
	// The database checks the columns when it parses the statement, which reads no
	// row.
	if _, err := i.conn.ExecContext(ctx, i.Named("SELECT "+t.Columns+" FROM "+t.Name+" WHERE 1 = 0")); err != nil {
		return i.wrong(t.Name, err)
	}
	return nil
}

// permitted returns which rights the role lacks. SQLite has no roles.
func (i inspection) permitted(ctx context.Context, t Table) error {
	switch i.Dialect {
	case SQLite:
		return nil
	case MySQL:
		return i.permittedMySQL(ctx, t)
	}
	var lacks []string
	role := ""
	for right := range strings.FieldsSeq(t.Rights) {
		var may bool
		err := i.conn.QueryRowContext(ctx, "SELECT current_user, has_table_privilege($1::text, $2::text)", i.Named(t.Name), right).Scan(&role, &may)
		if err != nil {
			return i.wrong(t.Name, err)
		}
		if !may {
			lacks = append(lacks, right)
		}
	}
	if len(lacks) > 0 {
		rights := strings.Join(lacks, ", ")
		return i.wrong(t.Name, fmt.Errorf("the role %q has no permission: GRANT %s ON %s TO it", role, rights, i.Named(t.Name)))
	}
	return nil
}

// writable returns why SQLite cannot write. Its statement takes the lock for
// writing and changes no row.
func (i inspection) writable(ctx context.Context) error {
	if _, err := i.conn.ExecContext(ctx, i.Named("DELETE FROM "+i.Tables[0].Name+" WHERE "+firstColumn(i.Tables[0])+" IS NULL")); err != nil {
		return i.errorf("the database cannot be written to: %w", err)
	}
	return nil
}

func firstColumn(t Table) string {
	column, _, _ := strings.Cut(t.Columns, ",")
	return column
}
