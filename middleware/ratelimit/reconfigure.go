package ratelimit

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Settings are what [Limiter.Reconfigure] replaces.
type Settings struct {
	// Tiers replaces all of Config.Tiers. Nil: they stay as they are.
	Tiers Tiers

	// FallbackTier replaces Config.FallbackTier if Tiers is set; otherwise it must be
	// empty. Empty, with Tiers: there is no fallback tier any more.
	FallbackTier string

	// Limit replaces the whole LimitConfig of the Limiter. Nil: it stays as it is.
	Limit *LimitConfig
}

// Reconfigure replaces tiers and rules while requests are served. It is atomic: it
// checks the Settings as New checks a Config, and replaces all of them or returns all
// that is wrong, as *ConfigError values, joined. Every Limiter decides a request by the
// old settings or by the new ones, never by both; of Limiters behind one another each
// may decide a request that is in progress by others. The function of Config.Events may
// call it.
//
// What was spent stays: a counter belongs to a period and a caller, not to a tier's
// name or limit. A limit that is lowered refuses at once what exceeds it. A window with
// another Period or Algorithm has a new counter.
//
// EventReconfigured names what has changed; a tier or rule with a function counts as
// changed, because functions cannot be compared. It reports no event if nothing has.
//
// Tiers are those of all Limiters of one New, and are replaced by the Limiter that New
// returned, with its own LimitConfig. A Limiter of Limits replaces its LimitConfig only.
// It is safe for concurrent use.
func (l *Limiter) Reconfigure(ctx context.Context, s Settings) error {
	if err := l.checkSettings(s); err != nil {
		return err
	}
	// without the lock: it calls the host's function
	if changed := l.replace(s); len(changed) > 0 && l.config.Events != nil {
		l.config.Events(ctx, Event{Kind: EventReconfigured, Changed: strings.Join(changed, ", ")})
	}
	return nil
}

// replace replaces the settings, and lists what differs.
func (l *Limiter) replace(s Settings) []string {
	l.changing.Lock()
	defer l.changing.Unlock()
	old := l.settings()
	now := old
	if s.Tiers != nil {
		now.tiers = newTierSet(s.Tiers, s.FallbackTier)
	}
	if s.Limit != nil {
		now.route = l.newRoute(*s.Limit)
	}
	if l.own == nil {
		l.live.Store(&now)
	} else {
		l.own.Store(now.route)
	}
	return old.changes(now)
}

func (l *Limiter) checkSettings(s Settings) error {
	wrong := complaints()
	complain := wrong.At("Settings.")
	switch {
	case s.Tiers == nil && s.Limit == nil:
		complain("Tiers", "is required, or Limit")
	case s.Tiers == nil && s.FallbackTier != "":
		complain("FallbackTier", "must be empty without Tiers, got %q", s.FallbackTier)
	case s.Tiers == nil:
	case l.own != nil:
		complain("Tiers", "must be nil for a Limiter of Limits: the Limiter that New returned replaces the tiers of all")
	default:
		s.Tiers.check(l.config.Counters, complain)
		s.Tiers.checkFallback(s.FallbackTier, complain)
	}
	if s.Limit != nil {
		l.checkLimit(*s.Limit, wrong.At("Settings.Limit."))
	}
	return wrong.Err()
}

// checkLimit complains of a LimitConfig that is not the one of New.
func (c *core) checkLimit(limit LimitConfig, complain complaint) {
	limit.check(c.config.Counters, complain)
	if limit.OnCounterFailure == FailLocal && c.config.Nodes == 0 {
		complain("OnCounterFailure", "must not be FailLocal without Config.Nodes")
	}
}

func newTierSet(t Tiers, fallback string) *tierSet {
	set := &tierSet{all: make(map[string]*tier, len(t)), fallbackName: fallback}
	for name, one := range t {
		one.Also = slices.Clone(one.Also)
		set.all[name] = newTier(name, one)
		set.all[name].policies.describe()
	}
	set.fallback = set.all[fallback]
	return set
}

// newRoute makes the route of a LimitConfig that was checked.
func (c *core) newRoute(limit LimitConfig) *route {
	r := &route{LimitConfig: limit, onFailure: limit.OnCounterFailure}
	r.Rules = slices.Clone(limit.Rules)
	for _, rule := range r.Rules {
		compiled := newRule(rule)
		compiled.describe()
		r.rules = append(r.rules, compiled)
	}
	if r.onFailure == FailDefault {
		r.onFailure = c.config.OnCounterFailure
	}
	return r
}

// changes lists what differs, sorted.
func (s settings) changes(now settings) []string {
	var changed []string
	note := func(different bool, format string, args ...any) {
		if name := fmt.Sprintf(format, args...); different && !slices.Contains(changed, name) {
			changed = append(changed, name)
		}
	}
	for _, name := range union(s.tiers.all, now.tiers.all) {
		a, b := s.tiers.all[name], now.tiers.all[name]
		note(a == nil || b == nil || !reflect.DeepEqual(a.Tier, b.Tier), "Tiers[%q]", name)
	}
	note(s.tiers.fallbackName != now.tiers.fallbackName, "FallbackTier")
	if s.route == now.route {
		return changed
	}
	a, b := s.route.LimitConfig, now.route.LimitConfig
	rules, others := byName(a.Rules), byName(b.Rules)
	a.Rules, b.Rules = nil, nil
	note(!reflect.DeepEqual(a, b), "Limit")
	for _, name := range union(rules, others) {
		a, had := rules[name]
		b, has := others[name]
		note(had != has || !reflect.DeepEqual(a, b), "Limit.Rules[%q]", name)
	}
	return changed
}

func byName(rules []Rule) map[string]Rule {
	named := make(map[string]Rule, len(rules))
	for _, r := range rules {
		named[r.Name] = r
	}
	return named
}

// union returns the keys of both, sorted.
func union[V any](a, b map[string]V) []string {
	return slices.Compact(slices.Sorted(func(yield func(string) bool) {
		for _, m := range []map[string]V{a, b} {
			for name := range maps.Keys(m) {
				if !yield(name) {
					return
				}
			}
		}
	}))
}
