// Package redisstore keeps sessions, API keys and the deny list on a Redis or Valkey
// that many nodes share: one server, one behind Sentinel, or a Cluster. It is tested
// on Redis 7.0 and Valkey 8.0, and uses only what Redis 6.2 has. Users stay in the
// host's own database.
//
//	options, err := redisstore.Options("redis://:password@redis.internal:6379/0")
//	...
//	s, err := redisstore.New(ctx, redis.NewClient(options), redisstore.Config{Users: users})
//
// # What is atomic, and what is not
//
// Each change of one session, one key or one denial is atomic: if any number of
// nodes advance a session, exactly one of them does. Its expiry is written with
// it, and Redis deletes it then, by its own clock.
//
// A change of more than one record takes more than one step, because on a Cluster
// the records are on different nodes. CreateSession writes the session, then adds
// it to the list of its user's sessions; a call that fails in between returns an
// error, and leaves a session that no token names. RevokeUserSessions takes that
// list a thousand sessions at a time: it records them in a list of ended
// sessions, ends each, and removes them from the user's list. If it fails, some
// may have ended; calling it again ends the rest and returns all of them.
//
// CreateAPIKey writes the digest, then the key, then adds the key to its owner's
// list; a call that fails in between leaves a digest that no other key can use,
// or a key that was shown to no one. DeleteExpiredAPIKeys removes a key in the
// same steps; if a call fails, the next one continues.
//
// # What a Redis may lose
//
// Redis answers a write when it is in its memory. A restart loses what was not
// yet on the disk, and a failover loses what had not reached the replica. If
// everything is lost, users log in again, and API keys must be created again.
// Losing only the last seconds is worse, because earlier states become valid
// again:
//
//   - A session whose revocation was lost is active again, and so is its stolen
//     token.
//   - A session whose advance was lost is at the generation before. The token
//     that its user holds is ahead of the store and is rejected, so they log in
//     again. The token before it, which was used, works once more.
//   - A session that is missing in its user's list is not ended by
//     RevokeUserSessions.
//   - A denial that was lost lets an access token work until it expires.
//
// Against a restart set appendonly yes and appendfsync always. With everysec, the
// default, Redis delays writes for up to two seconds while it syncs older ones,
// so that they are lost if redis-server is killed, even if the machine survives.
// Against a failover set [Config.Replicas]. Together they make the loss unlikely.
// A host for which it must not happen uses a database that promises that
// (store/sqlstore on PostgreSQL).
//
// A Redis that evicts keys when its memory is full loses the same data at any
// time, so New rejects one: set maxmemory-policy noeviction, and do not share the
// server with a cache.
package redisstore

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/configerror"
	"github.com/sallyport-go/sallyport/internal/configcheck"
	"github.com/sallyport-go/sallyport/internal/redisclient"
	"github.com/sallyport-go/sallyport/store"
)

const (
	defaultPrefix  = "sallyport:"
	defaultTimeout = 2 * time.Second
	probeEvery     = time.Second
)

// Config configures a [Store].
type Config struct {
	// Users is required: the host's own users, which Authenticate and User are
	// passed to.
	Users store.Users

	// Prefix begins the name of every key, so that a server can be shared, for
	// example "shop:". With a hash tag in it ("{sallyport}:") everything is on one
	// node of a Cluster. Two prefixes are two stores. Empty: "sallyport:".
	Prefix string

	// Timeout limits how long a method waits for Redis, if its context has no
	// earlier deadline. Methods that work in batches have it for each batch.
	// SessionDenied gives Redis half of it to answer; the rest is for waiting for a
	// connection of this node. Positive. Zero: 2 s.
	Timeout time.Duration

	// Replicas is how many replicas must have received a write before it counts as
	// done (the command WAIT). If fewer have it within half of Timeout, the method
	// returns an error: the write was made, and may be lost with the server. Set it
	// if the server fails over to a replica. Zero: the store waits for none.
	Replicas int

	// InsecureEviction accepts a server that evicts keys when its memory is full:
	// users are then logged out at random, and what was revoked or denied may become
	// valid again. False: New rejects such a server.
	InsecureEviction bool
}

// Store keeps sessions, API keys and the deny list on Redis, and passes
// Authenticate and User to Config.Users. Create it with [New]. It is a
// [store.Store], a [store.APIKeys] and a [store.Revocations]. It is safe for
// concurrent use, and any number of Stores with the same prefix may share a
// server.
//
// An error that is none of package store's sentinels is that of Redis or the
// network, wrapped; it is store.ErrBusy, too, if SessionDenied has waited for a
// connection of this node for as long as it could, or if the client's pool said so
// (PoolTimeout). After such an error of a method that writes, the write may or
// may not have been made, unless the text says that Redis refused it.
type Store struct {
	store.Users

	client   redis.UniversalClient
	prefix   string
	timeout  time.Duration
	replicas int
	guard    *redisclient.Guard // of the deny list
}

var (
	_ store.Store       = (*Store)(nil)
	_ store.APIKeys     = (*Store)(nil)
	_ store.Revocations = (*Store)(nil)
)

// ConfigError is one invalid field of a [Config], or one invalid option of a
// client.
type ConfigError = configerror.Error

// New returns a Store on a server that it has tested with a write. client is a
// *redis.Client or a *redis.ClusterClient whose options come from [Options] or
// [ClusterOptions], or have ContextTimeoutEnabled set. It belongs to the caller,
// who closes it after the Store is no longer used.
//
// If the Config or the client is invalid, New returns one error that joins all
// defects: *ConfigError values, each with the path of its field. New also returns
// an error, with advice, if the server cannot be reached, has too few replicas,
// or evicts keys. There is no fallback. If the server fails later, methods return
// errors until it is back; no restart is needed. SessionDenied, which every request may
// call, has a circuit breaker, as rediscounters.New describes it, and shares it with
// the counters that have the same client: while the server does not answer, one call
// in a second tries it, and all others fail in less than a millisecond. go-redis writes a line to
// standard error when it cannot connect, which redis.SetLogger changes; this
// package writes none.
func New(ctx context.Context, client redis.UniversalClient, c Config) (*Store, error) {
	wrong := configcheck.List{Package: "redisstore"}
	complain := wrong.At("Config.")
	redisclient.Check(client, wrong.At(""))
	configcheck.Required("Users", c.Users, complain)
	if c.Timeout < 0 {
		complain("Timeout", "must be a positive time, or 0 for the default, got %v", c.Timeout)
	}
	if c.Replicas < 0 {
		complain("Replicas", "must be 0 or more, got %d", c.Replicas)
	}
	if err := wrong.Err(); err != nil {
		return nil, err
	}
	if c.Prefix == "" {
		c.Prefix = defaultPrefix
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	s := &Store{
		Users: c.Users, client: client, prefix: c.Prefix, timeout: c.Timeout, replicas: c.Replicas,
		guard: &redisclient.Guard{Client: client, Timeout: c.Timeout / 2, ProbeEvery: probeEvery},
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	if err := s.probe(ctx, !c.InsecureEviction); err != nil {
		return nil, err
	}
	return s, nil
}

// bounded returns the context of one method.
func (s *Store) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, s.timeout)
}
