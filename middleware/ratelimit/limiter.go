package ratelimit

import (
	"context"
	"net/http"
	"sync"
	"time"
)

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
