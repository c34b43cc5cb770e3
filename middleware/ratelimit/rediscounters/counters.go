package rediscounters

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/internal/redisclient"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/ratelimit/internal/remote"
)

// counters decide with one script.
type counters struct {
	*remote.Counters

	client redis.UniversalClient
	secret []byte
	prefix string // of all keys, with the hash tag in it
	guard  *redisclient.Guard
	clock  func() time.Time // of a test, instead of the server's

	inspection     *inspection
	sourceCounters int64
}

// run runs the script on the server, in one round trip.
func (c *counters) run(ctx context.Context, todo remote.Task, charges []ratelimit.Charge, more int64) (remote.Answer, error) {
	keys := make([]string, 1, 1+3*len(charges))
	keys[0] = c.prefix + "resets"
	args := make([]any, 3, 3+8*len(charges))
	args[0], args[1], args[2] = string(todo), int64(0), c.sourceCounters
	if c.clock != nil {
		args[1] = c.clock().UnixMicro()
	}
	for _, charge := range charges {
		p := charge.Policy
		burst := p.Burst
		if burst == 0 {
			burst = max(p.Limit, 0)
		}
		done := 0
		if charge.Done {
			done = 1
		}
		keys = append(keys, c.key(charge))
		sourced := 0
		if charge.Group == ratelimit.GroupAddresses || charge.Group == ratelimit.GroupAttempts {
			keys, sourced = append(keys, c.sourceKey(charge), c.sharedKey(charge)), 1
		}
		args = append(args, int64(p.Algorithm), p.Limit, p.Window.Microseconds(), burst, charge.Cost, done, more, sourced)
	}
	var reply []int64
	err := c.guard.Call(ctx, keys[0], func(ctx context.Context) (err error) {
		if err := c.inspection.check(ctx); err != nil {
			return err
		}
		reply, err = c.decide(ctx, keys, args)
		return err
	})
	if err != nil {
		return nil, failed(err)
	}
	return reply, nil
}

// decide runs the script. A shared pipeline returns when its batch has been answered,
// whatever the context of one of its calls says, so the call waits beside it: the
// pipeline's goroutine ends after the ReadTimeout of the client.
func (c *counters) decide(ctx context.Context, keys []string, args []any) ([]int64, error) {
	if !c.guard.Pipelined {
		return deciding.RunKeys(ctx, c.client, keys, args...).Int64Slice()
	}
	type outcome struct {
		reply []int64
		err   error
	}
	answered := make(chan outcome, 1)
	go func() {
		reply, err := deciding.RunKeys(ctx, c.client, keys, args...).Int64Slice()
		answered <- outcome{reply, err}
	}()
	select {
	case o := <-answered:
		return o.reply, o.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// key returns the name of a counter.
func (c *counters) key(charge ratelimit.Charge) string {
	if charge.Group == ratelimit.GroupCallers {
		return c.name("rediscounters/%d/%d/%s", charge.Policy.Algorithm, charge.Policy.Window/time.Second, charge.Key)
	}
	return c.name("rediscounters/%v/%d/%d/%s", charge.Group, charge.Policy.Algorithm, charge.Policy.Window/time.Second, charge.Key)
}

// sourceKey returns the name of the key with the number of counters that a source
// has made.
func (c *counters) sourceKey(charge ratelimit.Charge) string {
	return c.name("rediscounters/source/%v/%s", charge.Group, charge.Source)
}

// sharedKey returns the name of the counter that a source shares.
func (c *counters) sharedKey(charge ratelimit.Charge) string {
	return c.name("rediscounters/shared/%v/%d/%d/%s", charge.Group, charge.Policy.Algorithm, charge.Policy.Window/time.Second, charge.Source)
}

// name returns the name of a key. Half of a SHA-256 is enough that no two callers
// ever share one. The name does not reveal the caller.
func (c *counters) name(format string, args ...any) string {
	mac := hmac.New(sha256.New, c.secret)
	_, _ = fmt.Fprintf(mac, format, args...)
	return c.prefix + base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:sha256.Size/2])
}
