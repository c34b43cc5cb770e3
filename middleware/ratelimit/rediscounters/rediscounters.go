// Package rediscounters counts what callers spend on a Redis that many nodes
// share: N nodes admit exactly the limit.
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
)

const (
	defaultPrefix = "sallyport:count"
	secretBytes   = 32
	mostLease     = 100_000

	defaultSourceCounters = 1 << 14
	leastSourceCounters   = 1 << 6
	mostSourceCounters    = 1_000_000

	defaultTimeout    = time.Second
	defaultProbeEvery = time.Second
)

// Config configures the counters.
type Config struct {
	// Secret is required: 32 random bytes or more, the same on all nodes. The
	// names of the counters are derived from it with HMAC-SHA-256, so that a reader of
	// the names cannot find addresses or users by trying them all. After a change of
	// the secret all counters start at zero.
	Secret []byte

	// Prefix begins the name of every counter, and a colon follows. Empty means
	// "sallyport:count".
	Prefix string

	// SourceCounters is how many counters one Source can make in an hour in
	// GroupAddresses, and as many again in GroupAttempts: 64 to 1 000 000. Zero means
	// 16 384. A counter that is refunded completely does not count. What a Source
	// makes beyond that is counted in one counter that it shares with itself, for each
	// group, algorithm and length of a window, until that one ends: new callers from
	// there may be limited early, never late.
	SourceCounters int64

	// InsecureEviction accepts a server that evicts keys when its memory is full. Any
	// counter may then be forgotten at any time: limits and the bounds of failed
	// attempts are exceeded without notice, and known addresses are forgotten.
	InsecureEviction bool

	// Lease lets a node charge so much ahead for a caller who comes again and
	// again, 2 to 100 000, and spend it without a round trip: ten times fewer round
	// trips with 10. The limit is never exceeded, but what a node does not spend of
	// its lease is lost until the window ends, so keep it well below the limit divided
	// by the number of nodes. By GCRA a lease leaks as the bucket does, and
	// is worth less the longer a node takes to spend it; a caller who is less than ten
	// times as fast as the bucket leaks gets none. What is left of leases when a counter is
	// Reset, or by GCRA when a limit is raised, may be spent on top. It is for single
	// charges. Zero: none.
	Lease int64

	// Pipeline sends decisions that are made at the same time together, over one
	// connection: many times the throughput where there are many callers, and a
	// little more latency where there are few. It is go-redis' AutoPipeline, which
	// its makers call experimental.
	Pipeline bool

	// Timeout is how long the server may take to answer. It does not include the time
	// that a decision waits for a connection of this node: only the decision's context
	// bounds that. It must not be negative. Zero: 1 s.
	Timeout time.Duration

	// ProbeEvery is how often a server that does not answer is called again. Between two
	// probes every decision returns [ratelimit.ErrCircuitOpen] at once. It must not be
	// negative. Zero: 1 s.
	ProbeEvery time.Duration

	// OnWait is called with the time that a decision has waited because all connections
	// of the client were in use, for a histogram: if it grows, the node needs a larger
	// PoolSize, or Pipeline. It is not called for decisions that did not wait, and must
	// be safe for concurrent use. Nil: not called.
	OnWait func(time.Duration)

	// Now is the clock that says how long a server is left alone, for how long a
	// refusal is known, and what a lease is still worth. Windows are measured by the
	// server's. Nil: time.Now.
	Now func() time.Time
}

// ConfigError is one invalid field of a Config, or option of a client.
type ConfigError = configerror.Error

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
// If c or the client is wrong, New returns all that is: *ConfigError values, joined.
// Then it tries the server out, and returns an error if it refuses the client, is a
// replica or a node of a Cluster that the client does not know as one, or evicts keys
// when its memory is full: set maxmemory-policy noeviction, and do not share the
// server with a cache. A policy that evicts only keys with an end is refused too, for
// every counter has one. A server that does not say, because its provider or its ACL
// forbids INFO, is believed to be in order. If it evicts all the same, counters are
// forgotten at random: more is let in than the limits say, also of wrong passwords.
// Then look up maxmemory-policy in the provider's console.
//
// A server that does not answer, or that says it cannot serve now, is no error, so
// that a service starts without it. New waits for it as long as Config.Timeout says;
// the first decision tries it out then, in a round trip more. Until Redis is there
// every decision is an error, and Config.OnCounterFailure of package ratelimit
// says what becomes of the request; no restart is needed afterwards. After an error a
// charge may have been made, but never twice, however often the client is told to
// retry.
//
// A circuit breaker keeps requests from waiting for a server that does not serve. It
// opens when the server accepts no connection, when it answers nothing for
// Config.Timeout, or when five calls in a row fail by the server or the network. Then
// one decision in ProbeEvery calls it, and all others are [ratelimit.ErrCircuitOpen] in
// less than a millisecond. A decision that waits for a connection of this node longer
// than its context allows is [ratelimit.ErrBusy], and does not open it; nor does a
// caller who leaves, or a slot of a Cluster that moves to another node: that decision
// is made again until its context ends. Counters and redisstore.Stores that have the
// same client share the breaker, one for each server.
//
// A counter is one key, of about 150 bytes with Redis' own, until its window has
// ended, until its bucket has leaked, or until all of it is refunded. Redis has no
// capacity for each group: it must have memory for all of them, or every write fails.
// What bounds their number is what they cost. In GroupCallers and GroupKnown only
// authenticated callers make any. In the other two a Source makes at most
// Config.SourceCounters in an hour, one key for their number and one for each counter
// that it shares, and each address in it no more than its budget of attempts allows.
//
// A counter without an end, as a hand or another program may leave it, gets one
// with the next charge; a key that is no counter is an error. Redis forgets
// counters when their windows end.
func New(client redis.UniversalClient, c Config) (ratelimit.Counters, error) {
	if err := c.check(client); err != nil {
		return nil, err
	}
	c = c.withDefaults()
	n := &counters{
		client: client, secret: slices.Clone(c.Secret), prefix: c.Prefix + ":{" + tag(c) + "}:",
		now: c.Now, guard: c.guard(client), denied: newDenied(),
		sourceCounters: c.SourceCounters,
	}
	n.inspection = &inspection{client: client, prefix: c.Prefix + ":", key: n.prefix + "probe", evicting: c.InsecureEviction}
	if err := n.inspection.begin(c.Timeout); err != nil {
		return nil, fmt.Errorf("rediscounters: New: %w", err)
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
	wrong := configcheck.List{Package: "rediscounters"}
	complain := wrong.At("Config.")
	redisclient.Check(client, wrong.At(""))
	if len(c.Secret) < secretBytes {
		complain("Secret", "must be %d random bytes or more, got %d", secretBytes, len(c.Secret))
	}
	if c.Lease != 0 && (c.Lease < 2 || c.Lease > mostLease) {
		complain("Lease", "must be 2 to %d, got %d", mostLease, c.Lease)
	}
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
