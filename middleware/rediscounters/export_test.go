package rediscounters

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/middleware"
)

// Refund gives back on this counter, whenever.
func Refund(ctx context.Context, client redis.UniversalClient, key string, cost int64) error {
	return refunding.Run(ctx, client, key, -cost).Err()
}

// WithClock measures windows by another clock than the server's.
func WithClock(c middleware.Counters, now func() time.Time) { c.(*counters).clock = now }
