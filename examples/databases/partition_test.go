package databases_test

import (
	"database/sql"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/sallyport-go/sallyport/store/sqlstore"
	"github.com/sallyport-go/sallyport/store/storetest"
)

// partitioned makes the tables, with the sessions in partitions.
func partitioned(t *testing.T, p *place) {
	t.Helper()
	db := p.db(t)
	must(t, sqlstore.Migrate(t.Context(), db, p.config))
	p.run(t, db, shape+"INSERT INTO kept TABLE shape")
	script, err := os.ReadFile("partition.sql")
	must(t, err)
	p.run(t, db, string(script))
}

// shape is what migrations made: each column and each index, whatever the table is. kept is
// what it was before.
const shape = `
CREATE VIEW shape AS
	SELECT column_name || ' ' || data_type || ' ' || is_nullable || ' ' || COALESCE(collation_name, '') || ' ' || COALESCE(column_default, '') AS part
		FROM information_schema.columns WHERE table_schema = current_schema AND table_name = 'sallyport_sessions'
	UNION ALL
	SELECT replace(indexdef, ' ON ONLY ', ' ON ') FROM pg_indexes WHERE schemaname = current_schema AND tablename = 'sallyport_sessions';
CREATE TABLE kept (part text);
`

func TestSessionsInPartitions(t *testing.T) {
	t.Parallel()

	t.Run("the table has the columns and the indexes that it had", func(t *testing.T) {
		t.Parallel()
		p := inPostgres(t)
		partitioned(t, p)
		var parts, changed int
		must(t, p.db(t).QueryRowContext(t.Context(), "SELECT (SELECT count(*) FROM kept), "+
			"(SELECT count(*) FROM ((TABLE kept EXCEPT TABLE shape) UNION ALL (TABLE shape EXCEPT TABLE kept)) AS differences)").Scan(&parts, &changed))
		if parts != 20 || changed != 0 {
			t.Errorf("%d columns and indexes, of which %d changed", parts, changed)
		}
	})

	t.Run("a store keeps its contract", func(t *testing.T) {
		t.Parallel()
		if os.Getenv("SALLYPORT_FULL") == "" {
			t.Skip("skipped: SALLYPORT_FULL is not set") //nolint:forbidigo // it needs no service
		}
		p := inPostgres(t)
		partitioned(t, p)
		f := fixture(t, p.store(t, p.db(t)))
		f.APIKeys, f.Clients, f.SetClient, f.RemoveClient, f.Revocations = nil, nil, nil, nil, nil // other tables
		f.Many = 100
		if err := storetest.Check(t.Context(), f); err != nil {
			t.Error(err)
		}
	})

	// What is asked for by the ID of a session is in one of the partitions, and what is
	// asked for by its user, or by its end, is in all.
	t.Run("a refresh looks into one partition", func(t *testing.T) {
		t.Parallel()
		p := inPostgres(t)
		partitioned(t, p)
		db, recorder := p.recorded(t)
		s := p.store(t, db)
		p.run(t, db, strings.NewReplacer("FROM numbers", "FROM "+p.numbers(many/4), "noon", fmt.Sprint(noon.UnixMicro())).Replace(crowd[0]), "ANALYZE")
		must(t, fill(t.Context(), s)...)
		for _, w := range works {
			recorder.take()
			wants(t, w.do(t.Context(), s), w.want, w.name)
			calls := recorder.take()
			if len(calls) != w.trips {
				t.Errorf("%s: %d round trips, want %d:\n%s", w.name, len(calls), w.trips, strings.Join(statements(calls), "\n"))
			}
			most := 0
			for _, c := range calls {
				if !strings.HasPrefix(c.statement, "BEGIN") && c.statement != "COMMIT" {
					most = max(most, partitionsRead(t, db, c))
				}
			}
			if most == 0 {
				continue
			}
			t.Logf("%s: %d partitions", w.name, most)
			if one := []string{"CreateSession", "Session", "AdvanceSession", "RevokeSession"}; slices.Contains(one, w.name) && most != 1 {
				t.Errorf("%s looks into %d partitions, want 1", w.name, most)
			}
		}
	})
}

var ofPartition = regexp.MustCompile(`Scan.* on (sallyport_sessions_\d+)|Scan.* using (sallyport_sessions_\d+)_`)

// partitionsRead is how many partitions a statement reads with its arguments.
func partitionsRead(t *testing.T, db *sql.DB, c call) int {
	t.Helper()
	plan := lines(t, db, "EXPLAIN "+c.statement, 0, append([]any{pgx.QueryExecModeSimpleProtocol}, c.args...)...)
	read := map[string]bool{}
	for _, m := range ofPartition.FindAllStringSubmatch(plan, -1) {
		read[m[1]+m[2]] = true
	}
	return len(read)
}
