package ratelimit

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// Config configures a Limiter. The zero value of a field that is not required is
// the safe default.
type Config struct {
	// Tiers is required: the limits of each kind of caller, by name.
	Tiers Tiers

	// ClientIP is required: it returns the address of the client. For a server that
	// its clients reach directly that is clientip.RemoteAddr, behind proxies
	// clientip.BehindProxies. Its errors refuse the request with ReasonAddress.
	ClientIP func(*http.Request) (netip.Addr, error)

	// Identify returns who sends a request; the zero Caller if they are not
	// authenticated. A [Refusal] refuses the request; any other error is a failure of
	// the counters. It must be quick: it is not bounded by CounterTimeout. Nil: no
	// caller is authenticated.
	Identify func(*http.Request) (Caller, error)

	// TierOf returns the tier and the number of seats that an authenticated caller
	// has now, where the host knows better than Identify: after an upgrade, say. A
	// [Refusal] refuses the request; any other error is a failure of the counters.
	// Nil: as Identify says.
	TierOf func(context.Context, Caller) (tier string, seats int, err error)

	// Override returns the tier of one authenticated caller, for customers with a
	// limit of their own: it gets the tier that was found, and returns that or
	// another. A [Refusal] refuses the request; any other error is a failure of the
	// counters. Nil: every caller has the tier that was found.
	Override func(context.Context, Caller, Tier) (Tier, error)

	// Limit says what is counted. The zero value counts each request against the
	// tier of its caller.
	Limit LimitConfig

	// Headers says which headers tell a caller what is left. The zero value sends
	// all.
	Headers Headers

	// Counters count requests. Nil: in the memory of this process.
	Counters Counters

	// OnCounterFailure says what becomes of requests that cannot be counted. The
	// zero value refuses them with ReasonUnavailable.
	OnCounterFailure FailurePolicy

	// Nodes is the number of processes that serve this API, 1 or more. It is
	// required for FailLocal, and ignored otherwise.
	Nodes int

	// CounterTimeout is how long one decision may wait for the counters, TierOf and
	// Override together. Zero: 250 ms.
	CounterTimeout time.Duration

	// Events is called for each event, by many goroutines at once. Nil: not called.
	Events func(context.Context, Event)

	// Refuse answers a request that was refused: with an *Error, or with the Refusal
	// of one of the functions above. Nil: [Error.Write], and 403 for any other
	// Refusal.
	Refuse func(http.ResponseWriter, *http.Request, error)

	// Now is the clock. Nil: time.Now.
	Now func() time.Time
}

const defaultCounterTimeout = 250 * time.Millisecond

// Limiter counts the requests of a route, or of a group of routes. It is safe for
// concurrent use.
//
// Limiters of one New may stand behind one another, as a route's stands behind
// its group's. What the outer ones have counted the inner ones do not count
// again: a request that costs more further in is charged the difference. A
// request that is refused further in is refunded what it was charged further out,
// so that it spends nothing.
type Limiter struct {
	*core

	route     LimitConfig
	rules     []readyRule
	onFailure FailurePolicy
	refused   func(http.ResponseWriter, *http.Request, error)
}

// core is what the Limiters of one New share.
type core struct {
	config   Config
	plans    map[string]*plan
	local    Counters // for FailLocal
	inMemory bool     // the counters are
	prompt   bool     // nothing that is asked about a request waits for anything
	batches  sync.Pool
	inflight *inflight
}

// New returns a Limiter, or all that is wrong with c: *ConfigError values, joined.
func New(c Config) (*Limiter, error) {
	if c.Counters == nil {
		c.Counters = Memory()
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	if c.CounterTimeout == 0 {
		c.CounterTimeout = defaultCounterTimeout
	}
	if c.Refuse == nil {
		c.Refuse = refuse
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	shared := &core{config: c, plans: c.Tiers.plans(), inflight: &inflight{now: map[string]int{}}}
	if c.Nodes > 0 {
		shared.local = Memory()
	}
	_, shared.inMemory = c.Counters.(*inMemory)
	shared.prompt = shared.inMemory && c.TierOf == nil && c.Override == nil
	return shared.limiter(c.Limit, c.Refuse), nil
}

func (c Config) check() error {
	var wrong complaints
	complain := wrong.at("Config.")
	if c.ClientIP == nil {
		complain("ClientIP", "is required: it states whom you trust, for instance clientip.RemoteAddr")
	}
	c.Tiers.check(c.Counters, complain)
	c.Limit.check(c.Counters, wrong.at("Config.Limit."))
	c.Headers.check(complain)
	c.OnCounterFailure.check("OnCounterFailure", complain)
	local := c.OnCounterFailure == FailLocal || c.Limit.OnCounterFailure == FailLocal
	if c.Nodes < 0 || c.Nodes == 0 && local {
		complain("Nodes", "must be the number of processes, 1 or more, got %d", c.Nodes)
	}
	if c.CounterTimeout < 0 {
		complain("CounterTimeout", "must be a positive time, got %v", c.CounterTimeout)
	}
	return wrong.joined()
}

// refuse is Config.Refuse by default.
func refuse(w http.ResponseWriter, _ *http.Request, err error) {
	e, ok := err.(*Error) //nolint:errorlint // a Refusal that wraps one is its own answer
	if !ok {
		http.Error(w, http.StatusText(http.StatusForbidden), http.StatusForbidden)
		return
	}
	e.Write(w)
}

// Limits returns a Limiter that counts as another LimitConfig says, with the same
// tiers and counters, or all that is wrong with c: *ConfigError values, joined.
func (l *Limiter) Limits(c LimitConfig) (*Limiter, error) {
	var wrong complaints
	complain := wrong.at("LimitConfig.")
	c.check(l.config.Counters, complain)
	if c.OnCounterFailure == FailLocal && l.config.Nodes == 0 {
		complain("OnCounterFailure", "must not be FailLocal without Config.Nodes")
	}
	if len(wrong) > 0 {
		return nil, wrong.joined()
	}
	return l.limiter(c, l.refused), nil
}

// limiter makes a Limiter of a LimitConfig that was checked.
func (c *core) limiter(route LimitConfig, refused func(http.ResponseWriter, *http.Request, error)) *Limiter {
	l := &Limiter{core: c, route: route, onFailure: route.OnCounterFailure, refused: refused}
	for _, r := range route.Rules {
		l.rules = append(l.rules, r.ready())
	}
	if l.onFailure == FailDefault {
		l.onFailure = c.config.OnCounterFailure
	}
	return l
}

// WithRefuse returns a Limiter that answers refusals with another function, and
// counts in the same counters.
func (l *Limiter) WithRefuse(refuse func(http.ResponseWriter, *http.Request, error)) *Limiter {
	other := *l
	other.refused = refuse
	return &other
}

// Limit counts requests, sets headers that tell what is left, and refuses the
// requests that are over a limit. Every request that reaches it is counted,
// whatever its method and its headers say. To answer the preflight requests of
// browsers without counting them, mount the CORS middleware in front of it.
func (l *Limiter) Limit(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, err := l.CheckLimit(r)
		if err != nil {
			l.refused(w, r, err)
			return
		}
		defer p.Done()
		p.SetHeader(w.Header())
		next.ServeHTTP(w, p.Request())
	})
}

// CheckLimit counts a request under all of its policies, or under none if one of
// them refuses it: then the error is an *Error, or the Refusal of one of the
// host's functions. The caller of CheckLimit answers the Request of the Pass, and
// calls its Done afterwards.
func (l *Limiter) CheckLimit(r *http.Request) (*Pass, error) {
	p := &Pass{limiter: l, request: r, outer: passOf(r.Context()), at: l.config.Now()}
	cost, err := costOf(l.route.Cost, r, 1)
	if err != nil {
		return nil, l.refusal(r, Caller{}, err)
	}
	if cost == 0 {
		return p, nil
	}
	p.caller, err = l.identify(r)
	w := who{p.caller, r}
	if err != nil {
		return p, l.unknown(w, err)
	}
	ctx, cancel := l.deadline(r.Context())
	defer cancel()
	items, err := l.items(ctx, w, cost, p.buffer[:0])
	if err != nil {
		return p, l.unknown(w, err)
	}
	if p.outer != nil && p.outer.limiter.core == l.core {
		p.into, p.outer = p.outer, p.outer.outer
		items = p.into.rest(items)
	}
	admitted := false
	defer func() {
		if !admitted { // refused, or the counters have panicked
			l.leave(items)
		}
	}()
	if l.occupy(items) {
		if err := l.count(ctx, w, items); err != nil {
			return nil, err
		}
	}
	if overLimit(items) {
		return nil, l.refuse(ctx, p, w, items)
	}
	admitted = true
	l.reportShares(w, items)
	if p.into != nil {
		p.into.keep(items)
		return p, nil
	}
	p.items = items
	p.context = passContext{r.Context(), p}
	p.request = r.WithContext(&p.context)
	return p, nil
}

// identify asks the host who sends a request.
func (l *Limiter) identify(r *http.Request) (Caller, error) {
	if l.config.Identify == nil {
		return Caller{}, nil
	}
	return l.config.Identify(r)
}

// deadline bounds the time for one decision. A client that disconnects is still
// charged. Where nothing that is asked waits for anything there is no deadline.
func (l *Limiter) deadline(ctx context.Context) (context.Context, context.CancelFunc) {
	if l.prompt {
		return ctx, func() {}
	}
	return context.WithTimeout(context.WithoutCancel(ctx), l.config.CounterTimeout)
}

// maxCost is the most that one charge can cost.
const maxCost = math.MaxInt32

func costOf(cost func(*http.Request) int64, r *http.Request, otherwise int64) (int64, error) {
	if cost == nil {
		return otherwise, nil
	}
	n := cost(r)
	if n < 0 {
		return 0, misconfigured(fmt.Errorf("ratelimit: Cost returned %d", n))
	}
	return min(n, maxCost), nil
}

// items appends what a caller has to do with each policy.
func (l *Limiter) items(ctx context.Context, w who, cost int64, items []item) ([]item, error) {
	if !l.route.WithoutTier {
		plan, seats, err := l.plan(ctx, w)
		if err != nil {
			return nil, err
		}
		if items, err = l.planItems(items, plan, seats, w, cost); err != nil {
			return nil, err
		}
	}
	for i := range l.rules {
		var err error
		if items, err = l.ruleItems(items, &l.rules[i], w, cost); err != nil {
			return nil, err
		}
	}
	return items, nil
}

func (l *Limiter) planItems(items []item, p *plan, seats int, w who, cost int64) ([]item, error) {
	o, err := l.owner(p.tier.By, w)
	if err != nil {
		return nil, err
	}
	for i, window := range p.windows {
		items = append(items, item{
			trait: &p.trait, charge: o.charge(p.keys[i], window.policy(seats), cost),
		})
	}
	if n := p.tier.Concurrent; n > 0 {
		items = append(items, placeItem(&p.place, o.key("tier/"), p.name, n))
	}
	return items, nil
}

func (l *Limiter) ruleItems(items []item, r *readyRule, w who, cost int64) ([]item, error) {
	if w.request == nil && r.By.kind == byHost && w.Key == "" {
		return items, nil // the support staff has not asked for it
	}
	if w.request != nil {
		var err error
		if cost, err = costOf(r.Cost, w.request, cost); err != nil || cost == 0 {
			return items, err
		}
	}
	o, err := l.owner(r.By, w)
	if err != nil {
		return nil, err
	}
	if r.Period > 0 {
		if r.Late {
			cost = 1
		}
		items = append(items, item{trait: &r.trait, charge: o.charge(r.key, r.window().policy(1), cost)})
	}
	if r.Concurrent > 0 {
		items = append(items, placeItem(&r.place, o.key(r.key), r.Name, r.Concurrent))
	}
	return items, nil
}

// placeItem is a place among the requests in flight.
func placeItem(t *trait, key, name string, limit int) item {
	return item{
		trait: t, charge: Charge{Key: key, Policy: Policy{Name: name + "-concurrent", Limit: int64(limit)}, Cost: 1},
	}
}

// plan returns the tier that a caller has now, and the number of seats.
func (l *Limiter) plan(ctx context.Context, w who) (*plan, int, error) {
	if !w.Authenticated() {
		p, ok := l.plans[Anonymous]
		if !ok {
			return nil, 0, &Error{Reason: ReasonUnauthenticated, Description: "Authentication is required"}
		}
		return p, 1, nil
	}
	name, seats := w.Tier, w.Seats
	if l.config.TierOf != nil {
		tier, n, err := l.config.TierOf(ctx, w.Caller)
		if err != nil && !l.standsIn(w, err) {
			return nil, 0, err
		}
		if err == nil {
			name, seats = tier, n
		}
	}
	p, ok := l.plans[name]
	if !ok || name == Anonymous {
		return nil, 0, misconfigured(fmt.Errorf("ratelimit: the user %q has the tier %q, which Config.Tiers does not have", w.User, name))
	}
	if l.config.Override == nil {
		return p, seats, nil
	}
	tier, err := l.config.Override(ctx, w.Caller, p.tier)
	if err != nil {
		if l.standsIn(w, err) {
			return p, seats, nil
		}
		return nil, 0, err
	}
	p, err = l.overridden(name, tier)
	return p, seats, err
}

// standsIn reports whether what Identify said stands in for a TierOf or Override
// that failed.
func (l *Limiter) standsIn(w who, err error) bool {
	if refuses, _ := isRefusal(err); refuses || l.onFailure != FailLocal {
		return false
	}
	if w.request != nil {
		l.report(w.request, w.Caller, EventCounterFailure, "", err)
	}
	return true
}
