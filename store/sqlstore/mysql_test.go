package sqlstore_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/store/sqlstore"
)

// mysql is as much of a MariaDB or MySQL as Open asks before it looks for tables.
type mysql struct {
	version   string
	database  driver.Value
	carried   string
	variables map[string]string
}

func (*mysql) Driver() driver.Driver { return nil }

func (m *mysql) Connect(context.Context) (driver.Conn, error) { return mysqlConn{m}, nil }

type mysqlConn struct{ *mysql }

func (mysqlConn) Prepare(string) (driver.Stmt, error) { return nil, errDown }
func (mysqlConn) Close() error                        { return nil }
func (mysqlConn) Begin() (driver.Tx, error)           { return nil, errDown }

func (c mysqlConn) QueryContext(_ context.Context, query string, _ []driver.NamedValue) (driver.Rows, error) {
	switch {
	case strings.Contains(query, "VERSION()"):
		return &someRows{3, [][]driver.Value{{c.version, c.database, c.carried}}}, nil
	case strings.HasPrefix(query, "SHOW SESSION VARIABLES"):
		answer := &someRows{columns: 2}
		for _, name := range slices.Sorted(maps.Keys(c.variables)) {
			if strings.Contains(query, "'"+name+"'") {
				answer.rows = append(answer.rows, []driver.Value{name, c.variables[name]})
			}
		}
		return answer, nil
	case strings.Contains(query, "information_schema.tables"):
		return &someRows{1, [][]driver.Value{{int64(0)}}}, nil
	}
	return nil, errDown
}

func TestOpenRefusesSettingsOfMySQL(t *testing.T) {
	t.Parallel()
	const notThere = "the tables sallyport_* are not there: run sqlstore.Migrate" // so the settings were good
	set := func(name, value string) func(*mysql) {
		return func(m *mysql) { m.variables[name] = value }
	}
	for name, tt := range map[string]struct {
		change func(*mysql)
		says   string
	}{
		"the defaults":                                   {func(*mysql) {}, notThere},
		"MySQL 8":                                        {asMySQL("8.0.36"), notThere},
		"MySQL 9":                                        {asMySQL("9.1.0-log"), notThere},
		"MySQL 5.7":                                      {asMySQL("5.7.44"), "or MySQL 8.0 or newer, got 5.7.44"},
		"MariaDB 10.6":                                   {func(m *mysql) { m.version = "10.6.0-MariaDB" }, notThere},
		"MariaDB 11":                                     {func(m *mysql) { m.version = "11.4.2-MariaDB-log" }, notThere},
		"MariaDB 10.5":                                   {func(m *mysql) { m.version = "10.5.29-MariaDB-1:10.5" }, "must be MariaDB 10.6 or newer"},
		"MariaDB 9":                                      {func(m *mysql) { m.version = "9-mariadb" }, "must be MariaDB 10.6 or newer"},
		"no database":                                    {func(m *mysql) { m.database = nil }, "the DSN names no database"},
		"a connection that changes texts":                {func(m *mysql) { m.carried = "5A6F3F203F" }, "charset=utf8mb4"},
		"no autocommit":                                  {set("autocommit", "OFF"), "set autocommit=1"},
		"a replica":                                      {set("read_only", "ON"), "connect to the primary"},
		"a replica of MySQL":                             {set("read_only", "1"), "connect to the primary"},
		"a read-only connection":                         {set("tx_read_only", "ON"), "connect to the primary"},
		"a read-only connection to MySQL":                {set("transaction_read_only", "ON"), "connect to the primary"},
		"dirty reads":                                    {set("tx_isolation", "READ-UNCOMMITTED"), "set transaction_isolation='READ-COMMITTED'"},
		"dirty reads on MySQL":                           {set("transaction_isolation", "READ-UNCOMMITTED"), "set transaction_isolation='READ-COMMITTED'"},
		"read committed":                                 {set("tx_isolation", "READ-COMMITTED"), notThere},
		"serializable":                                   {set("tx_isolation", "SERIALIZABLE"), notThere},
		"a log that is written each second":              {set("innodb_flush_log_at_trx_commit", "0"), "set innodb_flush_log_at_trx_commit=1"},
		"a log that is flushed each second":              {set("innodb_flush_log_at_trx_commit", "2"), "set innodb_flush_log_at_trx_commit=1"},
		"a log that MariaDB flushes thrice":              {set("innodb_flush_log_at_trx_commit", "3"), notThere},
		"a binary log that is not flushed":               {set("log_bin", "ON"), "set sync_binlog=1"},
		"a binary log that is flushed":                   {func(m *mysql) { m.variables["log_bin"], m.variables["sync_binlog"] = "ON", "1" }, notThere},
		"texts that are cut":                             {set("sql_mode", "NO_ENGINE_SUBSTITUTION"), "add STRICT_TRANS_TABLES"},
		"texts of all tables that are not cut":           {set("sql_mode", "ANSI_QUOTES,STRICT_ALL_TABLES"), notThere},
		"empty texts that are NULL":                      {set("sql_mode", "STRICT_TRANS_TABLES,EMPTY_STRING_IS_NULL"), "remove it"},
		"a cluster whose nodes lag":                      {func(m *mysql) { m.variables["wsrep_on"], m.variables["wsrep_sync_wait"] = "ON", "0" }, "set wsrep_sync_wait=1"},
		"a cluster whose nodes lag for readers":          {func(m *mysql) { m.variables["wsrep_on"], m.variables["wsrep_sync_wait"] = "ON", "6" }, "set wsrep_sync_wait=1"},
		"a cluster whose nodes read all":                 {func(m *mysql) { m.variables["wsrep_on"], m.variables["wsrep_sync_wait"] = "ON", "7" }, notThere},
		"all that is wrong, of which this is the first":  {asWrong, "must be MariaDB"},
		"all that is wrong, of which this is the second": {asWrong, "autocommit is off"},
		"all that is wrong, of which this is the last":   {asWrong, "sql_mode is "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := &mysql{
				version: "10.11.19-MariaDB-0+deb12u1", database: "shop", carried: fmt.Sprintf("%X", "Zoë 🗝"),
				variables: map[string]string{
					"autocommit": "ON", "tx_isolation": "REPEATABLE-READ", "sql_mode": "STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION",
					"read_only": "OFF", "tx_read_only": "OFF", "innodb_flush_log_at_trx_commit": "1", "log_bin": "OFF", "sync_binlog": "0",
					"wsrep_on": "OFF", "wsrep_sync_wait": "0",
				},
			}
			tt.change(m)
			db := sql.OpenDB(m)
			t.Cleanup(func() { _ = db.Close() })
			_, err := sqlstore.Open(t.Context(), db, sqlstore.Config{Dialect: sqlstore.MySQL})
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("Open: %v, want %q", err, tt.says)
			}
		})
	}
}

func asMySQL(version string) func(*mysql) {
	return func(m *mysql) {
		m.version = version
		for _, name := range []string{"tx_isolation", "tx_read_only", "wsrep_on", "wsrep_sync_wait"} {
			delete(m.variables, name)
		}
		m.variables["transaction_isolation"], m.variables["transaction_read_only"] = "REPEATABLE-READ", "OFF"
	}
}

func asWrong(m *mysql) {
	m.version, m.variables["autocommit"], m.variables["sql_mode"] = "10.3.1-MariaDB", "OFF", ""
}

// someRows are rows of so many columns.
type someRows struct {
	columns int
	rows    [][]driver.Value
}

func (r *someRows) Columns() []string { return make([]string, r.columns) }
func (*someRows) Close() error        { return nil }

func (r *someRows) Next(row []driver.Value) error {
	if len(r.rows) == 0 {
		return io.EOF
	}
	copy(row, r.rows[0])
	r.rows = r.rows[1:]
	return nil
}
