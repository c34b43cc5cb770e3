package rediscounters

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/middleware/ratelimit"
)

// Refund gives back on this counter, whenever.
func Refund(ctx context.Context, client redis.UniversalClient, key string, cost int64) error {
	return refunding.Run(ctx, client, key, -cost).Err()
}

// WithClock measures windows by another clock than the server's.
func WithClock(c ratelimit.Counters, now func() time.Time) { c.(*counters).clock = now }

// ACL returns the rules of an ACL for keys that begin with a prefix.
func ACL(prefix string, cluster bool) string { return commands.ACL(prefix, cluster) }
