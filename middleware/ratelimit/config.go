package ratelimit

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	"github.com/sallyport-go/sallyport/internal/configcheck"
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
	// Override together, and for a connection to the counters. Zero: 2 s. Counters that
	// do not answer cost less: rediscounters gives a server 1 s, and then calls it once
	// a second until it answers again.
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

const defaultCounterTimeout = 2 * time.Second

// check sets Counters if they are nil, and returns all that is wrong.
func (c *Config) check() error {
	wrong := complaints()
	complain := wrong.At("Config.")
	if c.Counters == nil || !configcheck.Optional("Counters", c.Counters, complain) {
		c.Counters = Memory()
	}
	if c.ClientIP == nil {
		complain("ClientIP", "is required: it states whom you trust, for instance clientip.RemoteAddr")
	}
	c.Tiers.check(c.Counters, complain)
	c.Limit.check(c.Counters, wrong.At("Config.Limit."))
	c.Headers.check(complain)
	c.OnCounterFailure.check("OnCounterFailure", complain)
	local := c.OnCounterFailure == FailLocal || c.Limit.OnCounterFailure == FailLocal
	if c.Nodes < 0 || c.Nodes == 0 && local {
		complain("Nodes", "must be the number of processes, 1 or more, got %d", c.Nodes)
	}
	if c.CounterTimeout < 0 {
		complain("CounterTimeout", "must be a positive time, got %v", c.CounterTimeout)
	}
	return wrong.Err()
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
