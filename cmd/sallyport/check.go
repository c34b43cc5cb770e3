package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/ratelimit/sqlcounters"
	"github.com/sallyport-go/sallyport/store/sqlstore"
)

type checkCommand struct {
	storeFlags
	counterFlags
}

// Help is the rest of --help.
func (checkCommand) Help() string {
	return `Looks at everything that the configuration names, and changes nothing:

    configuration  it can be read, and its tiers, rules and budgets are valid
    secrets        the files of secrets are readable by their owner, or a group, only
    store          the server answers, with the settings that the contract of a store needs
    schema         the tables are those of this release
    rights         the role may read and write them, as a host must
    clock          the server's clock and that of this machine differ by 2 s at most
    counters       the server of the counters answers, and counts
    counters schema, counters rights, counters clock: as those of the store

The exit code is 3 if a check fails. A check that is not needed (no counters are named, for
example) is not made.

    sallyport check
    sallyport check --config sallyport.json --json

JSON: {"type":"check","name","ok","detail"}, one object for each check that was made.`
}

// checked is the outcome of one check.
type checked struct {
	Type   string `json:"type"`
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
}

func (checked) head() []string { return []string{"CHECK", "OUTCOME", "DETAIL"} }

func (c checked) cells() []string {
	outcome := "ok"
	if !c.OK {
		outcome = "FAILED"
	}
	return []string{c.Name, outcome, c.Detail}
}

// checking makes checks, and counts those that fail.
type checking struct {
	p      *process
	out    *output
	failed int
}

// made reports a check, and whether it has succeeded.
func (c *checking) made(name, detail string, err error) bool {
	if err != nil {
		c.failed++
		detail = c.p.redact(strings.TrimSuffix(err.Error(), ": "))
		detail = strings.Join(strings.Split(detail, "\n"), "; ")
	}
	c.out.add(checked{"check", name, err == nil, detail})
	return err == nil
}

// mostApart is how far the clocks of two machines may be apart: a node whose clock is further
// behind cannot tell how long ago a refresh token was used (tokens.Config.RetryGrace).
const mostApart = 2 * time.Second

// Run runs the command.
func (c *checkCommand) Run(ctx context.Context, p *process, out *output, g *globals) error {
	config, err := p.configuration(g.Config)
	if err != nil {
		return err
	}
	k := &checking{p: p, out: out}
	if config.file != "" {
		k.made("configuration", config.file, config.check(p))
	}
	k.secrets(config)
	counters, unnamed := c.counterPlace(p, config)
	at, err := c.storePlace(p, config)
	switch {
	case errors.Is(err, errUnnamed) && unnamed == nil: // the host has a store of its own
	case err != nil:
		k.made("store", "", err)
	case at.isRedis():
		c.redisStore(ctx, k, config)
	default:
		c.database(ctx, k, at, config)
	}
	switch {
	case errors.Is(unnamed, errUnnamed):
	case unnamed != nil:
		k.made("counters", "", unnamed)
	case counters.isRedis():
		c.counters(ctx, k, config, "counters")
	case c.counterTables(ctx, k, config, counters):
		c.counters(ctx, k, config, "counters rights")
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if k.failed > 0 {
		return negativef("%s failed", plural(k.failed, "check"))
	}
	return nil
}

// check returns what is wrong with the tiers, the rules and the budgets.
func (c *configuration) check(p *process) error {
	var errs []error
	if len(c.Tiers) > 0 || len(c.Rules) > 0 {
		_, err := (&counting{Counters: ratelimit.Memory(), config: c}).limiter(p)
		errs = append(errs, err)
	}
	_, err := c.bruteForce()
	errs = append(errs, err)
	if c.RefreshKey.File != "" {
		_, err := (&counting{Counters: ratelimit.Memory(), config: c}).auth(p)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// secrets checks who may read the files of secrets.
func (c *checking) secrets(config *configuration) {
	var files []string
	var errs []error
	for _, file := range []string{config.Store.URLFile, config.Counters.URLFile, config.Counters.Secret.File, config.RefreshKey.File} {
		if file == "" {
			continue
		}
		files = append(files, file)
		info, err := os.Stat(file)
		switch {
		case err != nil:
			errs = append(errs, err)
		case info.Mode().Perm()&0o007 != 0:
			errs = append(errs, fmt.Errorf("%s: every user of this machine can read it: chmod 600 %[1]s", file))
		case info.Mode().Perm()&0o020 != 0:
			errs = append(errs, fmt.Errorf("%s: its group can change it: chmod g-w %[1]s", file))
		}
	}
	if len(files) > 0 {
		c.made("secrets", strings.Join(files, ", "), errors.Join(errs...))
	}
}

// database checks a store in SQL.
func (c *checkCommand) database(ctx context.Context, k *checking, at place, config *configuration) {
	db, dialect, err := at.database(toLook)
	if err != nil {
		k.made("store", "", err)
		return
	}
	defer func() { _ = db.Close() }()
	settings := c.storeFlags.sqlConfig(dialect, config.Store)
	pending, err := sqlstore.Pending(ctx, db, settings)
	if !k.made("store", at.String(), err) {
		return
	}
	if k.schema("schema", pending) {
		_, err := sqlstore.Open(ctx, db, settings)
		k.made("rights", "the role may read and write the tables", err)
	}
	k.clock("clock", func() (time.Time, error) { return databaseTime(ctx, db, dialect) })
}

// databaseTime asks a database for the time. SQLite has the clock of this machine.
func databaseTime(ctx context.Context, db *sql.DB, dialect sqlstore.Dialect) (time.Time, error) {
	query := map[sqlstore.Dialect]string{
		sqlstore.PostgreSQL: "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint",
		sqlstore.MySQL:      "SELECT CAST(UNIX_TIMESTAMP(SYSDATE(6)) * 1000000 AS SIGNED)",
		sqlstore.SQLite:     "SELECT CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)",
	}[dialect]
	var micros int64
	err := db.QueryRowContext(ctx, query).Scan(&micros)
	return time.UnixMicro(micros), err
}

// clock compares the clock of a server with that of this machine.
func (c *checking) clock(name string, read func() (time.Time, error)) {
	before := c.p.now()
	there, err := read()
	took := c.p.now().Sub(before)
	apart := there.Sub(before.Add(took / 2)).Round(time.Millisecond)
	if err == nil && apart.Abs() > mostApart+took/2 {
		err = fmt.Errorf("the server's clock differs from that of this machine by %v: synchronize both (NTP)", apart)
	}
	c.made(name, fmt.Sprintf("differs by %v, measured in %v", apart, took.Round(time.Millisecond)), err)
}

// redisStore checks a store on Redis.
func (c *checkCommand) redisStore(ctx context.Context, k *checking, config *configuration) {
	s, err := c.storeFlags.open(ctx, k.p, config)
	if !k.made("store", "Redis answers, takes the commands of a store, and evicts nothing", err) {
		return
	}
	defer func() { _ = s.close() }()
	client, err := s.place.redisClient()
	if err != nil {
		k.made("clock", "", err)
		return
	}
	defer func() { _ = client.Close() }()
	k.clock("clock", func() (time.Time, error) { return client.Time(ctx).Result() })
}

// counterTables checks the tables of counters in SQL.
func (c *checkCommand) counterTables(ctx context.Context, k *checking, config *configuration, at place) bool {
	t, err := openCounterTables(at, toLook, func(d sqlstore.Dialect) sqlcounters.Config { return c.counterFlags.sqlConfig(d, config.Counters) })
	if err != nil {
		return k.made("counters", "", err)
	}
	defer func() { _ = t.close() }()
	pending, err := t.pending(ctx)
	return k.made("counters", at.String(), err) && k.schema("counters schema", pending)
}

// schema reports whether no migration is pending.
func (c *checking) schema(name string, pending []string) bool {
	var err error
	if len(pending) > 0 {
		err = fmt.Errorf("%s pending, from %s: run sallyport migrate up", plural(len(pending), "migration"), pending[0])
	}
	return c.made(name, "the tables are those of this release", err)
}

// counters checks that the counters count, and their clock.
func (c *checkCommand) counters(ctx context.Context, k *checking, config *configuration, name string) {
	counters, err := c.openWith(k.p, config)
	if err != nil {
		k.made(name, "", err)
		return
	}
	defer func() { _ = counters.close() }()
	probe := ratelimit.Charge{Key: "sallyport/check", Policy: ratelimit.Policy{Name: "check", Limit: 1, Window: time.Second}, Cost: 1}
	_, err = counters.Peek(ctx, []ratelimit.Charge{probe}, nil)
	detail := counters.place.String()
	if !counters.place.isRedis() {
		detail = "the role may read and write the tables, and call the function"
	}
	if k.made(name, detail, err) {
		k.clock("counters clock", func() (time.Time, error) { return counters.time(ctx) })
	}
}
