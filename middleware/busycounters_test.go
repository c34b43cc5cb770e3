package middleware_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/tokens/events"
)

// busy are counters whose connections are all in use.
type busy struct{ ratelimit.Counters }

func (busy) Take(context.Context, []ratelimit.Charge, []ratelimit.Status) (ratelimit.Decision, error) {
	return ratelimit.Decision{}, fmt.Errorf("counters: %w: %w", ratelimit.ErrBusy, context.DeadlineExceeded)
}

func (b busy) Peek(ctx context.Context, charges []ratelimit.Charge, dst []ratelimit.Status) (ratelimit.Decision, error) {
	return b.Take(ctx, charges, dst)
}

func TestFaultC17BusyCountersHaveAnEventOfTheirOwn(t *testing.T) {
	t.Parallel()
	d := open(t, func(c *config) { c.auth.Counters = busy{ratelimit.Memory()} })
	wantStatus(t, d.try(t, "alice", password, home), http.StatusServiceUnavailable)
	d.journal.WantKinds(t, events.CountersBusy)
	wantStatus(t, d.by(t, alice, d.Limit(handler), "GET", "/"), http.StatusServiceUnavailable)
	d.journal.WantKinds(t, events.CountersBusy)
}
