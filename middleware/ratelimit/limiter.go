package ratelimit

import (
	"hash/maphash"
	"net/http"
	"sync"
	"time"

	"github.com/sallyport-go/sallyport/internal/keytable"
)

// Limiter counts the requests of a route, or of a group of routes. Create it with
// [New] and [Limiter.Limits]. It is safe for concurrent use.
//
// Limiters of one New can be nested, for example that of a route inside that of
// its group. A request is not counted twice: an inner Limiter charges only what
// exceeds the charge of the outer ones under the same policy. A request that an
// inner Limiter rejects gets the charges of the outer ones refunded, so a
// rejected request spends nothing.
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
	seeds    *[2]maphash.Seed // for the hashes that replace the keys
	prompt   bool             // no decision waits for I/O
	records  sync.Pool
	inflight *inflight
}

// New returns a Limiter. It does not call the counters, except for
// Counters.Check, and starts no goroutine.
//
// If the Config is invalid, New returns one error that joins all defects:
// *ConfigError values, each with the path of its field.
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

// Limits returns a Limiter with another LimitConfig, and with the same tiers and
// counters. If c is invalid, it returns one error that joins all defects:
// *ConfigError values.
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

// WithRefuse returns a Limiter that writes rejections with another function than
// Config.Refuse, for example in another format, and that counts in the same
// counters.
func (l *Limiter) WithRefuse(refuse func(http.ResponseWriter, *http.Request, error)) *Limiter {
	other := *l
	other.refused = refuse
	return &other
}
