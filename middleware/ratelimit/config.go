package ratelimit

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	"github.com/sallyport-go/sallyport/internal/configcheck"
)

// Config configures a Limiter. The zero value of each optional field is the safe
// default.
type Config struct {
	// Tiers is required: the limits of each kind of caller, by name.
	Tiers Tiers

	// FallbackTier is the name of the tier in Tiers that authenticated callers have
	// whose own is not in it: their access tokens, or TierOf, name a tier that was
	// renamed or removed, or none. Each such request is reported as EventUnknownTier. It
	// must not be Anonymous. Empty: such requests are rejected with
	// ReasonMisconfigured.
	FallbackTier string

	// ClientIP is required: it returns the client's address. If clients reach the
	// server directly, use clientip.RemoteAddr; behind proxies,
	// clientip.BehindProxies. If it returns an error, the request is rejected with
	// ReasonAddress. It must be safe for concurrent use.
	ClientIP func(*http.Request) (netip.Addr, error)

	// Identify returns who sends a request, or the zero Caller if they are not
	// authenticated. Set it if the host has a login. If it returns a [Refusal], that
	// rejects the request; any other error is handled as a failure of the counters.
	// It must be fast, because CounterTimeout does not limit it, and safe for
	// concurrent use. Nil: no caller is authenticated.
	Identify func(*http.Request) (Caller, error)

	// TierOf returns the current tier and number of seats of an authenticated
	// caller. Set it if Identify returns outdated ones, for example those of an
	// access token before an upgrade. If it returns a [Refusal], that rejects the
	// request; any other error is handled as a failure of the counters. It must be
	// safe for concurrent use. Nil: those of Identify count.
	TierOf func(context.Context, Caller) (tier string, seats int, err error)

	// Override returns the limits of one authenticated caller, for customers with a
	// limit of their own: it gets the tier that was found, and returns that or
	// another. If it returns a [Refusal], that rejects the request; any other error
	// is handled as a failure of the counters. An invalid Tier rejects the request
	// with ReasonMisconfigured. It must be safe for concurrent use. Nil: each caller
	// has the tier that was found.
	Override func(context.Context, Caller, Tier) (Tier, error)

	// Limit says what is counted. Its zero value counts each request against the
	// tier of its caller.
	Limit LimitConfig

	// Headers says which headers have the quota. Its zero value sends all.
	Headers Headers

	// Counters count the requests. Set them if several processes serve the API: see
	// package rediscounters. Nil: this process counts in its own memory.
	Counters Counters

	// OnCounterFailure says how requests are handled that cannot be counted. Zero:
	// they are rejected with ReasonUnavailable.
	OnCounterFailure FailurePolicy

	// Nodes is the number of processes that serve this API, 1 or more. It is
	// required for FailLocal, and ignored otherwise. Zero: unknown.
	Nodes int

	// CounterTimeout limits how long one decision waits for the counters, TierOf and
	// Override together, and for a connection to the counters. Counters that do not
	// answer cost less: rediscounters gives a server 1 s, and then calls it once a
	// second until it answers again. Positive. Zero: 2 s.
	CounterTimeout time.Duration

	// Events receives the events. It is called on the goroutine of the request, and
	// must be safe for concurrent use. Nil: faults are logged
	// by slog.Default, at most once a minute for each kind, and other events are
	// dropped.
	Events func(context.Context, Event)

	// Decided is told of each decision about a request that is counted: see [Verdict]. It
	// is for metrics, so it is called for admitted requests too, on the goroutine of the
	// request; it must be fast and safe for concurrent use. A request of cost 0 is not
	// counted, and the inner one of nested Limiters tells of rejections only, so that an
	// admitted request is told once. Nil: it is not called.
	Decided func(context.Context, Verdict)

	// Refuse writes the response to a rejected request. Its error is an *Error, or
	// the Refusal of one of the functions above. Nil: [Error.Write] for an *Error,
	// and 403 for any other Refusal.
	Refuse func(http.ResponseWriter, *http.Request, error)

	// Now is the clock, for tests. It must be safe for concurrent use. Nil: the
	// machine's, which is read anew each second: if the time of day is set, the
	// Limiter goes by the new one after a second at most.
	Now func() time.Time
}

const defaultCounterTimeout = 2 * time.Second

// check sets Counters if they are nil, and returns all defects.
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
	c.Tiers.checkFallback(c.FallbackTier, complain)
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

// refuse is the default of Config.Refuse.
func refuse(w http.ResponseWriter, _ *http.Request, err error) {
	e, ok := err.(*Error) //nolint:errorlint // a Refusal that wraps one is its own answer
	if !ok {
		http.Error(w, http.StatusText(http.StatusForbidden), http.StatusForbidden)
		return
	}
	e.Write(w)
}
