package otelauth

import (
	"context"
	"errors"

	"github.com/sallyport-go/sallyport/middleware/ratelimit"
)

// Counters returns counters that measure each call of c that may wait: Take, Refund,
// Peek and Reset. What is called and returned does not change. Do not wrap the counters
// of ratelimit.NewMemory: they wait for nothing, and a Limiter calls them faster as they
// are.
func (t *Telemetry) Counters(c ratelimit.Counters) ratelimit.Counters {
	return counters{c, &t.counters}
}

type counters struct {
	ratelimit.Counters

	timer *timer
}

// Take makes charges.
func (c counters) Take(ctx context.Context, charges []ratelimit.Charge, dst []ratelimit.Status) (_ ratelimit.Decision, err error) {
	ctx, call := c.timer.begin(ctx, "take")
	defer func() { call.end(counterFailure(err)) }()
	return c.Counters.Take(ctx, charges, dst)
}

// Refund takes charges back.
func (c counters) Refund(ctx context.Context, charges []ratelimit.Charge) (err error) {
	ctx, call := c.timer.begin(ctx, "refund")
	defer func() { call.end(counterFailure(err)) }()
	return c.Counters.Refund(ctx, charges)
}

// Peek returns what Take would decide.
func (c counters) Peek(ctx context.Context, charges []ratelimit.Charge, dst []ratelimit.Status) (_ ratelimit.Decision, err error) {
	ctx, call := c.timer.begin(ctx, "peek")
	defer func() { call.end(counterFailure(err)) }()
	return c.Counters.Peek(ctx, charges, dst)
}

// Reset deletes what was counted.
func (c counters) Reset(ctx context.Context, charges []ratelimit.Charge) (err error) {
	ctx, call := c.timer.begin(ctx, "reset")
	defer func() { call.end(counterFailure(err)) }()
	return c.Counters.Reset(ctx, charges)
}

func counterFailure(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, ratelimit.ErrBusy):
		return "busy"
	case errors.Is(err, ratelimit.ErrCircuitOpen):
		return "circuit_open"
	}
	return failureOf(err)
}

// failureOf returns the type of an error that says nothing about its kind.
func failureOf(err error) string {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.Is(err, context.Canceled):
		return "canceled"
	}
	return other
}
