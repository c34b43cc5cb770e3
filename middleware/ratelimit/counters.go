package ratelimit

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"
)

// Counters count what callers spend. [Memory] counts in this process, package
// rediscounters counts for all nodes on Redis, and [FromLimiter] adapts a ulule
// limiter.Store. A host may implement its own and test it with package
// countertest.
//
// All methods must be safe for concurrent use, and must return when the context
// is done. After an error it is unknown whether the charges were made, and the
// caller must not refund them.
type Counters interface {
	// Take makes all the charges, or none of them if one is over its limit: a
	// rejected request spends nothing. The Decision has the Status of each counter
	// after the call, in the order of the charges.
	//
	// dst, if not nil, is reused for the returned statuses, as with append(dst[:0],
	// ...). Pass the Status of the last Decision, if it is no longer needed, to save
	// an allocation.
	Take(ctx context.Context, charges []Charge, dst []Status) (Decision, error)

	// Refund takes charges back that Take has made. A counter gives back at most
	// what was charged to it: it never goes below zero. If something is left, the
	// end of its window does not change. If nothing is left, the counter is as if it
	// had never been made: it takes no capacity, and the next charge begins a new
	// window. A counter whose window has ended gives nothing back. A refund after
	// the ResetAfter of the charge would be made in another window, so do not make
	// it.
	Refund(ctx context.Context, charges []Charge) error

	// Peek returns what Take would decide, and charges nothing. dst is as for Take.
	Peek(ctx context.Context, charges []Charge, dst []Status) (Decision, error)

	// Reset deletes what was counted under the keys of the charges, in windows of
	// this length and by this algorithm.
	Reset(ctx context.Context, charges []Charge) error

	// Check returns an error if these counters cannot count under the policy. It
	// does no I/O. New calls it. Take and Peek return the same error.
	Check(p Policy) error

	// Close releases the resources of the counters. No method may be called after
	// it.
	Close() error
}

var (
	// ErrCircuitOpen means that the circuit breaker is open: the counters do not
	// answer and are not called until the next probe.
	ErrCircuitOpen = errors.New("ratelimit: the circuit breaker is open: the counters do not answer")

	// ErrBusy means that this process had no free connection to the counters for as
	// long as the call could wait. It says nothing about the counters. A Limiter
	// reports it as EventCountersBusy.
	ErrBusy = errors.New("ratelimit: all connections to the counters are in use")
)

// Charge is what one request costs under one policy.
type Charge struct {
	// Key is required: it identifies the counter. Policies that must not share a
	// counter have different keys. Policies with another length of window, another
	// algorithm or another group never share one. One Take must not charge the same
	// counter twice.
	Key string

	// Policy is the limit of this caller now. If the limit has changed since the
	// last charge, the new one counts at once, and what was spent stays.
	Policy Policy

	// Cost is required: how much is spent, 1 to 2³¹−1.
	Cost int64

	// Group says whose capacity the counter takes. The zero value is GroupCallers.
	// Counters of different groups are different counters, whatever their keys.
	Group Group

	// Source identifies who uses the capacity of the group. In a full group the
	// Source with the most counters is limited first: for GroupAddresses and
	// GroupAttempts it is the network of the caller, an IPv4 /24 or an IPv6 /48
	// ("192.0.2.0/24"); for GroupKnown it is the user. It is compared, never parsed.
	// The empty Source is one more source. GroupCallers ignores it.
	Source string

	// Done means that the work is done and its cost is known only now, for example
	// the bytes of a response: the charge is made even if it is over the limit, and
	// rejects nothing. What exceeds the limit must pass before anything is left, but
	// takes at most two windows.
	Done bool

	// hashed replaces Key and Source, which are empty then. Only counters in memory
	// get such charges, and only from a Limiter.
	hashed *hashed
}

// Group is a kind of caller. Each group has its own capacity: if one is full, the
// counters of the others are made and kept as if it were empty.
type Group uint8

const (
	// GroupCallers is for authenticated callers: accounts, users, sessions and API
	// keys. A caller who is not authenticated must not be able to make counters in
	// it.
	GroupCallers Group = iota

	// GroupAddresses is for callers who are not authenticated, by their address.
	GroupAddresses

	// GroupAttempts is for failed attempts: logins, client secrets, API keys and
	// refresh tokens. A key that a caller chose belongs here, and only after the
	// budget of the caller's address was charged.
	GroupAttempts

	// GroupKnown is for what only a successful login makes: the mark that a user has
	// logged in from an address, and the budgets of such addresses. A counter by
	// FixedWindow is a mark, one by another Algorithm is a budget. No counter of
	// this group is ever shared: if the capacity is used up, a mark may be deleted,
	// and its user is then not known at that address until the next login from
	// there.
	GroupKnown
)

const groups = int(GroupKnown) + 1

// String returns what the group counts, for example "callers".
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

// Policy is a limit: how much may be spent in a window.
type Policy struct {
	// Name is the policy's name in headers and events.
	Name string

	// Limit is how much may be spent in a window. Zero or less: nothing.
	Limit int64

	// Window is required: its length, in whole seconds, from 1 s to MaxWindow.
	Window time.Duration

	// Algorithm says how the window is measured. The zero value is FixedWindow.
	Algorithm Algorithm

	// Burst is for GCRA: how much may be spent at once, from 1 to Limit. Zero:
	// Limit.
	Burst int64
}

// Algorithm says how a window is measured.
type Algorithm uint8

const (
	// FixedWindow is a window that begins with the first charge in it. When it ends,
	// the whole limit is available again. So in a window's length that includes such
	// an end up to two limits can be spent.
	FixedWindow Algorithm = iota

	// GCRA is a leaky bucket (generic cell rate algorithm): quota comes back evenly,
	// Limit in each Window, and Burst is the most that is available at once. A
	// caller over the limit waits only until enough has come back. In one window up
	// to Burst and Limit together can be spent.
	GCRA

	// Rolling admits at most Limit in any window, whenever it begins. The window
	// moves in twelve steps, so that quota comes back up to a twelfth of a window
	// late. A Limit above 2³²−1 counts as that.
	Rolling
)

// String returns the name of the algorithm, for example "fixed window".
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

// check is Check without a copy, because each charge is checked.
func (p *Policy) check() error {
	if wrong := p.invalid(); wrong != nil {
		return wrong
	}
	return nil
}

// invalid returns the first field of the policy that is invalid for all Counters,
// or nil.
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

// MaxWindow is the maximum Window of a Policy: 3660 days.
const MaxWindow = 10 * 366 * 24 * time.Hour

var errCharge = errors.New("ratelimit: a charge must have a key, a cost of 1 to 2³¹−1 and a group from GroupCallers to GroupKnown")

// Check returns an error if the charge, or its policy, is invalid for all
// Counters.
func (c Charge) Check() error { return c.check() }

func (c *Charge) check() error {
	if c.Key == "" && c.hashed == nil || c.Cost < 1 || c.Cost > math.MaxInt32 || c.Group > GroupKnown {
		return errCharge
	}
	return c.Policy.check()
}

// Decision is the result of Take or Peek.
type Decision struct {
	// Allowed reports whether all charges were made, or would be.
	Allowed bool

	// Status is the state of each counter, in the order of the charges.
	Status []Status
}

// Status is the state of one counter.
type Status struct {
	// Allowed is false if this charge was, or would be, over the limit.
	Allowed bool

	// Remaining is how much can be spent now, 0 or more.
	Remaining int64

	// ResetAfter is how long it takes until the whole limit is available again. It
	// is never too short.
	ResetAfter time.Duration

	// RetryAfter is how long a caller should wait until this charge can be made. It
	// is never too short: a caller that waits this long is admitted, if no other
	// request is charged before. For a charge that costs more than the limit it is a
	// window. Zero: the charge was made, or could be.
	RetryAfter time.Duration
}
