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
func (c counters) Take(ctx context.Context, charges []ratelimit.Charge, dst []ratelimit.Status) (ratelimit.Decision, error) {
	return measured(ctx, c.timer, "take", func(ctx context.Context) (ratelimit.Decision, error) { return c.Counters.Take(ctx, charges, dst) })
}

// Refund takes charges back.
func (c counters) Refund(ctx context.Context, charges []ratelimit.Charge) error {
	return measuredWrite(ctx, c.timer, "refund", func(ctx context.Context) error { return c.Counters.Refund(ctx, charges) })
}

// Peek returns what Take would decide.
func (c counters) Peek(ctx context.Context, charges []ratelimit.Charge, dst []ratelimit.Status) (ratelimit.Decision, error) {
	return measured(ctx, c.timer, "peek", func(ctx context.Context) (ratelimit.Decision, error) { return c.Counters.Peek(ctx, charges, dst) })
}

// Reset deletes what was counted.
func (c counters) Reset(ctx context.Context, charges []ratelimit.Charge) error {
	return measuredWrite(ctx, c.timer, "reset", func(ctx context.Context) error { return c.Counters.Reset(ctx, charges) })
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
