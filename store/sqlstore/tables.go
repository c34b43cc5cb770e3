package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// table is a table of a Store, with the rights that serving needs.
type table struct{ name, columns, rights string }

var migrationsTable = table{"sallyport_migrations", "version", "SELECT"}

func (i inspection) tables() []table {
	tables := []table{
		migrationsTable,
		{"sallyport_sessions", sessionColumns + ", epoch", "SELECT INSERT UPDATE DELETE"},
		{"sallyport_epochs", epochColumns, "SELECT INSERT UPDATE DELETE"},
		{"sallyport_api_keys", keyColumns, "SELECT INSERT UPDATE DELETE"},
		{"sallyport_clients", clientColumns, "SELECT"},
		{"sallyport_denials", denialColumns, "SELECT INSERT UPDATE DELETE"},
	}
	if i.config.Users == nil {
		tables = append(tables, table{"sallyport_users", userColumns, "SELECT UPDATE"})
	}
	return tables
}

// there reports whether a table exists. On PostgreSQL it does not use
// to_regclass, which would return an outdated result after the wait for a lock.
func (i inspection) there(ctx context.Context, table string) (there bool, err error) {
	query := i.of(
		"SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = $1)",
		"SELECT EXISTS (SELECT 1 FROM pg_class WHERE relname = $1 AND relkind IN ('r', 'p') AND pg_table_is_visible(oid))",
		"SELECT EXISTS (SELECT 1 FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = $1)",
	)
	if err := i.conn.QueryRowContext(ctx, query.text, i.named(table)).Scan(&there); err != nil {
		return false, i.wrong(table, err)
	}
	return there, nil
}

// usable returns why a Store cannot use a table.
func (i inspection) usable(ctx context.Context, t table) error {
	there, err := i.there(ctx, t.name)
	if err != nil {
		return err
	}
	if !there {
		return i.wrong(t.name, errors.New("is gone, though its migration was applied: restore it from a backup, or drop the others and run sqlstore.Migrate"))
	}
	if err := i.permitted(ctx, t); err != nil {
		return err
	}
	// The database checks the columns when it parses the statement, which reads no
	// row.
	if _, err := i.conn.ExecContext(ctx, i.named("SELECT "+t.columns+" FROM "+t.name+" WHERE 1 = 0")); err != nil {
		return i.wrong(t.name, err)
	}
	return nil
}

// permitted returns which rights the role lacks. SQLite has no roles.
func (i inspection) permitted(ctx context.Context, t table) error {
	switch i.dialect {
	case SQLite:
		return nil
	case MySQL:
		return i.permittedMySQL(ctx, t)
	}
	var lacks []string
	role := ""
	for right := range strings.FieldsSeq(t.rights) {
		var may bool
		err := i.conn.QueryRowContext(ctx, "SELECT current_user, has_table_privilege($1::text, $2::text)", i.named(t.name), right).Scan(&role, &may)
		if err != nil {
			return i.wrong(t.name, err)
		}
		if !may {
			lacks = append(lacks, right)
		}
	}
	if len(lacks) > 0 {
		rights := strings.Join(lacks, ", ")
		return i.wrong(t.name, fmt.Errorf("the role %q has no permission: GRANT %s ON %s TO it", role, rights, i.named(t.name)))
	}
	return nil
}

// writable returns why SQLite cannot write. Its statement takes the lock for
// writing and changes no row.
func (i inspection) writable(ctx context.Context) error {
	if _, err := i.conn.ExecContext(ctx, i.named("DELETE FROM sallyport_sessions WHERE id IS NULL")); err != nil {
		return fmt.Errorf("sqlstore: the database cannot be written to: %w", err)
	}
	return nil
}
