package main

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/store"
)

type quotaCommands struct {
	Show  quotaShow  `cmd:"" help:"Show what a caller has left of each limit."`
	Reset quotaReset `cmd:"" help:"Set what a caller has spent to zero."`
	Grant quotaGrant `cmd:"" help:"Give a caller back a part of what they have spent."`
}

// quotaHelp is what the commands have in common.
const quotaHelp = `
The configuration must have the counters, the tiers and the rules of the host, letter by letter,
because the names of the counters are made of them. A small sallyport.json:

    {
      "counters": {"url": "redis://127.0.0.1:6379/0", "secret": {"file": "counters.key"}},
      "tiers": {"free": {"limit": 500, "period": "1h", "algorithm": "gcra", "per_seat": true}},
      "rules": [{"name": "exports", "limit": 20, "period": "1d", "by": "user"}]
    }

The secret is Config.Secret of rediscounters or sqlcounters; counters in SQL have the URL of a
PostgreSQL or MariaDB server, or sqlite:FILE. The algorithm is fixed (without one), gcra or
rolling. docs/command-line.md has all members.

Name the caller as the host counts them: --user, with --account if several users share a quota, or
--address alone for a caller who is not authenticated. Without --tier, the tier, the seats and
the account of the user are read from the store. Rules by a key of the host's own are those of
--host-value. What the host's functions decide (TierOf, Override) is not known here.
`

// callerFlags say whose quota it is.
type callerFlags struct {
	User      string      `placeholder:"ID" group:"Caller:" help:"ID of the user."`
	Account   string      `placeholder:"ID" group:"Caller:" help:"ID of the account whose quota the user spends."`
	Session   string      `placeholder:"ID" group:"Caller:" help:"sid of the session, or ID of the API key, for rules by session."`
	Address   addressFlag `placeholder:"ADDRESS" group:"Caller:" help:"Address of the client, for callers who are not authenticated and for rules by address."`
	HostValue string      `placeholder:"TEXT" group:"Caller:" help:"What the host's function for a rule by host (ByKey) returns."`
	Tier      string      `placeholder:"NAME" group:"Caller:" help:"Name of the tier. Without it: that of the user in the store."`
	Seats     int         `placeholder:"NUMBER" group:"Caller:" help:"Seats of the account. Without it: those of the user in the store, or 1."`
}

// caller returns the caller, whom it looks up in the store if their tier is not given.
func (f callerFlags) caller(ctx context.Context, p *process, in storeFlags, config *configuration) (c ratelimit.Caller, err error) {
	c = ratelimit.Caller{
		User: f.User, Account: f.Account, Session: f.Session, Tier: f.Tier, Seats: f.Seats, Address: f.Address.Addr, Key: f.HostValue,
	}
	switch {
	case !c.Authenticated() && !c.Address.IsValid():
		return c, usagef("whose quota? Give --user, --account or --address")
	case !c.Authenticated() || f.Tier != "":
		return c, nil
	case f.User == "":
		return c, usagef("give the --tier of the account, and its --seats")
	}
	s, err := in.open(ctx, p, config)
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	u, err := s.User(ctx, f.User)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return c, negativef("no user %s in %s", f.User, s.place)
	case errors.Is(err, errUnseen):
		return c, usagef("%w: give --tier, and --seats and --account if they matter", err)
	case err != nil:
		return c, err
	}
	c.Tier = u.Tier
	if c.Account == "" {
		c.Account = u.Account
	}
	if c.Seats == 0 {
		c.Seats = u.Seats
	}
	return c, nil
}

type quotaShow struct {
	storeFlags
	counterFlags
	callerFlags
}

// Help is the rest of --help.
func (quotaShow) Help() string {
	return `Charges nothing.
` + quotaHelp + `
    sallyport quota show --user u1
    sallyport quota show --account acme --tier free --seats 3
    sallyport quota show --address 192.0.2.7

JSON: {"type":"quota","policy","unit","limit","remaining","window_seconds","reset_at",
"dry_run"}, one object for each policy; reset_at is when the whole limit is there again.`
}

type quotaReset struct {
	storeFlags
	counterFlags
	callerFlags

	DryRun bool `help:"Show what the caller has, and reset nothing."`
}

// Help is the rest of --help.
func (quotaReset) Help() string {
	return `Resets all policies of the caller, and shows the quota afterwards. What a node has left of a
lease (Config.Lease of the counters) may be spent in addition.
` + quotaHelp + `
    sallyport quota reset --user u1 --dry-run
    sallyport quota reset --user u1

JSON: as quota show.`
}

type quotaGrant struct {
	storeFlags
	counterFlags
	callerFlags

	Policy string `required:"" placeholder:"NAME" help:"Name of the policy, as quota show and the header RateLimit-Policy have it."`
	Amount int64  `required:"" placeholder:"NUMBER" help:"How much to give back, from 1. The caller never has more than the limit."`
	DryRun bool   `help:"Show what the caller has, and grant nothing."`
}

// Help is the rest of --help.
func (quotaGrant) Help() string {
	return `Gives back at most what was spent, and shows the quota afterwards. To raise a limit, change the
tier in the host.
` + quotaHelp + `
    sallyport quota grant --user u1 --policy free --amount 100

JSON: as quota show.`
}

// quota is what is left of one policy.
type quota struct {
	Type      string     `json:"type"`
	Policy    string     `json:"policy"`
	Unit      string     `json:"unit,omitempty"`
	Limit     int64      `json:"limit"`
	Remaining int64      `json:"remaining"`
	Window    float64    `json:"window_seconds"`
	ResetAt   *time.Time `json:"reset_at,omitempty"`
	DryRun    bool       `json:"dry_run"`
}

func (quota) head() []string { return []string{"POLICY", "LIMIT", "LEFT", "WINDOW", "ALL BACK AT"} }

func (q quota) cells() []string {
	window := time.Duration(q.Window * float64(time.Second))
	return []string{q.Policy, strconv.FormatInt(q.Limit, 10), strconv.FormatInt(q.Remaining, 10), window.String(), at(q.ResetAt)}
}

// withQuota calls do, unless that is nil, and then shows the quota of the caller.
func (f callerFlags) withQuota(
	ctx context.Context, p *process, out *output, g *globals, in storeFlags, counters counterFlags, isDry bool,
	do func(*ratelimit.Limiter, ratelimit.Caller) error,
) (err error) {
	c, err := counters.open(p, g)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	l, err := c.limiter(p)
	if err != nil {
		return err
	}
	who, err := f.caller(ctx, p, in, c.config)
	if err != nil {
		return err
	}
	before, err := l.Inspect(ctx, who)
	if err != nil {
		return notCounted(err)
	}
	if do != nil {
		if err := do(l, who); err != nil {
			return notCounted(err)
		}
		if !isDry {
			if before, err = l.Inspect(ctx, who); err != nil {
				return notCounted(err)
			}
		}
	}
	for _, u := range before.Usage {
		row := quota{"quota", u.Policy.Name, u.Unit, u.Policy.Limit, u.Remaining, u.Policy.Window.Seconds(), nil, isDry}
		if u.ResetAfter > 0 && u.Remaining < u.Policy.Limit {
			row.ResetAt = when(seconds(p.now().Add(u.ResetAfter)))
		}
		out.add(row)
	}
	return nil
}

// notCounted says of a caller whom the configuration does not know that this is so.
func notCounted(err error) error {
	refused, ok := errors.AsType[*ratelimit.Error](err)
	if !ok {
		return err
	}
	switch refused.Reason {
	case ratelimit.ReasonMisconfigured:
		return usagef("%w (is the tier in the configuration?)", err)
	case ratelimit.ReasonUnauthenticated:
		return negativef("the configuration has no tier anonymous: such callers are rejected")
	case ratelimit.ReasonAddress:
		return usagef("a policy counts by address: give --address")
	}
	return err
}

// Run runs the command.
func (c *quotaShow) Run(ctx context.Context, p *process, out *output, g *globals) error {
	return c.withQuota(ctx, p, out, g, c.storeFlags, c.counterFlags, false, nil)
}

// Run runs the command.
func (c *quotaReset) Run(ctx context.Context, p *process, out *output, g *globals) error {
	return c.withQuota(ctx, p, out, g, c.storeFlags, c.counterFlags, c.DryRun, func(l *ratelimit.Limiter, who ratelimit.Caller) error {
		if c.DryRun {
			return nil
		}
		return l.Reset(ctx, who)
	})
}

// Run runs the command.
func (c *quotaGrant) Run(ctx context.Context, p *process, out *output, g *globals) error {
	if c.Amount < 1 {
		return usagef("--amount: must be 1 or more, got %d", c.Amount)
	}
	return c.withQuota(ctx, p, out, g, c.storeFlags, c.counterFlags, c.DryRun, func(l *ratelimit.Limiter, who ratelimit.Caller) error {
		q, err := l.Inspect(ctx, who)
		if err != nil {
			return err
		}
		for _, u := range q.Usage {
			if u.Policy.Name != c.Policy {
				continue
			}
			if c.DryRun {
				return nil
			}
			return l.Grant(ctx, who, c.Policy, c.Amount)
		}
		return negativef("the caller has no policy %q: see sallyport quota show", c.Policy)
	})
}
