package ratelimit

import (
	"context"
	"fmt"
	"math"
	"net/http"
)

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

// item is what a request has to do with one policy.
type item struct {
	*trait

	charge Charge // whose Cost is what was spent
	status Status

	known  bool // the status is
	over   bool // the limit is reached
	made   bool // the charge was made, or the place in flight taken
	local  bool // with the counters that stand in for those that fail
	failed bool // the counters failed, and the request was admitted without them

	added int64 // by AddCost, to be settled
}

// trait is what all items of a policy have in common.
type trait struct {
	unit       string
	plan       string
	late       bool // its cost comes from AddCost
	shadow     bool
	concurrent bool // the charge's Key is that of the requests in flight
}

func (it *item) usage() Usage {
	return Usage{
		Policy: it.charge.Policy, Unit: it.unit, plan: it.plan, Known: it.known, Violated: it.over,
		Remaining: it.status.Remaining, ResetAfter: it.status.ResetAfter, RetryAfter: it.status.RetryAfter,
	}
}
