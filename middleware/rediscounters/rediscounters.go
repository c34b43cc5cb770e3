// Package rediscounters counts what callers spend on a Redis that many nodes
// share: N nodes admit exactly the limit. It is ulule/limiter's Redis driver,
// made safe to start without Redis and to go on after it was restarted.
package rediscounters

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"

	"github.com/redis/go-redis/v9"
	"github.com/ulule/limiter/v3"
	driver "github.com/ulule/limiter/v3/drivers/store/redis"

	"github.com/sallyport-go/sallyport/internal/redisclient"
	"github.com/sallyport-go/sallyport/middleware"
)

const (
	defaultPrefix = "sallyport:count"
	secretBytes   = 32
)

// Config says how callers are counted.
type Config struct {
	// Secret is required: 32 random bytes or more, the same on all nodes. The
	// names of the counters are made with it, so that whoever reads them learns
	// no address and no user, not even by trying them all. With another secret
	// counting begins anew.
	Secret []byte

	// Prefix begins the name of every counter, and a colon follows. Empty means
	// "sallyport:count".
	Prefix string
}

// New returns Counters on Redis: exact fixed windows that begin with the first
// request. Their time is the server's, whatever the clocks of the nodes say. A
// charge costs one round trip; one that is refused costs two more, in which it is
// given back.
//
// The client is a *redis.Client or a *redis.ClusterClient that has
// ContextTimeoutEnabled set, as redisstore.Options does it: a decision then ends
// with its context, even when Redis is silent. It stays the caller's to close.
//
// New asks Redis nothing, so a service starts without it. Until Redis is there
// every decision is an error, and Config.OnCounterFailure of package middleware
// says what becomes of the request; no restart is needed afterwards. After an
// error a charge may have been made, but never twice, however often the client is
// told to retry.
//
// A counter without an end, as a hand or another program may leave it, gets one
// with the next charge. Redis forgets counters when their windows end.
func New(client redis.UniversalClient, c Config) (middleware.Counters, error) {
	var errs []error
	if err := redisclient.Check(client); err != nil {
		errs = append(errs, fmt.Errorf("rediscounters: %w", err))
	}
	if len(c.Secret) < secretBytes {
		errs = append(errs, fmt.Errorf("rediscounters: Config.Secret: wants %d bytes or more, has %d", secretBytes, len(c.Secret)))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if c.Prefix == "" {
		c.Prefix = defaultPrefix
	}
	store, err := driver.NewStoreWithOptions(&careful{UniversalClient: client}, limiter.StoreOptions{Prefix: c.Prefix})
	if err != nil { // it only loads its scripts, which careful does by itself
		return nil, fmt.Errorf("rediscounters: %w", err)
	}
	return hidden{middleware.FromLimiter(store), slices.Clone(c.Secret)}, nil
}

// hidden are Counters whose keys say nothing to others.
type hidden struct {
	middleware.Counters

	secret []byte
}

func (h hidden) Take(ctx context.Context, charges []middleware.Charge) (middleware.Decision, error) {
	return h.Counters.Take(ctx, h.hide(charges))
}

func (h hidden) Peek(ctx context.Context, charges []middleware.Charge) (middleware.Decision, error) {
	return h.Counters.Peek(ctx, h.hide(charges))
}

func (h hidden) Reset(ctx context.Context, charges []middleware.Charge) error {
	return h.Counters.Reset(ctx, h.hide(charges))
}

func (h hidden) Refund(ctx context.Context, charges []middleware.Charge) error {
	return h.Counters.Refund(ctx, h.hide(charges))
}

// hide returns copies of the charges under other keys. Half of a SHA-256 is
// enough for no two callers ever to share a counter.
func (h hidden) hide(charges []middleware.Charge) []middleware.Charge {
	charges = slices.Clone(charges)
	for i, c := range charges {
		if c.Key == "" {
			continue // refused inside, as everywhere
		}
		mac := hmac.New(sha256.New, h.secret)
		mac.Write([]byte("rediscounters/" + c.Key))
		charges[i].Key = base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:sha256.Size/2])
	}
	return charges
}
