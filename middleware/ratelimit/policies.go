package ratelimit

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"
)

// settings are what one decision goes by. They do not change.
type settings struct {
	tiers *tierSet
	route *route
}

// settings returns the current ones.
func (l *Limiter) settings() settings {
	now := *l.live.Load()
	if l.own != nil {
		now.route = l.own.Load()
	}
	return now
}

// tierSet has compiled Tiers.
type tierSet struct {
	all          map[string]*tier
	fallback     *tier // nil: none
	fallbackName string
}

// route is a compiled LimitConfig.
type route struct {
	LimitConfig

	rules     []policies
	onFailure FailurePolicy
}

// policies are those of a tier or of a rule, compiled: all of them count the same
// caller.
type policies struct {
	by   By
	all  []policy
	late bool // the cost comes from AddCost
	cost func(*http.Request) int64
}

// tier is a compiled Tier.
type tier struct {
	Tier

	policies policies
}

// policy is one limit of a tier or of a rule, with the texts that do not depend
// on a request.
type policy struct {
	window Window
	base   Policy // for one seat
	key    string // the beginning of its counters' keys
	tier   string // the tier that it belongs to; empty: it belongs to a rule
	unit   string
	late   bool // the cost comes from AddCost
	shadow bool

	byUser     bool // it counts authenticated callers by user
	concurrent bool // it limits concurrent requests, and has no Period

	texts *texts // nil: they are made on demand
}

// items appends an item for each policy of the subject: those of the tier, then
// those of the rules.
func (l *Limiter) items(ctx context.Context, s *subject, cost int64, items []item) ([]item, error) {
	if !s.now.route.WithoutTier {
		t, seats, err := l.tier(ctx, s)
		if err != nil {
			return nil, err
		}
		s.counted = t.policies.all[0].tier
		if items, err = t.policies.items(l.core, s, seats, cost, items); err != nil {
			return nil, err
		}
	}
	for i := range s.now.route.rules {
		rule := &s.now.route.rules[i]
		if s.request == nil && rule.by.kind == byHost && s.Key == "" {
			continue // Inspect, Reset and Grant ignore it without a Caller.Key
		}
		costs := cost
		var err error
		if s.request != nil {
			if costs, err = costOf(rule.cost, s.request, cost); err != nil {
				return nil, err
			}
		}
		if costs == 0 {
			continue
		}
		if items, err = rule.items(l.core, s, 1, costs, items); err != nil {
			return nil, err
		}
	}
	return items, nil
}

// tier returns the tier that a subject has now, and the number of seats.
func (l *Limiter) tier(ctx context.Context, s *subject) (*tier, int, error) {
	if !s.Authenticated() {
		t, ok := s.now.tiers.all[Anonymous]
		if !ok {
			return nil, 0, &Error{Reason: ReasonUnauthenticated, Description: "Authentication is required"}
		}
		return t, 1, nil
	}
	name, seats := s.Tier, s.Seats
	if l.config.TierOf != nil {
		now, n, err := l.config.TierOf(ctx, s.Caller)
		if err != nil && !l.standsIn(s, err) {
			return nil, 0, err
		}
		if err == nil {
			name, seats = now, n
		}
	}
	t, ok := s.now.tiers.all[name]
	if !ok || name == Anonymous {
		err := fmt.Errorf("ratelimit: the user %q has the tier %q, which Config.Tiers does not have", s.User, name)
		if t = s.now.tiers.fallback; t == nil {
			return nil, 0, misconfigured(err)
		}
		name = s.now.tiers.fallbackName
		if s.request != nil {
			l.report(s, EventUnknownTier, name, err)
		}
	}
	if l.config.Override == nil {
		return t, seats, nil
	}
	own, err := l.config.Override(ctx, s.Caller, t.Tier)
	if err != nil {
		if l.standsIn(s, err) {
			return t, seats, nil
		}
		return nil, 0, err
	}
	wrong := complaints()
	own.check("Config.Override's Tier", name, l.config.Counters, wrong.At(""))
	if err := wrong.Err(); err != nil {
		return nil, 0, misconfigured(err)
	}
	return newTier(name, own), seats, nil
}

// standsIn reports whether the result of Identify replaces that of a TierOf or
// Override that failed.
func (l *Limiter) standsIn(s *subject, err error) bool {
	if refuses, _ := isRefusal(err); refuses || s.now.route.onFailure != FailLocal {
		return false
	}
	if s.request != nil {
		l.report(s, EventCounterFailure, "", err)
	}
	return true
}

func newTier(name string, t Tier) *tier {
	p := policies{by: t.By}
	for _, w := range t.windows(name) {
		p.all = append(p.all, policy{window: w, key: tierKey(w.Period), tier: name, shadow: t.Shadow})
	}
	if t.Concurrent > 0 {
		p.all = append(p.all, policy{window: inFlight(name, t.Concurrent), key: "tier/", tier: name, shadow: t.Shadow, unit: unitConcurrent, concurrent: true})
	}
	p.rebase()
	return &tier{t, p}
}

// windows returns all windows, the tier's own first.
func (t Tier) windows(name string) []Window {
	all := make([]Window, 0, 1+len(t.Also))
	all = append(all, Window{name, t.Limit, t.Period, t.PerSeat, t.Max, t.Algorithm, t.Burst})
	for _, w := range t.Also {
		if w.Name == "" {
			w.Name = name + "-" + periodName(w.Period)
		}
		all = append(all, w)
	}
	return all
}

// periodName returns a period in words.
func periodName(d time.Duration) string {
	switch d {
	case time.Second:
		return "second"
	case time.Minute:
		return "minute"
	case time.Hour:
		return "hour"
	case 24 * time.Hour:
		return "day"
	}
	return d.String()
}

func newRule(r Rule) policies {
	p := policies{by: r.By, cost: r.Cost, late: r.Late}
	key := ruleKey(r.Name)
	if r.Period > 0 {
		p.all = append(p.all, policy{window: r.window(), key: key, unit: r.Unit, late: r.Late, shadow: r.Shadow})
	}
	if r.Concurrent > 0 {
		p.all = append(p.all, policy{window: inFlight(r.Name, r.Concurrent), key: key, unit: unitConcurrent, shadow: r.Shadow, concurrent: true})
	}
	p.rebase()
	return p
}

// rebase sets the limits for one seat.
func (p *policies) rebase() {
	for i := range p.all {
		p.all[i].base = p.all[i].window.policy(1)
		p.all[i].byUser = p.by.kind == byUser
	}
}

// inFlight returns a limit of concurrent requests.
func inFlight(name string, limit int) Window {
	return Window{Name: name + "-concurrent", Limit: int64(limit)}
}

// tierKey returns the beginning of the key of a tier's counter. It contains the
// window and not the tier, so that a caller who changes tiers within a window
// keeps what was spent. The owner comes last, so that no two owners have the same
// key.
func tierKey(period time.Duration) string {
	return "tier/" + strconv.FormatInt(int64(period/time.Second), 10) + "/"
}

// ruleKey returns the beginning of the key of a rule's counter. The length before
// the name makes the keys of different names different.
func ruleKey(name string) string { return "rule/" + strconv.Itoa(len(name)) + "/" + name + "/" }

// items appends an item for each of the policies.
func (p *policies) items(c *core, s *subject, seats int, cost int64, items []item) ([]item, error) {
	o, err := c.owner(s, &p.by)
	if err != nil {
		return nil, err
	}
	if p.late {
		cost = 1
	}
	for i := range p.all {
		one := &p.all[i]
		items = append(items, item{})
		it := &items[len(items)-1]
		it.policy, it.charge.Policy, it.charge.Cost = one, one.base, cost
		if seats > 1 && one.window.PerSeat {
			it.charge.Policy = one.window.policy(seats)
		}
		if one.concurrent {
			it.charge.Cost = 1
		}
		c.locate(it, &o)
	}
	return items, nil
}

// maxLimit is the largest Integer of RFC 9651 §3.3.1, which the headers can hold.
const maxLimit = 999_999_999_999_999

// policy returns the limit of an account with this number of seats.
func (w Window) policy(seats int) Policy {
	limit := w.Limit
	if n := int64(seats); w.PerSeat && n > 1 {
		if limit > math.MaxInt64/n {
			limit = math.MaxInt64
		} else {
			limit *= n
		}
	}
	if w.Max > 0 {
		limit = min(limit, w.Max)
	}
	return Policy{Name: w.Name, Limit: min(limit, maxLimit), Window: w.Period, Algorithm: w.Algorithm, Burst: w.Burst}
}

// maxCost is the maximum cost of one charge.
const maxCost = math.MaxInt32

// costOf returns the cost of a request, or otherwise if there is no function.
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
