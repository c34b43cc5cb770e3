package stores_test

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
	"INSERT INTO sallyport_sessions (id, user_id, client_id, scopes, generation, created_at, advanced_at, idle_until, expires_at, revoked_at, label, credential_version) SELECT 'id-' || n, 'user-' || n % 5000, 'web', '[]', 1, noon + n, noon + n, noon + n * 1000000, noon + n * 3000000, NULL, '', '' FROM numbers",
	"INSERT INTO sallyport_api_keys (id, digest, user_id, label, scopes, created_at, expires_at, last_used_at, revoked_at, credential_version) SELECT 'id-' || n, hash, 'user-' || n % 5000, '', '[]', noon + n, CASE n % 2 WHEN 1 THEN noon + n * 1000000 END, NULL, CASE n % 3 WHEN 1 THEN noon + n * 2000000 END, '' FROM numbers",
	"INSERT INTO sallyport_clients SELECT 'id-' || n, '', '[]', '[]', '[]', '', 0 FROM numbers",
	"INSERT INTO sallyport_denials SELECT 'id-' || n, noon + n * 1000000 FROM numbers",
	"INSERT INTO sallyport_users SELECT 'id-' || n, 'login-' || n, '', '', 1, '[]', '', '' FROM numbers",
}

// Ten million rows are as good as these: a plan that reads a whole table, or
// sorts it, is seen here, too.
func TestPlans(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, p *place) {
		db, recorder := p.recorded(t)
		s := p.store(t, db)
		sqlite := p.config.Dialect == sqlstore.SQLite
		numbers, digest := fmt.Sprintf("generate_series(1::bigint, %d) n", many), "decode(md5(n::text) || md5(n::text), 'hex')"
		if sqlite {
			numbers = fmt.Sprintf("(WITH RECURSIVE up (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM up WHERE n < %d) SELECT n FROM up)", many)
			digest = "unhex(printf('%064x', n))"
		}
		words := strings.NewReplacer("FROM numbers", "FROM "+numbers, "hash", digest, "noon", fmt.Sprint(noon.UnixMicro()))
		for _, statement := range crowd {
			p.run(t, db, words.Replace(statement))
		}
		p.run(t, db, "ANALYZE")
		must(t, fill(t.Context(), s)...)

		explain, named := explainPostgres, func(string) bool { return true }
		if sqlite {
			explain = explainSQLite
			named = func(index string) bool { return !strings.HasSuffix(index, "key") } // not those of the columns that are unique
		}
		for _, w := range works {
			recorder.take()
			wants(t, w.do(t.Context(), s), w.want, w.name)
			for i, c := range recorder.take() {
				plan, whole := explain(t, db, c)
				if whole {
					t.Errorf("%s: reads a whole table:\n%s\n%s", w.name, c.statement, plan)
				}
				// The last trips, one index each.
				uses := strings.Split(w.uses, ", then ")
				if n := i - (w.trips - len(uses)); n >= 0 && named(uses[n]) && !strings.Contains(plan, uses[n]) {
					t.Errorf("%s: does not use %s:\n%s\n%s", w.name, uses[n], c.statement, plan)
				}
				if strings.HasPrefix(w.name, "DeleteExpired") && (strings.Contains(plan, "Sort") || strings.Contains(plan, "TEMP B-TREE")) {
					t.Errorf("%s: sorts what it deletes:\n%s\n%s", w.name, c.statement, plan)
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
