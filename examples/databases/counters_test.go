package databases_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/internal/proxytest"
	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/ratelimit/countertest"
	"github.com/sallyport-go/sallyport/middleware/ratelimit/sqlcounters"
	"github.com/sallyport-go/sallyport/store/sqlstore"
)

// countersConfig is for counters of their own among those of the place.
func (p *place) countersConfig() sqlcounters.Config {
	return sqlcounters.Config{Dialect: sqlcounters.Dialect(p.config.Dialect), Secret: []byte(rand.Text() + rand.Text()), Timeout: time.Minute}
}

// counters makes the tables and counters.
func (p *place) counters(t testing.TB, db *sql.DB, c sqlcounters.Config) *sqlcounters.Counters {
	t.Helper()
	must(t, sqlcounters.Migrate(t.Context(), db, c))
	counters, err := sqlcounters.New(db, c)
	must(t, err)
	return counters
}

// clocked opens the database with a driver that tells the function that decides the time
// of the clock that the context has.
func (p *place) clocked(t testing.TB) *sql.DB {
	t.Helper()
	db := sql.OpenDB(clockedDriver{p.db(t).Driver(), p.dsn})
	db.SetMaxOpenConns(12)
	db.SetMaxIdleConns(12)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

type clockedDriver struct {
	inner driver.Driver
	dsn   string
}

func (d clockedDriver) Driver() driver.Driver { return d.inner }

func (d clockedDriver) Connect(context.Context) (driver.Conn, error) {
	c, err := d.inner.Open(d.dsn)
	return &clockedConn{recordedConn{c, &recorder{}}}, err
}

type clockedConn struct{ recordedConn }

func (c *clockedConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if clock, ok := ctx.Value(clockKey{}).(*countertest.Clock); ok && strings.Contains(query, "sallyport_count_1(") {
		args = slices.Clone(args)
		args[1].Value = clock.Now().UnixMicro()
	}
	return c.Conn.(driver.QueryerContext).QueryContext(ctx, query, args)
}

func (c *clockedConn) ExecContext(ctx context.Context, statement string, args []driver.NamedValue) (driver.Result, error) {
	return c.Conn.(driver.ExecerContext).ExecContext(ctx, statement, args)
}

type clockKey struct{}

// clocked are counters by a clock.
type clocked struct {
	*sqlcounters.Counters

	clock *countertest.Clock
	only  *ratelimit.Algorithm // nil: all
}

var errOther = errors.New("not this algorithm")

func (c clocked) Check(p ratelimit.Policy) error {
	if c.only != nil && p.Algorithm != *c.only {
		return errOther
	}
	return c.Counters.Check(p)
}

func (c clocked) at(ctx context.Context) context.Context {
	return context.WithValue(ctx, clockKey{}, c.clock)
}

func (c clocked) Take(ctx context.Context, charges []ratelimit.Charge, dst []ratelimit.Status) (ratelimit.Decision, error) {
	return c.Counters.Take(c.at(ctx), charges, dst)
}

func (c clocked) Peek(ctx context.Context, charges []ratelimit.Charge, dst []ratelimit.Status) (ratelimit.Decision, error) {
	return c.Counters.Peek(c.at(ctx), charges, dst)
}

func (c clocked) Refund(ctx context.Context, charges []ratelimit.Charge) error {
	return c.Counters.Refund(c.at(ctx), charges)
}

func (c clocked) Reset(ctx context.Context, charges []ratelimit.Charge) error {
	return c.Counters.Reset(c.at(ctx), charges)
}

// clockedCounters makes counters by a clock of their own, of tables that there are.
func (p *place) clockedCounters(t testing.TB, db *sql.DB, c sqlcounters.Config) clocked {
	t.Helper()
	clock := countertest.NewClock()
	c.Now = clock.Now
	counters, err := sqlcounters.New(db, c)
	must(t, err)
	return clocked{counters, clock, nil}
}

// SALLYPORT_COUNTERS makes it all algorithms on each database; otherwise it is one on each,
// and TestCountersDecideAlike compares the others.
func TestCountersConformance(t *testing.T) {
	t.Parallel()
	always(t, func(t *testing.T, p *place) {
		only := map[sqlstore.Dialect]ratelimit.Algorithm{sqlstore.SQLite: ratelimit.FixedWindow, sqlstore.PostgreSQL: ratelimit.Rolling, sqlstore.MySQL: ratelimit.GCRA}
		db := p.clocked(t)
		must(t, sqlcounters.Migrate(t.Context(), db, p.countersConfig()))
		countertest.Run(t, func(t *testing.T) countertest.Fixture {
			c := p.clockedCounters(t, db, p.countersConfig())
			if os.Getenv("SALLYPORT_COUNTERS") == "" {
				algorithm := only[p.config.Dialect]
				c.only = &algorithm
			}
			return countertest.Fixture{Counters: c, Pass: c.clock.Pass, Capacity: 40}
		})
	})
}

func oneHour(key string, limit, cost int64) ratelimit.Charge {
	return ratelimit.Charge{Key: key, Policy: ratelimit.Policy{Name: "free", Limit: limit, Window: time.Hour}, Cost: cost}
}

// decided makes a charge, which must not fail.
func decided(t testing.TB, c ratelimit.Counters, charges ...ratelimit.Charge) ratelimit.Decision {
	t.Helper()
	d, err := c.Take(t.Context(), charges, nil)
	must(t, err)
	return d
}

// The three databases decide alike, to the microsecond, whatever is done to counters of
// each algorithm by sources that may make few of them.
func TestCountersDecideAlike(t *testing.T) {
	t.Parallel()
	var all []clocked
	for _, find := range []func(*testing.T) *place{inSQLite, inPostgres, inMariaDB} {
		p := find(t)
		config := p.countersConfig()
		config.SourceCounters = 64
		db := p.clocked(t)
		must(t, sqlcounters.Migrate(t.Context(), db, config))
		all = append(all, p.clockedCounters(t, db, config))
	}
	chance := mathrand.New(mathrand.NewPCG(7, 27))
	some := func() (charges []ratelimit.Charge) {
		for i := range 1 + chance.IntN(3) {
			c := oneHour(fmt.Sprintf("%d/%d", i, chance.IntN(120)), 1+chance.Int64N(6), 1+chance.Int64N(3))
			c.Policy.Algorithm = ratelimit.Algorithm(chance.IntN(3))
			c.Group, c.Source = ratelimit.Group(chance.IntN(4)), "network"
			c.Done = chance.IntN(9) == 0
			charges = append(charges, c)
		}
		return charges
	}
	for step := range 250 {
		charges, what, wait := some(), chance.IntN(10), time.Duration(chance.Int64N(int64(time.Minute)))/1000*1000
		var first string
		for i, c := range all {
			c.clock.Pass(wait)
			var got any
			var err error
			switch what {
			case 0:
				err = c.Refund(t.Context(), charges)
			case 1:
				err = c.Reset(t.Context(), charges)
			case 2:
				got, err = c.Peek(t.Context(), charges, nil)
			default:
				got, err = c.Take(t.Context(), charges, nil)
			}
			must(t, err)
			if i == 0 {
				first = fmt.Sprint(got)
			} else if now := fmt.Sprint(got); now != first {
				t.Fatalf("step %d, %d of %+v: %s, and on SQLite %s", step, what, charges, now, first)
			}
		}
	}
}

// A decision is one round trip, however many charges it has; a rejection that is known is
// none, and neither is what was charged in advance.
func TestCountersRoundTrips(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *place) {
		if p.config.Dialect == sqlstore.SQLite {
			return // it is in this process, and has no round trips
		}
		db, recorder := p.recorded(t)
		c := p.counters(t, db, p.countersConfig())
		charges := []ratelimit.Charge{oneHour("a", 3, 1), oneHour("b", 3, 1), oneHour("c", 3, 1)}
		charges[1].Policy.Algorithm, charges[2].Policy.Algorithm = ratelimit.GCRA, ratelimit.Rolling
		charges[2].Group, charges[2].Source = ratelimit.GroupAddresses, "192.0.2.0/24"
		trips := func(want int, doing string, do func()) {
			t.Helper()
			recorder.take()
			do()
			if calls := recorder.take(); len(calls) != want {
				t.Errorf("%s: %d round trips, want %d:\n%s", doing, len(calls), want, strings.Join(statements(calls), "\n"))
			}
		}
		trips(1, "a decision of three charges on new counters", func() { decided(t, c, charges...) })
		trips(2, "two more", func() { decided(t, c, charges...); decided(t, c, charges...) })
		trips(1, "a rejection", func() { decided(t, c, charges...) })
		trips(0, "a rejection that is known", func() { decided(t, c, charges...) })
		trips(1, "a look", func() { _, _ = c.Peek(t.Context(), charges, nil) })
		trips(1, "a refund", func() { must(t, c.Refund(t.Context(), charges)) })
		trips(1, "a decision after it", func() { decided(t, c, charges...) })
		trips(1, "a reset", func() { must(t, c.Reset(t.Context(), charges)) })

		config := p.countersConfig()
		config.Lease, config.Now = 10, countertest.NewClock().Now
		lending, err := sqlcounters.New(db, config)
		must(t, err)
		trips(4, "a first charge, and thirty of a caller who returns", func() {
			for range 31 {
				decided(t, lending, oneHour("hot", 1000, 1))
			}
		})
	})
}

// Counters are found by their primary key.
func TestCountersPlans(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *place) {
		db, recorder := p.recorded(t)
		c := p.counters(t, db, p.countersConfig())
		row := map[sqlstore.Dialect]string{
			sqlstore.SQLite:     "unhex(printf('%032x', n)), 0, 0.0, 0, NULL, 0",
			sqlstore.PostgreSQL: "decode(md5(n::text), 'hex'), 0, 0, 0, NULL, 0",
			sqlstore.MySQL:      "unhex(md5(n)), 0, 0, 0, '', 0",
		}[p.config.Dialect]
		p.run(t, db, "INSERT INTO sallyport_counters (id, spent, level, at, steps, ends) SELECT "+row+" FROM "+p.numbers(many/10))
		explain := map[sqlstore.Dialect]func(*testing.T, *sql.DB, call) (string, bool){
			sqlstore.SQLite: explainSQLite, sqlstore.PostgreSQL: explainPostgres, sqlstore.MySQL: explainMySQL,
		}[p.config.Dialect]
		if p.config.Dialect == sqlstore.MySQL {
			p.run(t, db, "ANALYZE TABLE sallyport_counters")
		} else {
			p.run(t, db, "ANALYZE")
		}
		recorder.take()
		if n, err := c.Sweep(t.Context()); n != many/10 || err != nil {
			t.Errorf("the sweep has deleted %d, %v, want all %d", n, err, many/10)
		}
		calls := recorder.take()
		if most := 2*many/10/500 + 3; len(calls) > most {
			t.Errorf("the sweep was %d round trips, want %d at most", len(calls), most)
		}
		id := make([]byte, 16)
		p.run(t, db, "INSERT INTO sallyport_counters (id, spent, level, at, steps, ends) SELECT "+row+" FROM "+p.numbers(many/10))
		for _, lookup := range append(calls[:1], call{map[sqlstore.Dialect]string{
			sqlstore.SQLite:     "SELECT spent, level, at, steps, ends FROM sallyport_counters WHERE id = ?1",
			sqlstore.PostgreSQL: "SELECT * FROM sallyport_counters c WHERE c.id = $1 FOR UPDATE",
			sqlstore.MySQL:      "SELECT spent, level, at, steps, ends FROM sallyport_counters WHERE id = ? FOR UPDATE",
		}[p.config.Dialect], []any{id}}) {
			if plan, whole := explain(t, db, lookup); whole {
				t.Errorf("%s reads the whole table:\n%s", lookup.statement, plan)
			}
		}
	})
}

// A sweep deletes what has ended and nothing else, and holds up no charge.
func TestCountersSweep(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *place) {
		db := p.db(t)
		c := p.counters(t, db, p.countersConfig())
		for i := range 40 {
			one := oneHour(fmt.Sprint(i), 5, 1)
			one.Policy.Algorithm = ratelimit.Algorithm(i % 3)
			decided(t, c, one)
		}
		if n, err := c.Sweep(t.Context()); n != 0 || err != nil {
			t.Errorf("%d were deleted, %v, and none has ended", n, err)
		}
		p.run(t, db, "UPDATE sallyport_counters SET ends = 1 WHERE spent = 1") // those of fixed windows
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			c.SweepEvery(ctx, time.Hour, func(err error) { t.Error(err) })
			close(done)
		}()
		for n := -1; n != 26; {
			must(t, db.QueryRowContext(t.Context(), "SELECT count(*) FROM sallyport_counters").Scan(&n))
		}
		cancel()
		<-done
		if d := decided(t, c, oneHour("0", 5, 5)); !d.Allowed {
			t.Errorf("a counter that was deleted: %+v", d)
		}
		if n, err := c.Sweep(cancelled(t)); err == nil {
			t.Errorf("%d were deleted in a context that is done", n)
		}
	})
}

// What a source makes beyond its capacity is counted together, and costs no row.
func TestCountersOfASourceAreBounded(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *place) {
		db := p.db(t)
		config := p.countersConfig()
		config.SourceCounters = 64
		c := p.counters(t, db, config)
		by := func(i int, limit int64) ratelimit.Charge {
			one := oneHour(fmt.Sprint("address ", i), limit, 1)
			one.Group, one.Source = ratelimit.GroupAttempts, "198.51.100.0/24"
			return one
		}
		for i := range 64 {
			decided(t, c, by(i, 5))
		}
		for i := range 5 {
			if d := decided(t, c, by(100+i, 5)); !d.Allowed || d.Status[0].Remaining != int64(4-i) {
				t.Errorf("the %d. beyond the capacity: %+v", i+1, d)
			}
		}
		if d := decided(t, c, by(200, 5)); d.Allowed {
			t.Errorf("what the source shares is spent: %+v", d)
		}
		other, err := sqlcounters.New(db, config) // another node, to which the source is new
		must(t, err)
		if d := decided(t, other, by(201, 5)); d.Allowed {
			t.Errorf("on another node: %+v", d)
		}
		if d := decided(t, c, by(3, 5)); !d.Allowed || d.Status[0].Remaining != 3 {
			t.Errorf("a caller who was there before: %+v", d)
		}
		var n int
		must(t, db.QueryRowContext(t.Context(), "SELECT count(*) FROM sallyport_counters").Scan(&n))
		if n != 65 {
			t.Errorf("there are %d rows, want 64 and the one that is shared", n)
		}
		must(t, c.Refund(t.Context(), []ratelimit.Charge{by(7, 5)}))
		must(t, c.Refund(t.Context(), []ratelimit.Charge{by(100, 5), by(101, 5), by(102, 5), by(103, 5), by(104, 5)}))
		if d := decided(t, c, by(202, 5)); !d.Allowed || d.Status[0].Remaining != 4 {
			t.Errorf("after a counter was given back, and all that is shared: %+v", d)
		}
	})
}

// A database that is silent costs each request its timeout at most, and then nothing; when
// it answers again so do the counters.
func TestCountersOutage(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *place) {
		if p.config.Dialect == sqlstore.SQLite {
			return // it cannot be silent
		}
		p.counters(t, p.db(t), p.countersConfig())
		proxy := proxytest.Start(t, p.server(t))
		clock := countertest.NewClock()
		config := p.countersConfig()
		config.Timeout, config.Now = 5*time.Second, clock.Now
		away := p.with(p.server(t), proxy.Addr)
		db := away.db(t)
		proxy.Down()
		c, err := sqlcounters.New(db, config)
		must(t, err) // a service starts without it
		if _, err := c.Take(t.Context(), []ratelimit.Charge{oneHour("a", 5, 1)}, nil); err == nil {
			t.Error("a decision without a database")
		}
		must(t, proxy.Up(t.Context()))
		recovers := func() {
			t.Helper()
			for range 100 { // connections that are dead are each found once
				clock.Pass(2 * time.Second)
				if _, err := c.Peek(t.Context(), []ratelimit.Charge{oneHour("a", 5, 1)}, nil); err == nil {
					return
				}
			}
			t.Fatal("the counters do not recover")
		}
		recovers()
		decided(t, c, oneHour("a", 5, 1))

		for policy, want := range map[ratelimit.FailurePolicy]int{ratelimit.FailClosed: 503, ratelimit.FailOpen: 204, ratelimit.FailLocal: 204} {
			limits, err := ratelimit.New(ratelimit.Config{
				ClientIP:         clientip.RemoteAddr,
				Counters:         c,
				CounterTimeout:   time.Second,
				OnCounterFailure: policy,
				Nodes:            1,
				Identify: func(*http.Request) (ratelimit.Caller, error) {
					return ratelimit.Caller{Account: "a1", Tier: "free"}, nil
				},
				Tiers: ratelimit.Tiers{"free": {Limit: 50, Period: time.Hour}},
			})
			must(t, err)
			ask := func() int {
				w := httptest.NewRecorder()
				limits.Limit(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })).
					ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody))
				return w.Code
			}
			if code := ask(); code != 204 {
				t.Errorf("%v: %d while the database answers", policy, code)
			}
			proxy.Down()
			for range 8 { // five failures open the circuit
				if code := ask(); code != want {
					t.Errorf("%v: %d while the database is away, want %d", policy, code, want)
				}
			}
			if _, err := c.Take(t.Context(), []ratelimit.Charge{oneHour("b", 5, 1)}, nil); !errors.Is(err, ratelimit.ErrCircuitOpen) {
				t.Errorf("%v: the circuit is not open: %v", policy, err)
			}
			must(t, proxy.Up(t.Context()))
			recovers()
		}
	})
}

// Who waits for a counter, or for a connection, leaves when its time is over, and says
// nothing bad of the database.
func TestCountersWait(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *place) {
		db := p.db(t)
		db.SetMaxOpenConns(3)
		c := p.counters(t, db, p.countersConfig())
		decided(t, c, oneHour("a", 99, 1))
		waits := func(why string, within time.Duration) error {
			t.Helper()
			ctx, cancel := context.WithTimeout(t.Context(), within)
			defer cancel()
			began := time.Now()
			_, err := c.Take(ctx, []ratelimit.Charge{oneHour("a", 99, 1)}, nil)
			if err == nil || errors.Is(err, ratelimit.ErrCircuitOpen) || time.Since(began) > 20*time.Second {
				t.Errorf("%s: %v after %v", why, err, time.Since(began))
			}
			return err
		}
		conn, err := db.Conn(t.Context())
		must(t, err)
		begin := "BEGIN"
		if p.config.Dialect == sqlstore.SQLite {
			begin = "BEGIN IMMEDIATE"
		}
		for _, statement := range []string{begin, "UPDATE sallyport_counters SET level = level"} {
			_, err = conn.ExecContext(t.Context(), statement)
			must(t, err)
		}
		_ = waits("while another has locked it", 2*time.Second)
		_, err = conn.ExecContext(t.Context(), "ROLLBACK")
		must(t, err)
		decided(t, c, oneHour("a", 99, 1))

		others := []*sql.Conn{conn}
		for range 2 {
			other, err := db.Conn(t.Context())
			must(t, err)
			others = append(others, other)
		}
		for range 6 {
			if err := waits("while the host has all connections", 20*time.Millisecond); p.config.Dialect != sqlstore.SQLite && !errors.Is(err, ratelimit.ErrBusy) {
				t.Errorf("while the host has all connections: %v", err)
			}
		}
		for _, other := range others {
			must(t, other.Close())
		}
		decided(t, c, oneHour("a", 99, 1))
	})
}
