package databases_test

import (
	"crypto/rand"
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/internal/redistest"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/ratelimit/rediscounters"
	"github.com/sallyport-go/sallyport/store/redisstore"
	"github.com/sallyport-go/sallyport/store/sqlstore"
)

// sized is how many rows are measured.
const sized = 20_000

// rows are as long as those of a login: IDs of 22 characters, of users with IDs of 26.
// hash is a hexadecimal digest of n.
var rows = map[string]string{
	"session": "INSERT INTO sallyport_sessions (id, user_id, client_id, scopes, generation, created_at, advanced_at, idle_until, expires_at, revoked_at, label, credential_version, methods, actor) " +
		"SELECT substr(hash, 1, 22), substr(hash, 1, 26), 'web', '[\"articles:read\"]', 1, noon + n, noon + n, noon + n * 1000000, noon + n * 3000000, NULL, 'Firefox on Linux', '1', '[\"pwd\"]', '' FROM numbers",
	"epoch":  "INSERT INTO sallyport_epochs (user_id, epoch, ended_at, until) SELECT substr(hash, 1, 26), 0, NULL, noon + n * 3000000 FROM numbers",
	"denial": "INSERT INTO sallyport_denials SELECT substr(hash, 1, 22), noon + n * 1000000 FROM numbers",
}

// How large a service's database is, is computed from what this prints.
func TestSizes(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *place) {
		db := p.db(t)
		p.store(t, db)
		hash := map[sqlstore.Dialect]string{sqlstore.SQLite: "lower(hex(randomblob(16)))", sqlstore.PostgreSQL: "md5(n::text)", sqlstore.MySQL: "md5(n)"}[p.config.Dialect]
		words := strings.NewReplacer("FROM numbers", "FROM "+p.numbers(sized), "hash", hash, "noon", fmt.Sprint(noon.UnixMicro()))
		for _, of := range []struct {
			name, table string
			most        int64
		}{
			{"session", "sallyport_sessions", 1024},
			{"epoch", "sallyport_epochs", 512},
			{"denial", "sallyport_denials", 512},
		} {
			before := p.bytes(t, db, of.table)
			p.run(t, db, words.Replace(rows[of.name]))
			each := (p.bytes(t, db, of.table) - before) / sized
			t.Logf("%s: bytes of each %s, with its indexes, of %d: %d", p.driver, of.name, sized, each)
			if each < 16 || each > of.most {
				t.Errorf("a %s has %d bytes, want %d at most", of.name, each, of.most)
			}
		}
		if p.config.Dialect == sqlstore.PostgreSQL {
			logged(t, db)
		}
	})

	t.Run("Redis", func(t *testing.T) {
		t.Parallel()
		options, err := redisstore.Options(redistest.URL(t))
		must(t, err)
		client := redis.NewClient(options)
		t.Cleanup(func() { _ = client.Close() })
		prefix := redistest.Prefix(t, client)
		s, err := redisstore.New(t.Context(), client, redisstore.Config{Users: adaInMemory(t), Prefix: prefix, Timeout: 30 * time.Second})
		must(t, err)
		counters, err := rediscounters.New(client, rediscounters.Config{Secret: []byte(rand.Text() + rand.Text()), Prefix: prefix + "count", Timeout: 30 * time.Second})
		must(t, err)
		t.Cleanup(func() { _ = counters.Close() })

		count := func(a ratelimit.Algorithm) func(int) error {
			return func(n int) error {
				d, err := counters.Take(t.Context(), []ratelimit.Charge{{Key: fmt.Sprint(a, n), Policy: ratelimit.Policy{Algorithm: a, Limit: 500, Window: time.Hour}, Cost: 1}}, nil)
				if err == nil && !d.Allowed {
					return errSome
				}
				return err
			}
		}
		for _, of := range []struct {
			name string
			most int64
			make func(n int) error
		}{
			{"session, with its user's list,", 1024, func(int) error {
				one := session(rand.Text()[:22], 1)
				one.UserID, one.CredentialVersion, one.Methods = rand.Text(), "1", []string{"pwd"}
				one.CreatedAt = time.Now()
				one.AdvancedAt, one.IdleUntil, one.ExpiresAt = one.CreatedAt, one.CreatedAt.Add(time.Hour), one.CreatedAt.Add(2*time.Hour)
				return s.CreateSession(t.Context(), one)
			}},
			{"denial", 256, func(int) error { return s.DenySession(t.Context(), rand.Text()[:22], time.Now().Add(time.Hour)) }},
			{"counter, fixed window,", 256, count(ratelimit.FixedWindow)},
			{"counter, GCRA,", 256, count(ratelimit.GCRA)},
			{"counter, rolling window,", 512, count(ratelimit.Rolling)},
		} {
			before := memoryOf(t, client, prefix)
			const made = 20
			for n := range made {
				must(t, of.make(n))
			}
			each := (memoryOf(t, client, prefix) - before) / made
			t.Logf("Redis: bytes of each %s by MEMORY USAGE: %d", of.name, each)
			if each < 16 || each > of.most {
				t.Errorf("a %s has %d bytes, want %d at most", of.name, each, of.most)
			}
		}
	})
}

// bytes is how large a table is, with its indexes. In a file it is the whole file.
func (p *place) bytes(t *testing.T, db *sql.DB, table string) (n int64) {
	t.Helper()
	switch p.config.Dialect {
	case sqlstore.SQLite:
		must(t, db.QueryRowContext(t.Context(), "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()").Scan(&n))
	case sqlstore.MySQL:
		p.run(t, db, "ANALYZE TABLE "+table)
		must(t, db.QueryRowContext(t.Context(), "SELECT data_length + index_length FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = ?", table).Scan(&n))
	default:
		must(t, db.QueryRowContext(t.Context(), "SELECT pg_total_relation_size($1)", table).Scan(&n))
	}
	return n
}

// logged prints what PostgreSQL writes to its log for a refresh, and how much larger the
// table is once each session was refreshed and nothing was vacuumed.
func logged(t *testing.T, db *sql.DB) {
	t.Helper()
	var before, after int64
	size := "SELECT pg_total_relation_size('sallyport_sessions')"
	must(t, db.QueryRowContext(t.Context(), size).Scan(&before))
	plan := lines(t, db, "EXPLAIN (ANALYZE, WAL, TIMING OFF) UPDATE sallyport_sessions SET generation = generation + 1, advanced_at = advanced_at + 1000000, idle_until = idle_until + 1000000", 0)
	must(t, db.QueryRowContext(t.Context(), size).Scan(&after))
	for line := range strings.Lines(plan) {
		if strings.Contains(line, "WAL: ") {
			t.Logf("PostgreSQL: %d refreshes: %s", sized, strings.TrimSpace(line))
			break
		}
	}
	t.Logf("PostgreSQL: the sessions take %.2f of what they took, before a vacuum", float64(after)/float64(before))
}

// memoryOf is what Redis says that the keys take.
func memoryOf(t *testing.T, client *redis.Client, prefix string) (n int64) {
	t.Helper()
	for _, key := range redistest.Keys(t, client, prefix) {
		of, err := client.MemoryUsage(t.Context(), key, 0).Result()
		must(t, err)
		n += of
	}
	return n
}
