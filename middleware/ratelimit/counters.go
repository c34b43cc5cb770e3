package ratelimit

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"
)

// Counters count what callers spend. [Memory] counts in this process, package
// rediscounters counts for all nodes on Redis, and [FromLimiter] adapts an
// ulule limiter.Store. A host may implement its own and test it with package
// countertest. All methods must be safe for concurrent use and must return soon
// after the context is done.
//
// After an error it is unknown whether the charges were made. The caller must not
// refund them.
type Counters interface {
	// Take makes all the charges, or none of them if one is over its limit: a
	// request that is refused spends nothing. The Decision has the Status of each counter
	// after the call, in the order of the charges.
	//
	// dst, if not nil, is reused for the returned statuses, as with append(dst[:0],
	// ...). Pass the Status of the last Decision, if it is no longer needed, to save
	// an allocation.
	Take(ctx context.Context, charges []Charge, dst []Status) (Decision, error)

	// Refund takes charges back that Take has made. A counter gives back at most
	// what it has: it never goes below zero. If something is left, the end of its
	// window stays where it is. If nothing is left, the counter is as if it had never
	// been made: it takes no capacity, and the next charge begins a new window. A
	// counter whose window has ended has nothing to give back; a refund that comes
	// later than the ResetAfter of the charge is made in a window that the charge was
	// not made in.
	Refund(ctx context.Context, charges []Charge) error

	// Peek returns what Take would decide, and charges nothing. dst is as for Take.
	Peek(ctx context.Context, charges []Charge, dst []Status) (Decision, error)

	// Reset forgets what was counted under the keys of the charges, in windows of
	// this length and by this algorithm.
	Reset(ctx context.Context, charges []Charge) error

	// Check returns an error if these counters could not count under the policy.
	// It does no I/O. New calls it. Take and Peek return the same error.
	Check(p Policy) error

	// Close releases the resources of the counters. No method may be called after it.
	Close() error
}

var (
	// ErrCircuitOpen means that the circuit breaker is open: the counters do not answer
	// and are not called until the next probe.
	ErrCircuitOpen = errors.New("ratelimit: the circuit breaker is open: the counters do not answer")

	// ErrBusy means that this process had no connection to the counters free for as
	// long as the call could wait. It says nothing about the counters. A Limiter reports
	// it as EventCountersBusy.
	ErrBusy = errors.New("ratelimit: all connections to the counters are in use")
)

// Charge is what one request costs under one policy.
type Charge struct {
	// Key identifies the counter. Policies that are not to share a counter have
	// different keys; those with windows of another length, with another algorithm
	// or of another group never share one. One Take must not charge the same counter
	// twice.
	Key string

	// Policy is the limit as it is for this caller now. A limit that has changed
	// since the last charge counts at once, and does not change what was spent.
	Policy Policy

	// Cost is how much is spent: 1 to 2³¹−1.
	Cost int64

	// Group says whose capacity the counter takes. The zero value is GroupCallers.
	// Counters of different groups are different counters, whatever their keys.
	Group Group

	// Source identifies who uses the capacity of the group. In a full group the
	// Source with the most counters is limited first: for GroupAddresses and GroupAttempts the network
	// of the caller, an IPv4 /24 or an IPv6 /48 ("192.0.2.0/24"); for GroupKnown the
	// user. It is compared, never parsed. The empty Source is one more source. It
	// means nothing in GroupCallers.
	Source string

	// Done says that the work is done and its cost has come out only now, as with
	// the bytes of an answer: the charge is made even if it is over the limit, and
	// refuses nothing. What is over the limit has to pass before there is anything
	// left, but no longer than two windows.
	Done bool

	// hashed stands for Key and Source, which are empty then. Only counters in memory
	// get such charges, and only from a Limiter.
	hashed *hashed
}

// Group is a kind of caller. Each group has capacity of its own: when one is full,
// the counters of the others are made and kept as if it were empty.
type Group uint8

const (
	// GroupCallers is for authenticated callers: accounts, users, sessions, API keys.
	// Callers who are not authenticated must not be able to make counters in it.
	GroupCallers Group = iota

	// GroupAddresses is for callers who are not authenticated, by their address.
	GroupAddresses

	// GroupAttempts is for failed logins, and for client secrets, API keys and refresh
	// tokens that were wrong. A key that a caller chose belongs here, and only after
	// the budget of the caller's address was charged.
	GroupAttempts

	// GroupKnown is for what only a successful login makes: the mark that a user has
	// logged in from an address, and the budgets of such addresses. A counter by
	// FixedWindow is a mark, one by another Algorithm is a budget. No counter of this
	// group is ever shared: if the capacity is used up, a mark may be forgotten, and
	// its user is then not known at that address until the next login from there.
	GroupKnown
)

const groups = int(GroupKnown) + 1

// String returns what the group counts.
func (g Group) String() string {
	switch g {
	case GroupCallers:
		return "callers"
	case GroupAddresses:
		return "addresses"
	case GroupAttempts:
		return "attempts"
	case GroupKnown:
		return "known"
	}
	return fmt.Sprintf("Group(%d)", uint8(g))
}

// Policy is a limit: so much in a window.
type Policy struct {
	Name string

	// Limit is how much may be spent in a window. Zero or less: nothing.
	Limit int64

	// Window is its length, in whole seconds.
	Window time.Duration

	// Algorithm says what a window is. The zero value is FixedWindow.
	Algorithm Algorithm

	// Burst is for GCRA: how much may be spent at once, up to Limit. Zero is
	// Limit.
	Burst int64
}

// Algorithm says how spending is measured.
type Algorithm uint8

const (
	// FixedWindow is a window that begins with the first charge in it. All that
	// was spent is there again when it ends, so in an hour that lies across its
	// end up to two limits can be spent.
	FixedWindow Algorithm = iota

	// GCRA is a bucket that leaks: what was spent comes back evenly, a limit in a
	// window, and Burst is what there is at most. Callers are never shut out for
	// long. In a window up to a burst and a limit can be spent.
	GCRA

	// Rolling is "at most so much in any window", whenever one begins to measure.
	// The window moves in twelve steps, so that what was spent comes back up to a
	// twelfth of a window late. Limits above 2³²−1 count as that.
	Rolling
)

// String returns the name of the algorithm, as people write it.
func (a Algorithm) String() string {
	switch a {
	case FixedWindow:
		return "fixed window"
	case GCRA:
		return "GCRA"
	case Rolling:
		return "rolling window"
	}
	return fmt.Sprintf("Algorithm(%d)", uint8(a))
}

// Check returns a *ConfigError if the policy is invalid for all Counters.
func (p Policy) Check() error { return p.check() }

// check does not copy what is checked with every charge.
func (p *Policy) check() error {
	if wrong := p.invalid(); wrong != nil {
		return wrong
	}
	return nil
}

// invalid returns the first field of the policy that is invalid for all Counters, nil
// if there is none.
func (p *Policy) invalid() *ConfigError {
	switch {
	case p.Window == 0:
		return p.wrong("Window", "is required, in whole seconds")
	case p.Window < time.Second && p.Window%time.Second == 0 || p.Window > MaxWindow:
		return p.wrong("Window", "must be 1s to ten years, got %v", p.Window)
	case p.Window%time.Second != 0:
		return p.wrong("Window", "must be whole seconds, got %v", p.Window)
	case p.Algorithm > Rolling:
		return p.wrong("Algorithm", "must be FixedWindow, GCRA or Rolling, got %v", p.Algorithm)
	case p.Burst != 0 && p.Algorithm != GCRA:
		return p.wrong("Burst", "must be 0 unless the Algorithm is GCRA, got %d for a %v", p.Burst, p.Algorithm)
	case p.Burst < 0 || p.Burst > 0 && p.Burst > p.Limit:
		return p.wrong("Burst", "must be 1 to Limit (%d), got %d", p.Limit, p.Burst)
	}
	return nil
}

func (*Policy) wrong(field, format string, args ...any) *ConfigError {
	return &ConfigError{Package: "ratelimit", Path: "Policy." + field, Problem: fmt.Sprintf(format, args...)}
}

// MaxWindow is the longest Window of a Policy: ten years.
const MaxWindow = 10 * 366 * 24 * time.Hour

var errCharge = errors.New("ratelimit: a charge must have a key, a cost of 1 to 2³¹−1 and a group from GroupCallers to GroupKnown")

// Check returns an error if the charge is invalid for all Counters.
func (c Charge) Check() error { return c.check() }

func (c *Charge) check() error {
	if c.Key == "" && c.hashed == nil || c.Cost < 1 || c.Cost > math.MaxInt32 || c.Group > GroupKnown {
		return errCharge
	}
	return c.Policy.check()
}

// Decision says whether the charges were made.
type Decision struct {
	Allowed bool
	Status  []Status
}

// Status is the state of one counter.
type Status struct {
	// Allowed is false if this charge was, or would be, over the limit.
	Allowed bool

	// Remaining is how much can be spent now, 0 or more.
	Remaining int64

	// ResetAfter is how long it takes until all of the limit is there again,
	// never too short.
	ResetAfter time.Duration

	// RetryAfter is how long a caller should wait until this charge can be made,
	// never too short: a caller who waits for it is admitted, if no other
	// request is charged before. Zero if it was made. For a charge that costs more than there ever is it
	// is a window.
	RetryAfter time.Duration
}
