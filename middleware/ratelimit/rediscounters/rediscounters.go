// Package rediscounters counts what callers spend on a Redis or Valkey that many
// nodes share: N nodes together admit exactly the limit. It is tested on Redis 7.0
// and Valkey 8.0.
package rediscounters

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/configerror"
	"github.com/sallyport-go/sallyport/internal/configcheck"
	"github.com/sallyport-go/sallyport/internal/redisclient"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/ratelimit/internal/remote"
)

const (
	defaultPrefix = "sallyport:count"
	secretBytes   = 32

	defaultSourceCounters = 1 << 14
	leastSourceCounters   = 1 << 6
	mostSourceCounters    = 1_000_000

	defaultTimeout    = time.Second
	defaultProbeEvery = time.Second
)

// Config configures the counters.
type Config struct {
	// Secret is required: at least 32 random bytes, the same on all nodes. The names
	// of the counters are derived from it with HMAC-SHA-256, so that a reader of the
	// names cannot find addresses or users by trying all candidates. After a change
	// of the secret all counters start at zero.
	Secret []byte

	// Prefix begins the name of every counter, and a colon follows, for example
	// "shop:count". Empty: "sallyport:count".
	Prefix string

	// SourceCounters is how many counters one Source can make in an hour in
	// GroupAddresses, and as many again in GroupAttempts: 64 to 1000000. A counter
	// that is refunded completely does not count. What a Source makes beyond that is
	// counted in one counter that it shares, for each group, algorithm and length of
	// window, until that one ends: its new callers may be limited early, never late.
	// Zero: 16384.
	SourceCounters int64

	// InsecureEviction accepts a server that evicts keys when its memory is full.
	// Any counter may then be deleted at any time: limits and the brute-force
	// protection are exceeded without notice, and known addresses are forgotten.
	// False: such a server is rejected.
	InsecureEviction bool

	// Lease lets a node charge this much in advance for a caller who returns often,
	// 2 to 100000, and spend it without a round trip: with 10 there are about ten
	// times fewer round trips. The limit is never exceeded, but what a node does not
	// spend of its lease is lost until the window ends, so keep it well below the
	// limit divided by the number of nodes. Only requests with a single charge use
	// it.
	//
	// With GCRA a lease leaks as the bucket does, so it is worth less the longer a
	// node takes to spend it; a caller that is less than ten times as fast as the
	// bucket leaks gets none. What is left of leases when a counter is Reset, or
	// with GCRA when a limit is raised, may be spent in addition. Zero: no leases.
	Lease int64

	// Pipeline sends concurrent decisions together, over one connection: many times
	// the throughput with many callers, and slightly more latency with few. It uses
	// AutoPipeline of go-redis, whose authors call it experimental.
	Pipeline bool

	// Timeout limits how long the server may take to answer. It does not include the
	// time that a decision waits for a connection of this node: only the decision's
	// context limits that. Positive. Zero: 1 s.
	Timeout time.Duration

	// ProbeEvery is how often a server that does not answer is called again. Between
	// two probes every decision returns [ratelimit.ErrCircuitOpen] at once.
	// Positive. Zero: 1 s.
	ProbeEvery time.Duration

	// OnWait is called with the time that a decision has waited because all
	// connections of the client were in use, for a histogram: if it grows, the node
	// needs a larger PoolSize, or Pipeline. It is not called for decisions that did
	// not wait, and must be safe for concurrent use. Nil: it is not called.
	OnWait func(time.Duration)

	// Now is the clock for the circuit breaker, for remembered rejections and for
	// leases. Windows are measured by the server's clock. It must be safe for
	// concurrent use. Nil: time.Now.
	Now func() time.Time
}

// ConfigError is one invalid field of a [Config], or one invalid option of a
// client.
type ConfigError = configerror.Error

// New returns Counters on Redis: N nodes together admit exactly the limit, for
// each Algorithm. They measure time by the server's clock, whatever the clocks of
// the nodes show. A decision is one round trip, however many charges it has. A
// repeated rejection is none: up to 65536 rejections are remembered until they
// end, and are dropped when the node learns of a Reset or a Refund on any node.
//
// client is a *redis.Client or a *redis.ClusterClient that has
// ContextTimeoutEnabled set, as redisstore.Options does it: a decision then ends
// with its context, even if Redis does not respond. It belongs to the caller, who
// closes it after the Counters are no longer used. On a Cluster all counters of
// one Prefix are on one node, so that they can be charged together.
//
// # Errors of New
//
// If the Config or the client is invalid, New returns one error that joins all
// defects: *ConfigError values. Then it tests the server, and returns an error if
// the server rejects the client, is a replica or a node of a Cluster that the
// client does not know as one, or evicts keys when its memory is full: set
// maxmemory-policy noeviction, and do not share the server with a cache. A policy
// that evicts only keys with an expiry is rejected too, because every counter has
// one.
//
// A server that does not tell its policy, because its provider or its ACL forbids
// INFO, is accepted. If it evicts keys, counters are lost at random, so that more
// requests and more failed attempts are admitted than the limits allow: check
// maxmemory-policy in the provider's console.
//
// A server that does not answer, or that cannot serve now, is not an error, so
// that a service starts without it. New waits for it as long as Config.Timeout;
// the first decision tests it then, in one more round trip.
//
// # Failures
//
// Until Redis answers, every decision is an error, and Config.OnCounterFailure of
// package ratelimit says how the request is handled; no restart is needed
// afterwards. After an error a charge may have been made, but never twice,
// however often the client retries.
//
// A circuit breaker keeps requests from waiting for a server that does not serve.
// It opens if the server accepts no connection, if it answers nothing for
// Config.Timeout, or if five calls in a row fail because of the server or the
// network. Then one decision in ProbeEvery calls it, and all others are
// [ratelimit.ErrCircuitOpen] in less than a millisecond. A decision that waits
// for a connection of this node longer than its context allows is
// [ratelimit.ErrBusy], and does not open it. Neither does a caller that
// disconnects, or a slot of a Cluster that moves to another node: that decision
// is repeated until its context ends. Counters and redisstore.Stores with the
// same client share the breaker, one for each server.
//
// # Memory
//
// A counter is one key, of about 150 bytes with Redis' overhead, until its window
// has ended, until its bucket is empty, or until all of it is refunded. Redis has
// no capacity for each group: it must have memory for all of them, or every write
// fails. Their number is limited by what it costs to make them. Only
// authenticated callers make counters in GroupCallers and GroupKnown. In the
// other two groups a Source makes at most Config.SourceCounters in an hour, one
// key for their number and one for each counter that it shares, and each address
// in it no more than its budget of attempts allows.
//
// A counter without an expiry, which another program may have left, gets one with
// the next charge. A key that is not a counter is an error.
func New(client redis.UniversalClient, c Config) (ratelimit.Counters, error) {
	if err := c.check(client); err != nil {
		return nil, err
	}
	c = c.withDefaults()
	n := &counters{
		client: client, secret: slices.Clone(c.Secret), prefix: c.Prefix + ":{" + tag(c) + "}:",
		guard: c.guard(client), sourceCounters: c.SourceCounters,
	}
	n.Counters = remote.New("rediscounters", c.Now, c.Lease, n.run)
	n.inspection = &inspection{client: client, prefix: c.Prefix + ":", key: n.prefix + "probe", evicting: c.InsecureEviction}
	if err := n.inspection.begin(c.Timeout); err != nil {
		return nil, fmt.Errorf("rediscounters: New: %w", err)
	}
	if c.Pipeline {
		pipeline, err := client.AutoPipeline()
		if err != nil {
			return nil, fmt.Errorf("rediscounters: Config.Pipeline: %w", err)
		}
		n.client = pipeline // one for all users of the client, and closed with it
	}
	return n, nil
}

// tag returns the hash tag by which a Cluster places all counters on one node.
func tag(c Config) string {
	mac := hmac.New(sha256.New, c.Secret)
	mac.Write([]byte("rediscounters: tag of " + c.Prefix))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:3])
}

func (c Config) check(client redis.UniversalClient) error {
	wrong := configcheck.List{Package: "rediscounters"}
	complain := wrong.At("Config.")
	redisclient.Check(client, wrong.At(""))
	if len(c.Secret) < secretBytes {
		complain("Secret", "must be %d random bytes or more, got %d", secretBytes, len(c.Secret))
	}
	remote.CheckLease(c.Lease, complain)
	if c.Timeout < 0 {
		complain("Timeout", "must be positive, got %v", c.Timeout)
	}
	if c.ProbeEvery < 0 {
		complain("ProbeEvery", "must be positive, got %v", c.ProbeEvery)
	}
	if c.SourceCounters != 0 && (c.SourceCounters < leastSourceCounters || c.SourceCounters > mostSourceCounters) {
		complain("SourceCounters", "must be %d to %d, got %d", leastSourceCounters, mostSourceCounters, c.SourceCounters)
	}
	return wrong.Err()
}

func (c Config) withDefaults() Config {
	if c.Prefix == "" {
		c.Prefix = defaultPrefix
	}
	if c.SourceCounters == 0 {
		c.SourceCounters = defaultSourceCounters
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	if c.ProbeEvery == 0 {
		c.ProbeEvery = defaultProbeEvery
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}
