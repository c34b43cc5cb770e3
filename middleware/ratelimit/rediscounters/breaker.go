package rediscounters

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/internal/redisclient"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
)

// failuresInARow is how many failures in a row open the circuit.
const failuresInARow = 5

// breaker is a circuit breaker. While it is open one decision per interval asks the
// server, and all others fail at once with ErrCircuitOpen.
type breaker struct {
	now      func() time.Time
	interval time.Duration

	mu       sync.Mutex
	failures int       // in a row
	next     time.Time // when the next probe may ask, while it is open
}

// ask calls f unless the breaker is open, or the caller has gone: a call whose
// context is done is not a probe.
func (b *breaker) ask(ctx context.Context, f func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !b.allows() {
		return ratelimit.ErrCircuitOpen
	}
	err := f()
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case errors.Is(err, context.Canceled): // which says nothing of the server
	case !down(err):
		b.failures = 0
	case b.failures < failuresInARow:
		b.failures++
		b.next = b.now().Add(b.interval)
	}
	return err
}

func (b *breaker) allows() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failures < failuresInARow {
		return true
	}
	now := b.now()
	if now.Before(b.next) {
		return false
	}
	b.next = now.Add(b.interval) // for the others; this one is the probe
	return true
}

// down reports whether an error is the server's, not that of one counter or caller.
func down(err error) bool {
	if err == nil {
		return false
	}
	if _, replied := errors.AsType[redis.Error](err); !replied {
		return true
	}
	return redisclient.HasTransientPrefix(err)
}
