// Package redisstore keeps sessions, API keys and the deny list of sessions on a
// Redis that many nodes share: one server, one behind Sentinel, or a Cluster. It
// is tested on Redis 7.0, and uses nothing that 6.2 has not. Users stay in the
// host's own database.
//
//	options, err := redisstore.Options("redis://:password@redis.internal:6379/0")
//	...
//	s, err := redisstore.New(ctx, redis.NewClient(options), redisstore.Config{Users: users})
//
// # What is one step, and what is not
//
// Each change of one session, one key or one denial is one step on the server:
// of any number of nodes that advance a session exactly one wins. It is written
// together with its end, and Redis forgets it then, by its own clock.
//
// Whatever concerns more than one record is more than one step, because on a
// Cluster the records lie on different nodes. CreateSession writes the session,
// then adds it to the list of its user's; a call that fails in between returns an
// error, and leaves a session that no token names. RevokeUserSessions takes that
// list a thousand sessions at a time: it notes them in a list of what has ended,
// ends each, and takes them out of the user's list; if it fails, some may have
// ended, and calling it again ends the rest and returns all of them.
//
// CreateAPIKey writes the digest, then the ID, then adds the key to the list; a
// call that fails in between leaves a digest that no other key can take, or a key
// that was shown to no user. DeleteExpiredAPIKeys removes a key in the same way;
// if one call fails, the next goes on.
//
// # What a Redis may lose
//
// Redis answers a write when it is in its memory. Whatever was not on the disk
// is lost when it is restarted, and whatever had not reached a replica is lost
// when that replica takes over. Where all is lost, users log in again, and API
// keys have to be made anew. Losing the last moments is worse, for the store is
// then as it was before:
//
//   - A session whose revocation was lost is live again, and so is its stolen
//     token.
//   - A session whose advance was lost is at the generation before. The token
//     that its user holds is ahead of the store and is refused, so they log in
//     again. The token before it, which was spent, works once more.
//   - A session that is missing in its user's list is not ended by
//     RevokeUserSessions.
//   - A denial that was lost lets an access token work until it expires.
//
// Against a restart set appendonly yes and appendfsync always. With everysec, its
// default, Redis puts writes off for up to two seconds while it syncs older ones,
// so that they are lost with a redis-server that is killed, even if the machine
// lives on. Against a failover set [Config.Replicas]. Together they make the loss
// unlikely; a host for which it must not happen uses a database that promises so
// (store/sqlstore on PostgreSQL).
//
// A Redis that evicts keys when its memory is full loses the same things at any
// time, so New refuses one: set maxmemory-policy noeviction, and do not share the
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
)

// Config says what a [Store] is made of.
type Config struct {
	// Users knows who may come in: the host's own. Required.
	Users store.Users

	// Prefix begins the name of every key, so that a server can be shared. Empty
	// means "sallyport:". With a hash tag in it ("{sallyport}:") everything lies
	// on one node of a Cluster.
	Prefix string

	// Timeout is how long a method waits for Redis at most, if its context has
	// no earlier deadline. Zero means 2 s.
	Timeout time.Duration

	// Replicas is how many replicas must have received a write before it counts
	// as done (Redis calls it WAIT). If they have not within half of Timeout, the
	// method returns an error: the write was made, and may be lost with the
	// server. Zero waits for none.
	Replicas int

	// InsecureEviction accepts a server that evicts keys when its memory is full:
	// users are then logged out at random, and what was revoked or denied may
	// come back.
	InsecureEviction bool
}

// Store keeps sessions, API keys and the deny list on Redis, and asks
// Config.Users for all that concerns users. It is a [store.Store], a
// [store.APIKeys] and a [store.Revocations]. Any number of goroutines may use it
// at once, and any number of Stores with the same prefix may share a server.
//
// Every error that is not one of package store's sentinels is Redis's or the
// network's, wrapped. After one from a method that writes, it may or may not have
// been written, unless the error says that Redis has refused it.
type Store struct {
	store.Users

	client   redis.UniversalClient
	prefix   string
	timeout  time.Duration
	replicas int
}

var (
	_ store.Store       = (*Store)(nil)
	_ store.APIKeys     = (*Store)(nil)
	_ store.Revocations = (*Store)(nil)
)

// ConfigError is one invalid field of a Config, or option of a client.
type ConfigError = configerror.Error

// New returns a Store on a server that it has tried out, or an error that says
// what to do: *ConfigError values, joined, if it is the Config or the client. The client is a *redis.Client or a *redis.ClusterClient whose
// options [Options] or [ClusterOptions] has made, or which has
// ContextTimeoutEnabled set; it stays the caller's to close.
//
// New fails when the server cannot be reached, and nothing takes its place
// quietly. A server that goes away later makes methods fail until it is back; no
// restart is needed. go-redis writes a line to standard error when it cannot
// connect, which redis.SetLogger changes; this package writes none.
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
	s := &Store{Users: c.Users, client: client, prefix: c.Prefix, timeout: c.Timeout, replicas: c.Replicas}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	if err := s.probe(ctx, !c.InsecureEviction); err != nil {
		return nil, err
	}
	return s, nil
}

// bounded is the context of one method.
func (s *Store) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, s.timeout)
}
