package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"strings"
	"time"
)

// numbers is how a dialect of SQL has the numbers i from one to another, and eight
// hexadecimal digits.
type numbers struct{ from, digits string }

var (
	inSQLite   = numbers{"(WITH RECURSIVE n(i) AS (SELECT %d UNION ALL SELECT i + 1 FROM n WHERE i < %d) SELECT i FROM n) AS n", "printf('%%08x', %s)"}
	inPostgres = numbers{"generate_series(%d::bigint, %d::bigint) AS n(i)", "lpad(to_hex(%s), 8, '0')"}
	inMariaDB  = numbers{"(SELECT seq AS i FROM seq_%d_to_%d) AS n", "lpad(hex(%s), 8, '0')"}
)

const (
	idle     = 30 * 24 * time.Hour
	lifetime = 90 * 24 * time.Hour
	apart    = 20 * 24 * time.Hour // the first session of many idles out this much before the last
	filled   = 100_000             // rows of one statement
)

// execer is a *sql.DB or one of its connections.
type execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// filling returns fill on a database.
func (d numbers) filling(db execer) func(ctx context.Context, n int, created time.Time) error {
	return func(ctx context.Context, n int, created time.Time) error { return d.fill(ctx, db, n, created) }
}

// fill adds n sessions, each of another user, with what a login adds for a user. Their IDs
// are spread over all that there may be, as real ones are, and are added in their order,
// which takes minutes where it would take hours at random.
func (d numbers) fill(ctx context.Context, db execer, n int, created time.Time) error {
	digits := fmt.Sprintf(d.digits, fmt.Sprintf("i * %d", (int64(1)<<32)/int64(n)))
	tag, t := rand.Text(), created.UnixMicro()
	id, user := fmt.Sprintf("CONCAT(%s, '%s')", digits, tag[:14]), fmt.Sprintf("CONCAT(%s, '%s')", digits, tag[:18])
	expires := t + lifetime.Microseconds()
	for first := 0; first < n; first += filled {
		from := fmt.Sprintf(d.from, first, min(first+filled, n)-1)
		for _, rows := range []string{
			fmt.Sprintf("INSERT INTO sallyport_epochs (user_id, epoch, ended_at, until) SELECT %s, 0, NULL, %d FROM %s", user, expires+idle.Microseconds(), from),
			fmt.Sprintf("INSERT INTO sallyport_sessions (id, user_id, client_id, scopes, generation, created_at, advanced_at, idle_until, expires_at, "+
				"label, credential_version, methods, actor) SELECT %s, %s, 'web', '[]', 1, %d, %d, %d - i * %d, %d, 'Firefox on Linux', '', '[]', '' FROM %s",
				id, user, t, t, t+idle.Microseconds(), apart.Microseconds()/int64(n), expires, from),
		} {
			if _, err := db.ExecContext(ctx, rows); err != nil {
				return fmt.Errorf("%s: %w", strings.SplitN(rows, " (", 2)[0], err)
			}
		}
	}
	return nil
}
