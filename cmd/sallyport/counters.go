package main

import (
	"cmp"
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/ratelimit/rediscounters"
	"github.com/sallyport-go/sallyport/middleware/ratelimit/sqlcounters"
	"github.com/sallyport-go/sallyport/store/memstore"
	"github.com/sallyport-go/sallyport/store/sqlstore"
)

// counterFlags say where the counters are.
type counterFlags struct {
	Counters       string `placeholder:"URL" group:"Counters:" help:"Where requests are counted: the URL of a Redis, PostgreSQL or MariaDB server, or sqlite:FILE. Without it: $$SALLYPORT_COUNTERS, or the configuration. No password in it."`
	CountersFile   string `placeholder:"FILE" group:"Counters:" help:"File whose first line is that URL; a password may be in it."`
	CountersPrefix string `placeholder:"NAME" group:"Counters:" help:"Prefix of the counters' keys or tables, as in the host's Config (sallyport:count on Redis, or sallyport_)."`
}

// counting are open counters.
type counting struct {
	ratelimit.Counters

	place  place
	config *configuration
	time   func(context.Context) (time.Time, error) // by the clock of the server
	close  func() error                             // the counters and the connections to them
}

// counterPlace returns where the counters are.
func (f counterFlags) counterPlace(p *process, c *configuration) (place, error) {
	return p.locate("counters", f.Counters, f.CountersFile, "SALLYPORT_COUNTERS", c.Counters)
}

// open opens the counters that the flags, the environment or the configuration name.
func (f counterFlags) open(p *process, g *globals) (*counting, error) {
	config, err := p.configuration(g.Config)
	if err != nil {
		return nil, err
	}
	return f.openWith(p, config)
}

func (f counterFlags) openWith(p *process, config *configuration) (*counting, error) {
	at, err := f.counterPlace(p, config)
	if err != nil {
		return nil, err
	}
	if config.Counters.Secret.File == "" {
		return nil, usagef("the configuration must name the file of the secret of rediscounters or sqlcounters, as the host has it: " +
			`{"counters":{"secret":{"file":"counters.key"}}}`)
	}
	secret, err := config.Counters.Secret.read(p, "counters.secret")
	if err != nil {
		return nil, err
	}
	if at.isRedis() {
		return f.onRedis(p, config, at, secret)
	}
	return f.inSQL(p, config, at, secret)
}

func (f counterFlags) onRedis(p *process, config *configuration, at place, secret []byte) (*counting, error) {
	client, err := at.redisClient()
	if err != nil {
		return nil, err
	}
	counters, err := rediscounters.New(client, rediscounters.Config{Secret: secret, Prefix: cmp.Or(f.CountersPrefix, config.Counters.Prefix), Now: p.now})
	if err != nil {
		return nil, errors.Join(err, client.Close())
	}
	return &counting{
		Counters: counters, place: at, config: config,
		time:  func(ctx context.Context) (time.Time, error) { return client.Time(ctx).Result() },
		close: func() error { return errors.Join(counters.Close(), client.Close()) },
	}, nil
}

// sqlTimeout is how long a person waits for a decision of counters in SQL.
const sqlTimeout = 10 * time.Second

func (f counterFlags) inSQL(p *process, config *configuration, at place, secret []byte) (*counting, error) {
	db, dialect, err := at.database(toUse)
	if err != nil {
		return nil, err
	}
	c := f.sqlConfig(dialect, config.Counters)
	c.Secret, c.Now, c.Timeout = secret, p.now, sqlTimeout
	counters, err := sqlcounters.New(db, c)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &counting{
		Counters: counters, place: at, config: config,
		time:  func(ctx context.Context) (time.Time, error) { return databaseTime(ctx, db, dialect) },
		close: func() error { return errors.Join(counters.Close(), db.Close()) },
	}, nil
}

// sqlConfig returns the Config of counters in SQL, without the secret.
func (f counterFlags) sqlConfig(dialect sqlstore.Dialect, from address) sqlcounters.Config {
	return sqlcounters.Config{Dialect: sqlcounters.Dialect(dialect), Prefix: cmp.Or(f.CountersPrefix, from.Prefix)}
}

// limiter returns a Limiter that counts as the host's does.
func (c *counting) limiter(p *process) (*ratelimit.Limiter, error) {
	if len(c.config.Tiers) == 0 {
		return nil, usagef(`the configuration must have the tiers of the host: {"tiers":{"free":{"limit":500,"period":"1h"}}}`)
	}
	l, err := ratelimit.New(ratelimit.Config{
		Tiers: c.config.tiers(), FallbackTier: c.config.FallbackTier, Limit: c.config.limit(),
		ClientIP: clientip.RemoteAddr, Counters: c.Counters, Now: p.now,
		Events: func(context.Context, ratelimit.Event) {},
	})
	if err != nil {
		return nil, usagef("%s: %w", cmp.Or(c.config.file, "the configuration"), err)
	}
	return l, nil
}

// auth returns an Auth whose brute-force protection counts as the host's does. It has no
// users and no sessions.
func (c *counting) auth(p *process) (*middleware.Auth, error) {
	if c.config.RefreshKey.File == "" {
		return nil, usagef("the configuration must name the file of the host's first refresh key, which the names of these counters are made with: " +
			`{"refresh_key":{"file":"refresh.key"}}`)
	}
	key, err := c.config.RefreshKey.read(p, "refresh_key")
	if err != nil {
		return nil, err
	}
	none, err := memstore.New(memstore.Config{})
	if err != nil {
		return nil, err
	}
	a, err := p.authority(none, c.config, key)
	if err != nil {
		return nil, err
	}
	budgets, err := c.config.bruteForce()
	if err != nil {
		return nil, err
	}
	auth, err := middleware.New(middleware.Config{
		Tokens: a, ClientIP: clientip.RemoteAddr, Counters: c.Counters, BruteForce: budgets, Now: p.now,
		Tiers: ratelimit.Tiers{ratelimit.Anonymous: {Limit: 1, Period: 1e9}},
	})
	if err != nil {
		return nil, usagef("%s: %w", cmp.Or(c.config.file, "the configuration"), err)
	}
	return auth, nil
}

// address is an address in a flag.
type addressFlag struct{ netip.Addr }

// UnmarshalText reads an address.
func (a *addressFlag) UnmarshalText(text []byte) error {
	addr, err := netip.ParseAddr(string(text))
	if err != nil || addr.Zone() != "" {
		return errors.New("must be an address such as 192.0.2.7 or 2001:db8::7")
	}
	a.Addr = addr.Unmap()
	return nil
}
