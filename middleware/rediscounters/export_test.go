package rediscounters

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// Refund gives back on this counter, whenever.
func Refund(ctx context.Context, client redis.UniversalClient, key string, cost int64) error {
	return refunding.Run(ctx, client, key, -cost).Err()
}
