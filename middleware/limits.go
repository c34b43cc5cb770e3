package middleware

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"

	"github.com/sallyport-go/sallyport/tokens"
)

// Limits count the requests of a route, or of a group of routes, under the rules
// of a LimitConfig. They are safe for concurrent use.
//
// Limits may stand behind others, as a route's stand behind its group's. What
// the outer ones have counted the inner ones do not count again: a request that
// costs more further in is charged the difference. One that is refused further
// in is given back what it was charged further out, so that it spends nothing.
type Limits struct {
	auth      *Auth
	config    LimitConfig
	rules     []readyRule
	onFailure FailurePolicy
}

// Limits returns the Limits of a LimitConfig, or all that is wrong with it at
// once, each with the path of its field.
func (a *Auth) Limits(c LimitConfig) (*Limits, error) {
	var wrong []error
	complain := func(path, format string, args ...any) {
		wrong = append(wrong, fmt.Errorf("middleware: LimitConfig.%s: "+format, append([]any{path}, args...)...))
	}
	c.check(a.counters, complain)
	if c.OnCounterFailure == FailLocal && a.nodes == 0 {
		complain("OnCounterFailure", "wants Config.Nodes for FailLocal")
	}
	if len(wrong) > 0 {
		return nil, errors.Join(wrong...)
	}
	return a.limit(c), nil
}

// limit makes Limits of a LimitConfig that was checked.
func (a *Auth) limit(c LimitConfig) *Limits {
	l := &Limits{auth: a, config: c, onFailure: c.OnCounterFailure}
	for _, r := range c.Rules {
		l.rules = append(l.rules, r.ready())
	}
	if l.onFailure == FailDefault {
		l.onFailure = a.onFailure
	}
	return l
}

// speaking are the same Limits of an Auth with another dialect.
func (l *Limits) speaking(a *Auth) *Limits {
	other := *l
	other.auth = a
	return &other
}

// Limit counts requests, sets headers with what is left, and refuses the
// requests that are over a limit: see [Auth.Limit].
func (l *Limits) Limit(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, err := l.CheckLimit(r)
		if err != nil {
			l.auth.Refused(RouteAPI, err).Write(w)
			return
		}
		defer p.Done()
		p.SetHeader(w.Header())
		next.ServeHTTP(w, p.Request())
	})
}

// CheckLimit counts a request under all that limits it, or under nothing if one
// of them refuses it. Whoever gets a Pass answers its Request, and calls its
// Done afterwards.
func (l *Limits) CheckLimit(r *http.Request) (*Pass, error) {
	p := &Pass{limits: l, request: r, outer: passOf(r.Context()), at: l.auth.now()}
	cost, err := costOf(l.config.Cost, r, 1)
	if err != nil {
		return nil, l.fault(r, err)
	}
	if cost == 0 {
		return p, nil
	}
	ctx, cancel := l.deadline(r.Context())
	defer cancel()
	items, err := l.items(ctx, who{request: r}, cost, p.room[:0])
	if err != nil {
		return p, l.unknown(r, err)
	}
	if p.outer != nil && p.outer.limits.auth.inflight == l.auth.inflight {
		p.into, p.outer = p.outer, p.outer.outer
		items = p.into.rest(items)
	}
	come := false
	defer func() {
		if !come { // refused, or the counters have panicked
			l.leave(items)
		}
	}()
	if l.occupy(items) {
		if err := l.count(ctx, r, items); err != nil {
			return nil, err
		}
	}
	if overLimit(items) {
		return nil, l.refuse(ctx, p, items)
	}
	come = true
	l.reportShares(r, items)
	if p.into != nil {
		p.into.keep(items)
		return p, nil
	}
	p.items = items
	p.context = passContext{r.Context(), p}
	p.request = r.WithContext(&p.context)
	return p, nil
}

// deadline is for whoever asks the counters: who hangs up has made the request
// all the same. Where nobody who is asked waits for anything there is none.
func (l *Limits) deadline(ctx context.Context) (context.Context, context.CancelFunc) {
	if l.auth.prompt {
		return ctx, func() {}
	}
	return context.WithTimeout(context.WithoutCancel(ctx), l.auth.counterTimeout)
}

// maxCost is the most that one charge can cost.
const maxCost = math.MaxInt32

func costOf(cost func(*http.Request) int64, r *http.Request, otherwise int64) (int64, error) {
	if cost == nil {
		return otherwise, nil
	}
	n := cost(r)
	if n < 0 {
		return 0, refusal(ReasonInternal, fmt.Errorf("middleware: the host has a request cost %d", n))
	}
	return min(n, maxCost), nil
}

// items appends what a caller has to do with each policy.
func (l *Limits) items(ctx context.Context, w who, cost int64, items []item) ([]item, error) {
	if w.request != nil {
		w.principal, w.known = tokens.PrincipalFrom(w.request.Context())
	}
	if !l.config.WithoutTier {
		plan, seats, err := l.plan(ctx, w)
		if err != nil {
			return nil, err
		}
		if items, err = l.auth.planItems(items, plan, seats, w, cost); err != nil {
			return nil, err
		}
	}
	for i := range l.rules {
		var err error
		if items, err = l.auth.ruleItems(items, &l.rules[i], w, cost); err != nil {
			return nil, err
		}
	}
	return items, nil
}

func (a *Auth) planItems(items []item, p *plan, seats int, w who, cost int64) ([]item, error) {
	o, err := a.owner(p.tier.By, w)
	if err != nil {
		return nil, err
	}
	for i, window := range p.windows {
		items = append(items, item{
			trait: &p.trait, charge: Charge{Key: o.key(p.keys[i]), Policy: window.policy(seats), Cost: cost},
		})
	}
	if n := p.tier.Concurrent; n > 0 {
		items = append(items, placeItem(&p.place, o.key("tier/"), p.name, n))
	}
	return items, nil
}

func (a *Auth) ruleItems(items []item, r *readyRule, w who, cost int64) ([]item, error) {
	if w.request == nil && r.By.kind == byHost && w.caller.Key == "" {
		return items, nil // the support staff has not asked for it
	}
	if w.request != nil {
		var err error
		if cost, err = costOf(r.Cost, w.request, cost); err != nil || cost == 0 {
			return items, err
		}
	}
	o, err := a.owner(r.By, w)
	if err != nil {
		return nil, err
	}
	key := o.key(r.key)
	if r.Period > 0 {
		if r.Late {
			cost = 1
		}
		items = append(items, item{
			trait: &r.trait, charge: Charge{Key: key, Policy: r.window().policy(1), Cost: cost},
		})
	}
	if r.Concurrent > 0 {
		items = append(items, placeItem(&r.place, key, r.Name, r.Concurrent))
	}
	return items, nil
}

// placeItem is a place among the requests in flight.
func placeItem(t *trait, key, name string, limit int) item {
	return item{
		trait: t, charge: Charge{Key: key, Policy: Policy{Name: name + "-concurrent", Limit: int64(limit)}, Cost: 1},
	}
}

// plan says which tier a caller has now, and how many seats.
func (l *Limits) plan(ctx context.Context, w who) (*plan, int, error) {
	a := l.auth
	if !w.known {
		p, ok := a.plans[Anonymous]
		if !ok {
			return nil, 0, refusal(ReasonNoBearer, nil)
		}
		return p, 1, nil
	}
	name, seats := w.principal.Tier, w.principal.Seats
	if a.tierOf != nil {
		tier, n, err := a.tierOf(ctx, w.principal)
		if err != nil && !l.standsIn(w, err) {
			return nil, 0, err
		}
		if err == nil {
			name, seats = tier, n
		}
	}
	p, ok := a.plans[name]
	if !ok || name == Anonymous {
		return nil, 0, refusal(ReasonInternal, fmt.Errorf("middleware: the user %q has the tier %q, which Config.Tiers has not", w.principal.Subject, name))
	}
	if a.override == nil {
		return p, seats, nil
	}
	tier, err := a.override(ctx, w.principal, p.tier)
	if err != nil {
		if l.standsIn(w, err) {
			return p, seats, nil
		}
		return nil, 0, err
	}
	p, err = a.overridden(name, tier)
	return p, seats, err
}

// standsIn reports whether the token stands in for a host that could not say
// what tier a principal has now.
func (l *Limits) standsIn(w who, err error) bool {
	if _, ok := errors.AsType[*Error](err); ok || l.onFailure != FailLocal {
		return false
	}
	if w.request != nil {
		l.report(w.request, tokens.EventCounterFailure, "", err)
	}
	return true
}
