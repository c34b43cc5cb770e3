package ratelimit

import (
	"hash/maphash"
	"net/http"
	"sync"
	"time"

	"github.com/sallyport-go/sallyport/internal/keytable"
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
	rules     []policies
	onFailure FailurePolicy
	refused   func(http.ResponseWriter, *http.Request, error)
}

// core is what the Limiters of one New share.
type core struct {
	config   Config
	tiers    map[string]*tier
	local    Counters         // for FailLocal
	memory   *inMemory        // the counters, if they are in memory
	seeds    *[2]maphash.Seed // of what is hashed instead of the keys
	prompt   bool             // nothing that is asked about a request waits for anything
	records  sync.Pool
	inflight *inflight
}

// New returns a Limiter, or all that is wrong with c: *ConfigError values, joined.
func New(c Config) (*Limiter, error) {
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
	shared := &core{config: c, tiers: c.Tiers.ready(), inflight: &inflight{now: map[keytable.Key]int{}}}
	if c.Nodes > 0 {
		shared.local = Memory()
	}
	if shared.memory, _ = c.Counters.(*inMemory); shared.memory != nil {
		shared.seeds = &shared.memory.seeds
	} else {
		shared.seeds = &[2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}
	}
	shared.prompt = shared.memory != nil && c.TierOf == nil && c.Override == nil
	return shared.limiter(c.Limit, c.Refuse), nil
}

// Limits returns a Limiter that counts as another LimitConfig says, with the same
// tiers and counters, or all that is wrong with c: *ConfigError values, joined.
func (l *Limiter) Limits(c LimitConfig) (*Limiter, error) {
	wrong := complaints()
	complain := wrong.At("LimitConfig.")
	c.check(l.config.Counters, complain)
	if c.OnCounterFailure == FailLocal && l.config.Nodes == 0 {
		complain("OnCounterFailure", "must not be FailLocal without Config.Nodes")
	}
	if err := wrong.Err(); err != nil {
		return nil, err
	}
	return l.limiter(c, l.refused), nil
}

// limiter makes a Limiter of a LimitConfig that was checked.
func (c *core) limiter(route LimitConfig, refused func(http.ResponseWriter, *http.Request, error)) *Limiter {
	l := &Limiter{core: c, route: route, onFailure: route.OnCounterFailure, refused: refused}
	for _, r := range route.Rules {
		rule := newRule(r)
		rule.describe()
		l.rules = append(l.rules, rule)
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
