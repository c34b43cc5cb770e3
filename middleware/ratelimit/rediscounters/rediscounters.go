// Package rediscounters counts what callers spend on a Redis that many nodes
// share: N nodes admit exactly the limit.
package rediscounters

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/internal/redisclient"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
)

const (
	defaultPrefix = "sallyport:count"
	secretBytes   = 32
	mostLease     = 100_000

	defaultProbeEvery = time.Second
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

	// Lease lets a node charge so much ahead for a caller who comes again and
	// again, 2 to 100 000, and spend it without a round trip: ten times fewer round
	// trips with 10. The limit is never exceeded, but what a node does not spend of
	// its lease nobody gets until the window ends, so keep it well below the limit
	// divided by the number of nodes. By GCRA a lease leaks as the bucket does, and
	// is worth less the longer a node takes to spend it; who comes not ten times as
	// fast as the bucket leaks is given none. What is left of leases when a counter is
	// Reset, or by GCRA when a limit is raised, may be spent on top. It is for single
	// charges. Zero: none.
	Lease int64

	// Pipeline sends decisions that are made at the same time together, over one
	// connection: many times the throughput where there are many callers, and a
	// little more latency where there are few. It is go-redis' AutoPipeline, which
	// its makers call experimental.
	Pipeline bool

	// Timeout is how long a decision may take at most, besides what its context
	// says. Zero: as the context says.
	Timeout time.Duration

	// ProbeEvery is how often a server that does not answer is asked again; in
	// between every decision is [ratelimit.ErrCircuitOpen] at once. Zero: a second.
	ProbeEvery time.Duration

	// Now is the clock that says how long a server is left alone, for how long a
	// refusal is known, and what a lease is still worth. Windows are measured by the
	// server's. Nil: time.Now.
	Now func() time.Time
}

// New returns Counters on Redis: N nodes admit exactly the limit, by any
// Algorithm. Their time is the server's, whatever the clocks of the nodes say. A
// decision is one round trip, however many charges it has, and a refusal is none
// when it is asked for again: it is remembered until it ends, in up to 65 536
// decisions, and is forgotten at the first word of a Reset or a Refund on any node.
//
// The client is a *redis.Client or a *redis.ClusterClient that has
// ContextTimeoutEnabled set, as redisstore.Options does it: a decision then ends
// with its context, even when Redis is silent. It stays the caller's to close. On
// a Cluster all counters of one Prefix are on one node, so that any of them can be
// charged together.
//
// New asks Redis nothing, so a service starts without it. Until Redis is there
// every decision is an error, and Config.OnCounterFailure of package middleware
// says what becomes of the request; no restart is needed afterwards. Five failures
// in a row, and only one decision in ProbeEvery asks. After an error a charge may
// have been made, but never twice, however often the client is told to retry.
//
// A counter without an end, as a hand or another program may leave it, gets one
// with the next charge; a key that is no counter is an error. Redis forgets
// counters when their windows end.
func New(client redis.UniversalClient, c Config) (ratelimit.Counters, error) {
	errs := []error{c.check(client)}
	if c.Lease != 0 && (c.Lease < 2 || c.Lease > mostLease) {
		errs = append(errs, fmt.Errorf("rediscounters: Config.Lease: wants 2 to %d, has %d", mostLease, c.Lease))
	}
	if c.Timeout < 0 {
		errs = append(errs, fmt.Errorf("rediscounters: Config.Timeout: wants a positive time, has %v", c.Timeout))
	}
	if c.ProbeEvery < 0 {
		errs = append(errs, fmt.Errorf("rediscounters: Config.ProbeEvery: wants a positive time, has %v", c.ProbeEvery))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if c.Prefix == "" {
		c.Prefix = defaultPrefix
	}
	if c.ProbeEvery == 0 {
		c.ProbeEvery = defaultProbeEvery
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	n := &counters{
		client: client, secret: slices.Clone(c.Secret), prefix: c.Prefix + ":{" + tag(c) + "}:",
		now: c.Now, timeout: c.Timeout, breaker: breaker{now: c.Now, interval: c.ProbeEvery}, denied: newDenied(),
	}
	if c.Lease > 0 {
		n.leases = &leases{size: c.Lease, now: c.Now, all: map[[2]uint64]lease{}}
	}
	if c.Pipeline {
		pipeline, err := client.AutoPipeline()
		if err != nil {
			return nil, fmt.Errorf("rediscounters: Config.Pipeline: %w", err)
		}
		n.client = pipeline // one for all who ask the client, and closed with it
	}
	return n, nil
}

// tag is what a Cluster finds the place of all counters by.
func tag(c Config) string {
	mac := hmac.New(sha256.New, c.Secret)
	mac.Write([]byte("rediscounters: tag of " + c.Prefix))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:3])
}

func (c Config) check(client redis.UniversalClient) error {
	var errs []error
	if err := redisclient.Check(client); err != nil {
		errs = append(errs, fmt.Errorf("rediscounters: %w", err))
	}
	if len(c.Secret) < secretBytes {
		errs = append(errs, fmt.Errorf("rediscounters: Config.Secret: wants %d bytes or more, has %d", secretBytes, len(c.Secret)))
	}
	return errors.Join(errs...)
}
