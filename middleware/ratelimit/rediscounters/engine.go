package rediscounters

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"

	"github.com/redis/go-redis/v9"
	"github.com/ulule/limiter/v3"
	driver "github.com/ulule/limiter/v3/drivers/store/redis"

	"github.com/sallyport-go/sallyport/middleware/ratelimit"
)

// Engine returns Counters on ulule/limiter's Redis driver, made safe to start
// without Redis and to continue after its restart, for hosts that require that
// driver. Use [New] instead if you can. They count fixed windows only. A charge
// costs one round trip; one that is rejected costs two more, in which it is given
// back.
//
// Of the Config they read Secret, Prefix, Timeout, ProbeEvery, OnWait, Now and
// InsecureEviction. The client and the server must be as New requires, and the
// errors and the circuit breaker are those of New. They ignore Sources: how many
// keys one makes is not limited.
func Engine(client redis.UniversalClient, c Config) (ratelimit.Counters, error) {
	if err := c.check(client); err != nil {
		return nil, err
	}
	c = c.withDefaults()
	c.Pipeline = false
	looked := &inspection{client: client, prefix: c.Prefix + ":", key: c.Prefix + ":probe", evicting: c.InsecureEviction}
	if err := looked.begin(c.Timeout); err != nil {
		return nil, fmt.Errorf("rediscounters: Engine: %w", err)
	}
	store, err := driver.NewStoreWithOptions(&careful{UniversalClient: client, guard: c.guard(client), inspection: looked}, limiter.StoreOptions{Prefix: c.Prefix})
	if err != nil { // it only loads its scripts, which careful does without a server
		return nil, fmt.Errorf("rediscounters: %w", err)
	}
	return hidden{ratelimit.FromLimiter(store), slices.Clone(c.Secret)}, nil
}

// hidden are Counters whose keys reveal nothing.
type hidden struct {
	ratelimit.Counters

	secret []byte
}

func (h hidden) Take(ctx context.Context, charges []ratelimit.Charge, dst []ratelimit.Status) (ratelimit.Decision, error) {
	return h.Counters.Take(ctx, h.hide(charges), dst)
}

func (h hidden) Peek(ctx context.Context, charges []ratelimit.Charge, dst []ratelimit.Status) (ratelimit.Decision, error) {
	return h.Counters.Peek(ctx, h.hide(charges), dst)
}

func (h hidden) Reset(ctx context.Context, charges []ratelimit.Charge) error {
	return h.Counters.Reset(ctx, h.hide(charges))
}

func (h hidden) Refund(ctx context.Context, charges []ratelimit.Charge) error {
	return h.Counters.Refund(ctx, h.hide(charges))
}

// hide returns copies of the charges with other keys. Half of a SHA-256 is enough
// that no two callers ever share a counter.
func (h hidden) hide(charges []ratelimit.Charge) []ratelimit.Charge {
	charges = slices.Clone(charges)
	for i, c := range charges {
		if c.Key == "" {
			continue // the inner Counters reject it
		}
		mac := hmac.New(sha256.New, h.secret)
		mac.Write([]byte("rediscounters/" + c.Key))
		charges[i].Key = base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:sha256.Size/2])
	}
	return charges
}
