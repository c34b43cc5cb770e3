package ratelimit

import (
	"hash/maphash"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport-go/sallyport/internal/faultlog"
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

	own     *atomic.Pointer[route] // nil: the route of the core, as for the Limiter of New
	refused func(http.ResponseWriter, *http.Request, error)
}

// core is what the Limiters of one New share.
type core struct {
	config   Config
	live     atomic.Pointer[settings] // what Reconfigure replaces
	changing sync.Mutex               // one Reconfigure at a time
	faults   faultlog.Log             // where there are no events
	local    Counters                 // for FailLocal
	memory   oneTaker                 // the counters, if they are in memory; else nil
	oneClock bool                     // they go by the same clock as the Limiter
	seeds    *[2]maphash.Seed         // for the hashes that replace the keys
	prompt   bool                     // no decision waits for I/O
	records  sync.Pool
	inflight *inflight
}

// oneTaker takes one charge without the memory that a batch of charges needs. at is the
// time by the monotonic clock of the machine; the zero Time: the counters read their own.
type oneTaker interface {
	takeOne(c *Charge, at time.Time) (Status, error)
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
	var local Counters
	if c.Nodes > 0 {
		local = memoryBy(c.Now)
	}
	machine := c.Now == nil
	if machine {
		c.Now = new(clock).now
	}
	shared := &core{config: c, local: local, inflight: &inflight{now: map[keytable.Key]int{}}}
	shared.live.Store(&settings{newTierSet(c.Tiers, c.FallbackTier), shared.newRoute(c.Limit)})
	if m, ok := c.Counters.(*inMemory); ok {
		shared.memory, shared.seeds, shared.oneClock = m, &m.seeds, machine && !m.began.IsZero()
	} else {
		shared.seeds = &[2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}
	}
	shared.prompt = shared.memory != nil && c.TierOf == nil && c.Override == nil
	return &Limiter{core: shared, refused: c.Refuse}, nil
}

// Limits returns a Limiter with another LimitConfig, and with the same tiers and
// counters. If c is invalid, it returns one error that joins all defects:
// *ConfigError values.
func (l *Limiter) Limits(c LimitConfig) (*Limiter, error) {
	wrong := complaints()
	complain := wrong.At("LimitConfig.")
	l.checkLimit(c, complain)
	if err := wrong.Err(); err != nil {
		return nil, err
	}
	own := &atomic.Pointer[route]{}
	own.Store(l.newRoute(c))
	return &Limiter{core: l.core, own: own, refused: l.refused}, nil
}

// WithRefuse returns a Limiter that writes rejections with another function than
// Config.Refuse, for example in another format, and that counts in the same
// counters.
func (l *Limiter) WithRefuse(refuse func(http.ResponseWriter, *http.Request, error)) *Limiter {
	other := *l
	other.refused = refuse
	return &other
}
