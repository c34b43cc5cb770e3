package authtest

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/sallyport-go/sallyport/middleware/ratelimit"
)

// counters are counters in memory that can be forgotten.
type counters struct {
	now     func() time.Time
	current atomic.Pointer[ratelimit.Counters]
}

// forget begins with new counters.
func (c *counters) forget() error {
	memory, err := ratelimit.NewMemory(ratelimit.MemoryConfig{Now: c.now})
	if err != nil {
		return err
	}
	c.current.Store(&memory)
	return nil
}

func (c *counters) Take(ctx context.Context, charges []ratelimit.Charge, dst []ratelimit.Status) (ratelimit.Decision, error) {
	return (*c.current.Load()).Take(ctx, charges, dst)
}

func (c *counters) Refund(ctx context.Context, charges []ratelimit.Charge) error {
	return (*c.current.Load()).Refund(ctx, charges)
}

func (c *counters) Peek(ctx context.Context, charges []ratelimit.Charge, dst []ratelimit.Status) (ratelimit.Decision, error) {
	return (*c.current.Load()).Peek(ctx, charges, dst)
}

func (c *counters) Reset(ctx context.Context, charges []ratelimit.Charge) error {
	return (*c.current.Load()).Reset(ctx, charges)
}

func (c *counters) Check(p ratelimit.Policy) error { return (*c.current.Load()).Check(p) }

func (c *counters) Close() error { return (*c.current.Load()).Close() }
