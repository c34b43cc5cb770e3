package main

import (
	"cmp"
	"context"
	"errors"
	"net/netip"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/ratelimit/rediscounters"
	"github.com/sallyport-go/sallyport/store/memstore"
)

// counterFlags say where the counters are.
type counterFlags struct {
	Counters     string `placeholder:"URL" group:"Counters:" help:"URL of the Redis server that counts. Without it: $$SALLYPORT_COUNTERS, or the configuration. No password in it."`
	CountersFile string `placeholder:"FILE" group:"Counters:" help:"File whose first line is that URL; a password may be in it."`
}

// counting are open counters.
type counting struct {
	ratelimit.Counters

	place  place
	client redis.UniversalClient
	config *configuration
}

// close closes the counters, and the connections to them.
func (c *counting) close() error { return errors.Join(c.Close(), c.client.Close()) }

// open opens the counters that the flags, the environment or the configuration name.
func (f counterFlags) open(p *process, g *globals) (*counting, error) {
	config, err := p.configuration(g.Config)
	if err != nil {
		return nil, err
	}
	return f.openWith(p, config)
}

func (f counterFlags) openWith(p *process, config *configuration) (*counting, error) {
	at, err := p.locate("counters", f.Counters, f.CountersFile, "SALLYPORT_COUNTERS", config.Counters)
	if err != nil {
		return nil, err
	}
	if !at.isRedis() {
		return nil, usagef("%s: the counters must be on Redis: what a host counts in its own memory, no other program sees", at)
	}
	if config.Counters.Secret.File == "" {
		return nil, usagef("the configuration must name the file of the secret of rediscounters, as the host has it: " +
			`{"counters":{"secret":{"file":"counters.key"}}}`)
	}
	secret, err := config.Counters.Secret.read(p, "counters.secret")
	if err != nil {
		return nil, err
	}
	client, err := at.redisClient()
	if err != nil {
		return nil, err
	}
	counters, err := rediscounters.New(client, rediscounters.Config{Secret: secret, Prefix: config.Counters.Prefix, Now: p.now})
	if err != nil {
		return nil, errors.Join(err, client.Close())
	}
	return &counting{counters, at, client, config}, nil
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
