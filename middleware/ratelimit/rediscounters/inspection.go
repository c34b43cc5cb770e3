package rediscounters

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/internal/redisclient"
)

// inspection looks at a server once: when New is called or, if nothing answers then,
// before the first decision. A server that is not in order is looked at again with
// each decision, until it is.
type inspection struct {
	client   redis.UniversalClient
	evicting bool // is accepted
	done     atomic.Bool
}

// begin returns an error that stays until somebody changes the server or the client.
// One that may pass is met again by the first decision.
func (i *inspection) begin(key string, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	if err := redisclient.Probing.Run(ctx, i.client, key, "1").Err(); err != nil {
		if redisclient.Stays(err) {
			return fmt.Errorf("%s: %w", redisclient.Advice(err), err)
		}
		return nil
	}
	if err := i.check(ctx); redisclient.Stays(err) {
		return err
	}
	return nil
}

func (i *inspection) check(ctx context.Context) error {
	if i.done.Load() {
		return nil
	}
	if err := redisclient.Inspect(ctx, i.client, "counters", i.evicting); err != nil {
		return err
	}
	i.done.Store(true)
	return nil
}
