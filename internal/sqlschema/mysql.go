package sqlschema

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

const (
	leastMariaDB = "10.6"
	leastMySQL   = "8.0"
)

// variables are the settings of a server and of a connection that MySQL is asked for. A
// server has some of them under one name and some under another.
var variables = []string{
	"autocommit", "sql_mode", "tx_isolation", "transaction_isolation",
	"read_only", "tx_read_only", "transaction_read_only",
	"innodb_flush_log_at_trx_commit", "log_bin", "sync_binlog", "wsrep_on", "wsrep_sync_wait",
}

func (i inspection) mysqlSettings(ctx context.Context) (errs []error) {
	const sample = "Zoë 🗝" // of four bytes at most a letter
	var version, carried string
	var database sql.NullString
	err := i.conn.QueryRowContext(ctx, "SELECT VERSION(), DATABASE(), HEX(CAST(? AS BINARY))", sample).Scan(&version, &database, &carried)
	if err != nil {
		return []error{i.silent(err)}
	}
	set, err := i.variables(ctx)
	if err != nil {
		return []error{i.silent(err)}
	}
	wrong := func(format string, args ...any) {
		errs = append(errs, i.errorf("MySQL: "+format, args...))
	}
	maria := strings.Contains(strings.ToLower(version), "mariadb")
	if least := map[bool]string{true: leastMariaDB, false: leastMySQL}[maria]; older(version, least) {
		wrong("must be MariaDB %s or newer, or MySQL %s or newer, got %s", leastMariaDB, leastMySQL, version)
	}
	if database.String == "" {
		wrong("the DSN names no database: add it behind the address, as in tcp(db.example.com:3306)/shop")
	}
	if carried != fmt.Sprintf("%X", sample) {
		wrong("the connection changes texts: set charset=utf8mb4 in the DSN")
	}
	if set["autocommit"] != "ON" {
		wrong("autocommit is off: nothing would be committed; set autocommit=1")
	}
	if on(set["read_only"]) || on(set["tx_read_only"]) || on(set["transaction_read_only"]) {
		wrong("the server or the connection is read-only: connect to the primary, with transaction_read_only=0")
	}
	if isolation := cmp.Or(set["transaction_isolation"], set["tx_isolation"]); isolation == "READ-UNCOMMITTED" {
		wrong("the isolation is %s: a caller would read what is undone; set transaction_isolation='READ-COMMITTED'", isolation)
	}
	i.mysqlDurability(set, maria, wrong)
	modes := strings.Split(set["sql_mode"], ",")
	if !slices.Contains(modes, "STRICT_TRANS_TABLES") && !slices.Contains(modes, "STRICT_ALL_TABLES") {
		wrong("sql_mode is %q: what is too long would be cut; add STRICT_TRANS_TABLES to it", set["sql_mode"])
	}
	if slices.Contains(modes, "EMPTY_STRING_IS_NULL") {
		wrong("sql_mode has EMPTY_STRING_IS_NULL: an empty text would become NULL; remove it")
	}
	if on(set["wsrep_on"]) && number(set["wsrep_sync_wait"])&1 == 0 {
		wrong("wsrep_sync_wait is %s: a node of the cluster would not read what another has written; set wsrep_sync_wait=1", set["wsrep_sync_wait"])
	}
	return errs
}

// mysqlDurability says which settings would lose what was confirmed.
func (inspection) mysqlDurability(set map[string]string, maria bool, wrong func(format string, args ...any)) {
	flush := set["innodb_flush_log_at_trx_commit"]
	if flush != "1" && (!maria || flush != "3") {
		wrong("innodb_flush_log_at_trx_commit is %s: what was confirmed would be lost in a crash; set innodb_flush_log_at_trx_commit=1", flush)
	}
	if on(set["log_bin"]) && set["sync_binlog"] != "1" {
		wrong("sync_binlog is %s: what was confirmed and is not in the binary log would be undone after a crash of the machine; set sync_binlog=1", set["sync_binlog"])
	}
}

func (i inspection) variables(ctx context.Context) (map[string]string, error) {
	rows, err := i.conn.QueryContext(ctx, "SHOW SESSION VARIABLES WHERE Variable_name IN ('"+strings.Join(variables, "', '")+"')") //nolint:gosec // they are names of this package
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	set := map[string]string{}
	for rows.Next() {
		var name, value string
		if err := rows.Scan(&name, &value); err != nil {
			return nil, err
		}
		set[strings.ToLower(name)] = strings.ToUpper(value)
	}
	return set, rows.Err()
}

// on reports whether a variable that may be missing is set.
func on(value string) bool { return value != "" && value != "OFF" && value != "0" }

func number(text string) int {
	n, _ := strconv.Atoi(text) // what is no number is 0
	return n
}

// older reports whether a version, such as "10.11.19-MariaDB", is older than another.
func older(version, least string) bool {
	has, needs := strings.Split(version, "."), strings.Split(least, ".")
	for at, need := range needs {
		if at >= len(has) {
			return true
		}
		if n := cmp.Compare(number(has[at]), number(need)); n != 0 {
			return n < 0
		}
	}
	return false
}

// permittedMySQL returns which rights the role lacks. The server checks them before it
// looks for a row, and each statement finds none. It also returns whether the table
// has no transactions.
func (i inspection) permittedMySQL(ctx context.Context, t Table) error {
	column := firstColumn(t)
	trials := map[string]string{
		"SELECT": "SELECT " + column + " FROM " + t.Name + " WHERE 1 = 0",
		"INSERT": "INSERT INTO " + t.Name + " (" + t.Columns + ") SELECT " + t.Columns + " FROM " + t.Name + " WHERE 1 = 0",
		"UPDATE": "UPDATE " + t.Name + " SET " + column + " = " + column + " WHERE 1 = 0",
		"DELETE": "DELETE FROM " + t.Name + " WHERE 1 = 0",
	}
	var lacks []string
	var cause error
	for right := range strings.FieldsSeq(t.Rights) {
		_, err := i.conn.ExecContext(ctx, i.Named(trials[right]))
		switch ErrorNumber(err) {
		case 1142, 1143: // ER_TABLEACCESS_DENIED_ERROR, ER_COLUMNACCESS_DENIED_ERROR
			lacks, cause = append(lacks, right), err
		default:
			if err != nil {
				return i.wrong(t.Name, err)
			}
		}
	}
	if len(lacks) > 0 {
		return i.wrong(t.Name, fmt.Errorf("the role has no permission: GRANT %s ON %s TO it: %w", strings.Join(lacks, ", "), i.Named(t.Name), cause))
	}
	var engine string
	err := i.conn.QueryRowContext(ctx, "SELECT coalesce(engine, '') FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = ?", i.Named(t.Name)).Scan(&engine)
	if err != nil {
		return i.wrong(t.Name, err)
	}
	if engine != "InnoDB" {
		return i.wrong(t.Name, fmt.Errorf("its engine is %q, which has no transactions: ALTER TABLE %s ENGINE = InnoDB", engine, i.Named(t.Name)))
	}
	return nil
}

const lockSeconds = 600

var errLockTaken = errors.New("another process has migrated the tables for ten minutes")

// locked calls do while no other process with the same tables is in it. MySQL ends a
// transaction before each statement that changes a table, but not this lock, which
// belongs to the connection.
func (i inspection) locked(ctx context.Context, do func() error) error {
	var database string
	if err := i.conn.QueryRowContext(ctx, "SELECT DATABASE()").Scan(&database); err != nil {
		return err
	}
	name := "sallyport/" + strconv.FormatUint(uint64(i.lock(database)), 36) //nolint:gosec // any 64 bits will do
	var taken sql.NullBool
	if err := i.conn.QueryRowContext(ctx, "SELECT GET_LOCK(?, ?)", name, lockSeconds).Scan(&taken); err != nil {
		return err
	}
	if !taken.Bool {
		return errLockTaken
	}
	err := do()
	if _, e := i.conn.ExecContext(context.WithoutCancel(ctx), "DO RELEASE_LOCK(?)", name); e != nil {
		// A connection that may still have the lock must not return to the pool.
		_ = i.conn.Raw(func(any) error { return driver.ErrBadConn })
	}
	return err
}
