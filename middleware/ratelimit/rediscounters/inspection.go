package rediscounters

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/internal/redisclient"
)

// inspection tests a server once: when New is called or, if nothing answers then,
// before the first decision. A server that is not in order is tested again with
// each decision, until it is.
type inspection struct {
	client   redis.UniversalClient
	prefix   string
	key      string // for the commands that it tries
	evicting bool   // a server that evicts is accepted
	done     atomic.Bool
}

// commands are all that this package sends.
var commands = redisclient.Commands{
	Sent: []string{"DEL key"},
	Scripted: []string{
		"TIME", "SET key 1 PX 1000", "GET key", "INCR key", "INCRBY key 1", "DECRBY key 1", "PEXPIRE key 1000", "PTTL key", "DEL key",
	},
}

// begin returns an error that stays until the server or the client is changed.
// The first decision meets one that may pass again.
func (i *inspection) begin(timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	if err := i.check(ctx); redisclient.Stays(err) {
		return err
	}
	return nil
}

func (i *inspection) check(ctx context.Context) error {
	if i.done.Load() {
		return nil
	}
	if err := commands.Try(ctx, i.client, i.prefix, i.key); err != nil {
		return redisclient.Explain(err)
	}
	if err := redisclient.Inspect(ctx, i.client, "counters", i.evicting); err != nil {
		return err
	}
	i.done.Store(true)
	return nil
}
