package databases_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/sallyport-go/sallyport/store/sqlstore"
)

const many = 20_000

// crowd fills the tables with many rows, each user's scattered over them. n is
// the table of the numbers up to many, and noon is noon.
var crowd = []string{
	"INSERT INTO sallyport_sessions (id, user_id, client_id, scopes, generation, created_at, advanced_at, idle_until, expires_at, revoked_at, label, credential_version, methods, actor) SELECT 'id-' || n, 'user-' || (n % 5000), 'web', '[]', 1, noon + n, noon + n, noon + n * 1000000, noon + n * 3000000, NULL, '', '', '[]', '' FROM numbers",
	"INSERT INTO sallyport_epochs (user_id, epoch, ended_at, until) SELECT 'user-' || n, 0, NULL, noon + n * 3000000 FROM numbers",
	"INSERT INTO sallyport_api_keys (id, digest, user_id, label, scopes, created_at, expires_at, last_used_at, revoked_at, credential_version, owner_kind, owner_id, hint, networks, successor) SELECT 'id-' || n, hash, 'user-' || (n % 5000), '', '[]', noon + n, CASE n % 2 WHEN 1 THEN noon + n * 1000000 END, NULL, CASE n % 3 WHEN 1 THEN noon + n * 2000000 END, '', CASE n % 5 WHEN 1 THEN 'service' ELSE '' END, 'import-' || (n % 5000), '', '[]', '' FROM numbers",
	"INSERT INTO sallyport_clients SELECT 'id-' || n, '', '[]', '[]', '[]', '', 0 FROM numbers",
	"INSERT INTO sallyport_denials SELECT 'id-' || n, noon + n * 1000000 FROM numbers",
	"INSERT INTO sallyport_users (id, login, account, tier, seats, scopes, password_hash, credential_version) SELECT 'id-' || n, 'login-' || n, '', '', 1, '[]', '', '' FROM numbers",
}

// Ten million rows are as good as these: a plan that reads a whole table, or
// sorts it, is seen here, too.
func TestPlans(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *place) {
		db, recorder := p.recorded(t)
		s := p.store(t, db)
		digest := map[sqlstore.Dialect]string{
			sqlstore.SQLite:     "unhex(printf('%064x', n))",
			sqlstore.PostgreSQL: "decode(md5(n::text) || md5(n::text), 'hex')",
			sqlstore.MySQL:      "unhex(sha2(n, 256))",
		}[p.config.Dialect]
		words := strings.NewReplacer("FROM numbers", "FROM "+p.numbers(many), "SELECT 'id-' || n, hash", "SELECT 'id-' || n, "+digest, "noon", fmt.Sprint(noon.UnixMicro()))
		for _, statement := range crowd {
			p.run(t, db, words.Replace(statement))
		}
		if p.config.Dialect == sqlstore.MySQL {
			p.run(t, db, "ANALYZE TABLE sallyport_sessions, sallyport_epochs, sallyport_api_keys, sallyport_clients, sallyport_denials, sallyport_users")
		} else {
			p.run(t, db, "ANALYZE")
		}
		must(t, fill(t.Context(), s)...)

		explain, uses := explainPostgres, strings.Contains
		switch p.config.Dialect {
		case sqlstore.SQLite:
			explain = explainSQLite
			uses = func(plan, index string) bool { // those of the columns that are unique have no names
				return strings.HasSuffix(index, "key") || strings.Contains(plan, index)
			}
		case sqlstore.MySQL:
			explain, uses = explainMySQL, usesMySQL
		}
		for _, w := range works {
			recorder.take()
			wants(t, w.do(t.Context(), s), w.want, w.name)
			for i, c := range recorder.take() {
				if strings.HasPrefix(c.statement, "BEGIN") || c.statement == "COMMIT" {
					continue
				}
				plan, whole := explain(t, db, c)
				if whole {
					t.Errorf("%s: reads a whole table:\n%s\n%s", w.name, c.statement, plan)
				}
				// The last trips, with the indexes of each.
				indexes := strings.Split(w.uses, ", then ")
				if n := i - (w.trips - len(indexes)); n >= 0 && n < len(indexes) {
					for index := range strings.SplitSeq(indexes[n], " and ") {
						if !uses(plan, index) {
							t.Errorf("%s: does not use %s:\n%s\n%s", w.name, index, c.statement, plan)
						}
					}
				}
				sorts := strings.Contains(plan, "Sort") || strings.Contains(plan, "TEMP B-TREE") || strings.Contains(plan, "filesort")
				if sorts && (strings.HasPrefix(w.name, "DeleteExpired") || p.config.Dialect == sqlstore.MySQL) {
					t.Errorf("%s: sorts what it finds:\n%s\n%s", w.name, c.statement, plan)
				}
			}
		}
	})
}

func explainPostgres(t *testing.T, db *sql.DB, c call) (plan string, whole bool) {
	t.Helper()
	// Once for these arguments, and once for any, as a driver's prepared statement
	// has it when it was used some times.
	conn, err := db.Conn(t.Context())
	must(t, err)
	defer func() { _ = conn.Close() }()
	do := func(statement string) {
		if _, err := conn.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	plan = lines(t, conn, "EXPLAIN "+c.statement, 0, append([]any{pgx.QueryExecModeSimpleProtocol}, c.args...)...)
	do("SET plan_cache_mode = force_generic_plan")
	do("PREPARE any_arguments AS " + c.statement)
	plan += "\n" + lines(t, conn, "EXPLAIN EXECUTE any_arguments ("+strings.TrimSuffix(strings.Repeat("NULL, ", len(c.args)), ", ")+")", 0,
		pgx.QueryExecModeSimpleProtocol)
	do("DEALLOCATE any_arguments")
	do("RESET plan_cache_mode")
	return plan, strings.Contains(plan, "Seq Scan")
}

func explainSQLite(t *testing.T, db *sql.DB, c call) (plan string, whole bool) {
	t.Helper()
	plan = lines(t, db, "EXPLAIN QUERY PLAN "+c.statement, 3, c.args...)
	notTables := strings.NewReplacer("SCAN CONSTANT ROW", "", "SCAN json_each VIRTUAL TABLE", "")
	return plan, strings.Contains(notTables.Replace(plan), "SCAN")
}

// explainMySQL returns the plan in a line for each table: the table, how it is read, by
// which index, and what else there is to say.
func explainMySQL(t *testing.T, db *sql.DB, c call) (plan string, whole bool) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), "EXPLAIN "+c.statement, c.args...)
	if err != nil {
		t.Fatalf("%s: %v", c.statement, err)
	}
	defer rows.Close()
	var all strings.Builder
	for rows.Next() {
		var kind, table, access, index, extra, other sql.NullString
		must(t, rows.Scan(&other, &kind, &table, &access, &other, &index, &other, &other, &other, &extra))
		fmt.Fprintln(&all, kind.String, table.String, access.String, index.String, extra.String)
		// What is inserted, and what is made of arguments, is no table that is read.
		reads := kind.String != "INSERT" && strings.HasPrefix(table.String, "sallyport_") || table.String == "ended"
		whole = whole || reads && (access.String == "ALL" || access.String == "index")
	}
	must(t, rows.Err())
	return all.String(), whole
}

// usesMySQL reports whether a plan uses an index, which has another name on MySQL.
func usesMySQL(plan, index string) bool {
	switch {
	case strings.Contains(plan, "after reading const tables"), strings.Contains(plan, "no matching row"):
		return strings.HasSuffix(index, "key") // the row was looked for by a unique index, and there is none
	case strings.HasSuffix(index, "_pkey"):
		return strings.Contains(plan, "PRIMARY")
	}
	index = strings.ReplaceAll(strings.TrimSuffix(index, "_key"), "sessions_revoked", "sessions_user")
	return strings.Contains(plan, index)
}

type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// lines returns one column of all rows.
func lines(t *testing.T, db querier, query string, column int, args ...any) string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	must(t, err)
	var all strings.Builder
	for rows.Next() {
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(any)
		}
		var text string
		values[column] = &text
		must(t, rows.Scan(values...))
		all.WriteString(text + "\n")
	}
	must(t, rows.Err())
	return all.String()
}
