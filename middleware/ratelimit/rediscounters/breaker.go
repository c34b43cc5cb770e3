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

// failuresInARow open the breaker.
const failuresInARow = 5

// breaker stops asking a server that does not answer: while it is open one
// decision in an interval asks, and the others are told at once that the counters
// could not say.
type breaker struct {
	now      func() time.Time
	interval time.Duration

	mu       sync.Mutex
	failures int       // in a row
	next     time.Time // when the next probe may ask, while it is open
}

// ask calls f unless the breaker is open, or the caller has gone: who waits for no
// answer is no probe.
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

// down reports whether an error says something of the server, and not of one
// counter or one caller.
func down(err error) bool {
	if err == nil {
		return false
	}
	if _, replied := errors.AsType[redis.Error](err); !replied {
		return true
	}
	return redisclient.HasTransientPrefix(err)
}
