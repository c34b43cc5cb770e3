package middleware

import (
	"context"
	"net/http"
	"net/netip"

	"github.com/sallyport-go/sallyport/internal/carry"
	"github.com/sallyport-go/sallyport/internal/configcheck"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
)

// CallerOf returns the principal as a Caller of package ratelimit, for Inspect,
// Reset and Grant.
func CallerOf(p tokens.Principal) ratelimit.Caller { return callerOf(&p) }

func callerOf(p *tokens.Principal) ratelimit.Caller {
	return ratelimit.Caller{User: p.Subject, Account: p.Account, Session: p.SessionID, Tier: p.Tier, Seats: p.Seats}
}

// limiter makes the Limiter of a Config.
func (a *Auth) limiter(c Config, complain complaint) *ratelimit.Limiter {
	config := ratelimit.Config{
		Tiers: c.Tiers, FallbackTier: c.FallbackTier, ClientIP: c.ClientIP, Identify: identify, Limit: c.Limit, Headers: c.Headers,
		Counters: c.Counters, OnCounterFailure: c.OnCounterFailure, Nodes: c.Nodes, CounterTimeout: c.CounterTimeout,
		Decided: c.Decided, Refuse: a.refuse, Now: c.Now,
	}
	if c.Tokens != nil && c.Tokens.Reports() || c.Verifier != nil && c.Verifier.Reports() {
		config.Events = a.limitEvent
	}
	if c.TierOf != nil {
		config.TierOf = func(ctx context.Context, caller ratelimit.Caller) (string, int, error) {
			return c.TierOf(ctx, principalOf(ctx, caller))
		}
	}
	if c.Override != nil {
		config.Override = func(ctx context.Context, caller ratelimit.Caller, t ratelimit.Tier) (ratelimit.Tier, error) {
			return c.Override(ctx, principalOf(ctx, caller), t)
		}
	}
	l, err := ratelimit.New(config)
	configcheck.Repeat(err, "Config.", complain) // its Config has fields of the same names
	return l
}

// identify returns the caller of a request by its principal.
func identify(r *http.Request) (ratelimit.Caller, error) {
	p := carry.From[tokens.Principal](r.Context()) // not PrincipalFrom: a Principal is large
	if p == nil {
		return ratelimit.Caller{}, nil
	}
	return callerOf(p), nil
}

// principalOf returns the context's principal if the Caller was made of it, or
// else one with the Caller's data: a handler for support staff has the principal
// of the staff in its context, and inspects another caller.
func principalOf(ctx context.Context, c ratelimit.Caller) tokens.Principal {
	c.Address, c.Key = netip.Addr{}, ""
	if p, ok := tokens.PrincipalFrom(ctx); ok && CallerOf(p) == c {
		return p
	}
	return tokens.Principal{Subject: c.User, Account: c.Account, SessionID: c.Session, Tier: c.Tier, Seats: c.Seats}
}

// limitEvents maps the event kinds of package ratelimit to those of package
// events.
var limitEvents = map[ratelimit.EventKind]events.Kind{
	ratelimit.EventLimited:        events.Limited,
	ratelimit.EventShadowLimited:  events.ShadowLimited,
	ratelimit.EventNearLimit:      events.NearLimit,
	ratelimit.EventCounterFailure: events.CounterFailure,
	ratelimit.EventCountersBusy:   events.CountersBusy,
	ratelimit.EventUnknownTier:    events.UnknownTier,
	ratelimit.EventCostAboveLimit: events.CostAboveLimit,
	ratelimit.EventRefused:        events.AccessRefused,
	ratelimit.EventReconfigured:   events.Reconfigured,
	ratelimit.EventFault:          events.Fault,
}

// limitEvent reports an event of the Limiter.
func (a *Auth) limitEvent(ctx context.Context, e ratelimit.Event) {
	if e.Address.IsValid() {
		ctx = events.WithAddress(ctx, e.Address)
	}
	p, _ := tokens.PrincipalFrom(ctx)
	kind := limitEvents[e.Kind]
	if e.Kind == ratelimit.EventRefused {
		if known, ok := refusalEvents[wire.AsError(e.Err).Reason]; ok {
			kind = known
		}
	}
	a.verifier.Report(ctx, events.Event{
		Kind: kind, Policy: e.Policy, Changed: e.Changed, Err: e.Err,
		UserID: e.Caller.User, Account: e.Caller.Account, ClientID: p.ClientID, SessionID: e.Caller.Session,
	})
}

// Reconfigure replaces tiers and rules while requests are served: all of the Settings,
// or none, and then it returns all that is wrong with them: *ConfigError values,
// joined. Counters keep what was spent. A Reconfigured event names what has changed:
// see [ratelimit.Limiter.Reconfigure]. It is safe for concurrent use, and holds for
// what WithDialect and WithoutCookies return, too. A Limiter of Limits has its own
// Reconfigure for its LimitConfig.
func (a *Auth) Reconfigure(ctx context.Context, s ratelimit.Settings) error {
	wrong := configcheck.List{Package: "middleware"}
	configcheck.Repeat(a.limits.Reconfigure(ctx, s), "", wrong.At(""))
	return wrong.Err()
}

// refuse writes a rejection of the Limiter.
func (a *Auth) refuse(w http.ResponseWriter, r *http.Request, err error) {
	a.refused(w, r, wire.RouteAPI, err)
}
