package middleware

import (
	"context"
	"time"
)

// Counters count what callers spend. [Memory] is one, and [FromLimiter] makes
// one of any ulule limiter.Store; a host may write another. All methods are
// called by many goroutines at once and return soon after the context is done.
//
// An error means that the counters could not say; the charges may or may not
// have been made.
type Counters interface {
	// Take makes all the charges, or none of them if one is over its limit: a
	// request that is refused spends nothing. The Decision has a Status for each
	// charge, in their order, as it is afterwards.
	Take(ctx context.Context, charges []Charge) (Decision, error)

	// Peek says what Take would decide, and writes nothing.
	Peek(ctx context.Context, charges []Charge) (Decision, error)

	// Reset forgets what was counted under the keys of the charges.
	Reset(ctx context.Context, charges []Charge) error

	// Close gives back what the counters hold. Nothing may be called after it.
	Close() error
}

// Charge is what one request costs under one policy.
type Charge struct {
	// Key says whose counter it is. Policies that are not to share a counter
	// have different keys.
	Key string

	// Policy is the limit as it is for this caller now. A limit that has changed
	// since the last charge counts at once, and does not change what was spent.
	Policy Policy

	// Cost is how much is spent: 1 or more.
	Cost int64
}

// Policy is a limit: so much in a window.
type Policy struct {
	Name   string
	Limit  int64
	Window time.Duration
}

// Decision says whether the charges were made.
type Decision struct {
	Allowed bool
	Status  []Status
}

// Status is how one counter stands.
type Status struct {
	// Allowed is false if this charge was, or would be, over the limit.
	Allowed bool

	// Remaining is what is left in the window, never less than 0.
	Remaining int64

	// ResetAfter is how long it takes until all of the limit is there again,
	// never too short.
	ResetAfter time.Duration

	// RetryAfter is how long a caller should wait until this charge can be made,
	// never too short. Zero if it was made.
	RetryAfter time.Duration
}
