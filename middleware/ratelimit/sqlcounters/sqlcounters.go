// Package sqlcounters counts what callers spend in the SQL database that a host has
// already, PostgreSQL, MariaDB, MySQL or SQLite: N nodes together admit exactly the limit.
// It uses database/sql and imports no driver.
//
// # Cost
//
// A decision is one round trip, however many charges it has: a function of the database
// (on MariaDB and MySQL a procedure) locks the counters, decides and commits, so that no
// lock is held while the network or a node is slow. The driver must not prepare each
// statement first: pgx does not, and go-sql-driver/mysql does not with
// interpolateParams=true. On SQLite, which has no functions and no network, a decision is
// a short transaction.
//
// A repeated rejection is no query: up to 65536 rejections are remembered until they end.
// They are dropped when the node learns, with its next query, of a Reset or a Refund on
// any node. With Config.Lease most decisions for a caller who returns often are none
// either.
//
// An admitted request is a commit: the database writes its log before the request is
// served, and so the charge is not lost when the database is killed. All charges on one
// counter wait for each other. Use leases where one caller makes hundreds of requests in
// a second, and package rediscounters where all callers together do.
//
// # Time
//
// Windows are measured by the clock of the database, so the clocks of the nodes need not
// agree. On SQLite that is the clock of the machine, on which all nodes run.
//
// # Databases
//
// PostgreSQL 13 or newer, MariaDB 10.6 or newer, or SQLite 3.37 or newer; MySQL 8.0 or
// newer should do as well, and is not tested yet. The settings that package sqlstore
// requires are required here, so one *sql.DB serves both. The isolation of PostgreSQL must be READ
// COMMITTED, its default.
//
// [Migrate] creates the tables sallyport_counters, sallyport_counter_resets and
// sallyport_counter_migrations, and the function sallyport_count_1; New never does. The
// role that serves needs SELECT, INSERT, UPDATE and DELETE on the first, SELECT and UPDATE on the
// second, SELECT on the third, and EXECUTE on the function.
//
// # Memory
//
// A counter is one row of about 100 bytes. Call [Counters.SweepEvery] to delete those that have
// ended. Only authenticated callers make rows in GroupCallers and GroupKnown. In the
// other two groups a Source makes at most Config.SourceCounters in an hour on each node.
package sqlcounters

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"sync/atomic"
	"time"

	"github.com/sallyport-go/sallyport/configerror"
	"github.com/sallyport-go/sallyport/internal/circuit"
	"github.com/sallyport-go/sallyport/internal/configcheck"
	"github.com/sallyport-go/sallyport/internal/sqlschema"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/ratelimit/internal/remote"
)

const (
	secretBytes = 32

	defaultSourceCounters = 1 << 14
	leastSourceCounters   = 1 << 6
	mostSourceCounters    = 1_000_000

	defaultTimeout    = time.Second
	defaultProbeEvery = time.Second
)

// Dialect is the SQL of a database.
type Dialect string

// The dialects.
const (
	// SQLite is SQLite 3.37 or newer.
	SQLite Dialect = sqlschema.SQLite

	// PostgreSQL is PostgreSQL 13 or newer.
	PostgreSQL Dialect = sqlschema.PostgreSQL

	// MySQL is MariaDB 10.6 or newer, or MySQL 8.0 or newer. It is tested on MariaDB
	// 10.11. On MySQL it is not tested yet.
	MySQL Dialect = sqlschema.MySQL
)

// Config configures the counters. [Migrate], [Migrations] and [New] take the same one.
type Config struct {
	// Dialect is required: the SQL of the database, SQLite, PostgreSQL or MySQL, which is
	// also that of MariaDB.
	Dialect Dialect

	// Secret is required by New: at least 32 random bytes, the same on all nodes. The IDs
	// of the counters are derived from it with HMAC-SHA-256, so that a reader of the table
	// cannot find addresses or users by trying all candidates. After a change of the
	// secret all counters start at zero.
	Secret []byte

	// Prefix begins the names of the tables and of the function: a letter, then letters,
	// digits and underscores, all lower-case ASCII, at most 32, for example "shop_". With
	// SQLite it must not begin with "sqlite_". It may be that of a sqlstore.Store. Empty:
	// "sallyport_".
	Prefix string

	// SourceCounters is how many counters one Source can make in an hour on each node in
	// GroupAddresses, and as many again in GroupAttempts: 64 to 1000000. A counter that
	// is refunded completely does not count. What a Source makes beyond that is counted
	// in one counter that it shares, for each group, algorithm and length of window,
	// until that one ends: its new callers may be limited early, never late. Zero: 16384.
	SourceCounters int64

	// Lease lets a node charge this much in advance for a caller who returns often, 2 to
	// 100000, and spend it without a query: with 10 there are about ten times fewer. The
	// limit is never exceeded, but what a node does not spend of its lease is lost until
	// the window ends, so keep it well below the limit divided by the number of nodes.
	// Only requests with a single charge use it.
	//
	// With GCRA a lease leaks as the bucket does, so it is worth less the longer a node
	// takes to spend it; a caller that is less than ten times as fast as the bucket leaks
	// gets none. What is left of leases when a counter is Reset, or with GCRA when a
	// limit is raised, may be spent in addition. Zero: no leases.
	Lease int64

	// Timeout limits how long the database may take to answer. It does not include the
	// time that a decision waits for a connection of the pool: only the decision's context
	// limits that. Positive. Zero: 1 s.
	Timeout time.Duration

	// ProbeEvery is how often a database that does not answer is called again. Between
	// two probes every decision returns [ratelimit.ErrCircuitOpen] at once. Positive.
	// Zero: 1 s.
	ProbeEvery time.Duration

	// OnWait is called with the time that a decision has waited because all connections
	// of the pool were in use by decisions, for a histogram: if it grows, the node needs a
	// larger SetMaxOpenConns. It is not called for decisions that did not wait, and must
	// be safe for concurrent use. Nil: it is not called.
	OnWait func(time.Duration)

	// Now is the clock for the circuit breaker, for remembered rejections, for leases, and
	// on SQLite for the windows. It must be safe for concurrent use. Nil: time.Now.
	Now func() time.Time
}

// ConfigError is one invalid field of a [Config], or a database that is nil.
type ConfigError = configerror.Error

// Counters are [ratelimit.Counters] in a database. Create them with [New]. They are safe
// for concurrent use.
type Counters struct {
	*remote.Counters

	db       *sql.DB
	flavour  sqlschema.Flavour
	schema   sqlschema.Schema
	secret   []byte
	guard    *circuit.Guard
	server   *circuit.Server
	sources  *sources
	checked  atomic.Bool
	checking chan struct{} // has the caller that checks
	now      func() time.Time
	sql      statements
}

var _ ratelimit.Counters = (*Counters)(nil)

//go:embed migrations/*/*.sql
var files embed.FS

// Migrate creates the tables and the function that [New] requires, or updates them to this
// release, as sqlstore.Migrate does: any number of nodes may call it at once, and if there
// is nothing to do it changes nothing. It requires a role that may create tables, and
// functions or procedures.
//
// It returns an error if the Config is invalid, the database has wrong settings, or the
// tables are those of a newer release. It ignores Secret.
func Migrate(ctx context.Context, db *sql.DB, c Config) error {
	wrong := configcheck.List{Package: "sqlcounters"}
	checkDB(db, wrong.At(""))
	s := c.schema(wrong.At("Config."))
	if err := wrong.Err(); err != nil {
		return err
	}
	return s.Migrate(ctx, db)
}

// Pending returns the names of the files of [Migrations] that [Migrate] would run, the
// oldest first, and none if the tables are those of this release. It changes nothing, and
// is for a person or a deployment who asks before they migrate.
//
// It returns an error as Migrate does. The role must be allowed to read the table
// sallyport_counter_migrations, if there is one, and needs no other right. It ignores
// Secret.
func Pending(ctx context.Context, db *sql.DB, c Config) (names []string, err error) {
	wrong := configcheck.List{Package: "sqlcounters"}
	checkDB(db, wrong.At(""))
	s := c.schema(wrong.At("Config."))
	if err := wrong.Err(); err != nil {
		return nil, err
	}
	return s.Pending(ctx, db)
}

// Migrations returns the files that [Migrate] would run, for hosts with a migration tool.
// They are in goose's format, one file for each version, with c.Prefix in their names of
// tables, and are in the root of the file system. Each records its version in the table
// sallyport_counter_migrations, which New reads. If the Config is invalid, it returns one
// error that joins all defects: *ConfigError values. It ignores Secret.
func Migrations(c Config) (fs.FS, error) {
	wrong := configcheck.List{Package: "sqlcounters"}
	s := c.schema(wrong.At("Config."))
	if err := wrong.Err(); err != nil {
		return nil, err
	}
	return s.Archive()
}

// New returns Counters on db, which belongs to the host: they neither close it nor change
// its settings, and start no goroutine.
//
// # Errors of New
//
// If the Config is invalid, New returns one error that joins all defects: *ConfigError
// values. Then it checks the database, and returns an error if its settings are not those
// that the package requires, it does not have exactly the tables of this release, or the
// role may not use them.
//
// A database that does not answer is not an error, so that a service starts without it.
// New waits for it as long as Config.Timeout; the first decision checks it then.
//
// # Failures
//
// Until the database answers, every decision is an error, and Config.OnCounterFailure of
// package ratelimit says how the request is handled; no restart is needed afterwards.
// After an error a charge may have been made, but never twice: only what the database has
// undone is repeated.
//
// A circuit breaker keeps requests from waiting for a database that does not serve. It
// opens if the database accepts no connection, if it answers nothing for Config.Timeout,
// or if five calls in a row fail because of the database or the network. Then one decision
// in ProbeEvery calls it, and all others are [ratelimit.ErrCircuitOpen] in less than a
// millisecond. A decision that waits for a connection of the pool longer than its context
// allows is [ratelimit.ErrBusy], and does not open it. Neither does a caller that
// disconnects, or a decision that waits too long for a counter that another transaction
// has locked; but MariaDB and MySQL measure that wait in whole seconds, so there one such
// decision with less time than 1.4 s opens it, unless the database has answered others
// meanwhile.
func New(db *sql.DB, c Config) (*Counters, error) {
	wrong := configcheck.List{Package: "sqlcounters"}
	checkDB(db, wrong.At(""))
	s := c.schema(wrong.At("Config."))
	c.check(wrong.At("Config."))
	if err := wrong.Err(); err != nil {
		return nil, err
	}
	c = c.withDefaults()
	n := &Counters{
		db: db, flavour: s.Flavour, schema: s, secret: slices.Clone(c.Secret), now: c.Now,
		sources: newSources(c.SourceCounters, c.Now), sql: newStatements(s.Flavour), checking: make(chan struct{}, 1),
	}
	n.Counters = remote.New("sqlcounters", c.Now, c.Lease, n.run)
	n.guard, n.server = newGuard(db, c)
	if err := n.begin(); err != nil {
		return nil, err
	}
	return n, nil
}

func checkDB(db *sql.DB, complain configcheck.Complain) {
	if db == nil {
		complain("db", "must be a *sql.DB, got nil")
	}
}

// schema returns the tables, and complains of what makes them impossible.
func (c Config) schema(complain configcheck.Complain) sqlschema.Schema {
	f := sqlschema.Flavour{Dialect: string(c.Dialect), Prefix: c.Prefix}.WithDefaults(complain)
	return sqlschema.Schema{
		Flavour: f, Package: "sqlcounters", Files: files, Versions: "sallyport_counter_migrations", ReadCommitted: true,
		Tables: []sqlschema.Table{
			{Name: "sallyport_counters", Columns: "id, spent, level, at, steps, ends", Rights: "SELECT INSERT UPDATE DELETE"},
			{Name: "sallyport_counter_resets", Columns: "shard, resets", Rights: "SELECT UPDATE"},
		},
	}
}

func (c Config) check(complain configcheck.Complain) {
	if len(c.Secret) < secretBytes {
		complain("Secret", "must be %d random bytes or more, got %d", secretBytes, len(c.Secret))
	}
	remote.CheckLease(c.Lease, complain)
	if c.Timeout < 0 {
		complain("Timeout", "must be positive, got %v", c.Timeout)
	}
	if c.ProbeEvery < 0 {
		complain("ProbeEvery", "must be positive, got %v", c.ProbeEvery)
	}
	if c.SourceCounters != 0 && (c.SourceCounters < leastSourceCounters || c.SourceCounters > mostSourceCounters) {
		complain("SourceCounters", "must be %d to %d, got %d", leastSourceCounters, mostSourceCounters, c.SourceCounters)
	}
}

func (c Config) withDefaults() Config {
	if c.SourceCounters == 0 {
		c.SourceCounters = defaultSourceCounters
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	if c.ProbeEvery == 0 {
		c.ProbeEvery = defaultProbeEvery
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// failed makes an error of a call one of this package.
func failed(format string, args ...any) error { return fmt.Errorf("sqlcounters: "+format, args...) }
