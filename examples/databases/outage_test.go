package databases_test

import (
	"database/sql"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sallyport-go/sallyport/examples/internal/mariadbtest"
	"github.com/sallyport-go/sallyport/examples/internal/postgrestest"
	"github.com/sallyport-go/sallyport/internal/skip"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/store/sqlstore"
)

// While a server is dead every method says that it failed, those that find their
// connections dead and those that get none. Once it runs again so does the store,
// on the pool that it has: what was confirmed is there, and nothing else.
func TestAServerThatIsKilled(t *testing.T) {
	t.Parallel()
	skip.Long(t)
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		server := postgrestest.Start(t)
		isKilled(t, server, &place{driver: "pgx", dsn: server.URL(), config: sqlstore.Config{Dialect: sqlstore.PostgreSQL, Passwords: quick(t, 64)}})
	})
	t.Run("MariaDB", func(t *testing.T) {
		t.Parallel()
		server := mariadbtest.Start(t)
		isKilled(t, server, &place{driver: "mysql", dsn: server.DSN(t), config: sqlstore.Config{Dialect: sqlstore.MySQL, Passwords: quick(t, 64)}})
	})
}

// killable is a server of the test's own.
type killable interface {
	Kill()
	Run(t testing.TB) bool
}

func isKilled(t *testing.T, server killable, p *place) {
	t.Helper()
	db := p.db(t)
	db.SetMaxIdleConns(12)
	s := p.store(t, db)
	must(t, fill(t.Context(), s)...)
	held := make([]*sql.Conn, 12) // so that there are as many to find dead
	for i := range held {
		var err error
		held[i], err = db.Conn(t.Context())
		must(t, err)
	}
	for _, conn := range held {
		must(t, conn.Close())
	}

	counters := p.counters(t, db, p.countersConfig())
	const limit, callers = 300, 8
	acknowledged := charged(t, counters, limit, callers, server)
	for range 2 {
		errs := atOnce(len(works), func(i int) error { return works[i].do(t.Context(), s) })
		for i, err := range errs {
			wants(t, err, errSome, works[i].name)
		}
	}
	_, err := sqlstore.Open(t.Context(), db, p.config)
	wants(t, err, errSome, "Open")

	if !server.Run(t) {
		t.Fatal("the server does not start again")
	}
	for _, w := range works {
		wants(t, w.do(t.Context(), s), w.want, w.name)
	}

	// Nothing that was acknowledged is lost, and nothing is given twice.
	rest := 0
	for decided(t, counters, oneHour("hot", limit, 1)).Allowed {
		rest++
	}
	if n := acknowledged + rest; n > limit || n < limit-callers {
		t.Errorf("%d were admitted before the server was killed, and %d afterwards, want %d, or up to %d fewer", acknowledged, rest, limit, callers)
	}
}

// charged kills the server while callers charge a counter, and returns how many charges
// were acknowledged.
func charged(t *testing.T, c ratelimit.Counters, limit int64, callers int, server killable) int {
	t.Helper()
	var acknowledged atomic.Int64
	warm := make(chan struct{})
	kill := sync.OnceFunc(func() { close(warm) })
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for {
				d, err := c.Take(t.Context(), []ratelimit.Charge{oneHour("hot", limit, 1)}, nil)
				if err != nil || !d.Allowed {
					kill()
					return
				}
				if acknowledged.Add(1) == 40 {
					kill()
				}
			}
		})
	}
	<-warm
	server.Kill()
	all.Wait()
	return int(acknowledged.Load())
}
