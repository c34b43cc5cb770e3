package redisstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/sallyport-go/sallyport/internal/redisclient"
)

// commands are all that this package sends, but for WAIT.
var commands = redisclient.Commands{
	Sent: []string{
		"GET key", "EXISTS key", "HGETALL key", "ZRANGE key 0 1", "ZRANGEBYSCORE key 0 1", "ZREVRANGEBYLEX key + -", "ZREM key a",
		"ZREMRANGEBYSCORE key 0 1", "DEL key",
	},
	Scripted: []string{
		"TIME", "SETNX key 1", "SET key 1 PX 1000", "GET key", "INCRBY key 1", "EXISTS key", "PTTL key", "PEXPIREAT key 1", "DEL key",
		"HSET key a 1", "HGET key a", "HMGET key a", "HSETNX key b 1", "DEL key",
		"ZADD key 0 a", "ZCARD key", "ZRANGE key 0 1", "ZREM key a", "DEL key",
	},
}

// needs returns all commands that this Store sends.
func (s *Store) needs() redisclient.Commands {
	if s.replicas == 0 {
		return commands
	}
	with := commands
	with.Sent = append([]string{"WAIT 0 1"}, with.Sent...)
	return with
}

// probe tests before the first login what would make it fail.
func (s *Store) probe(ctx context.Context, refuseEviction bool) error {
	if err := s.needs().Try(ctx, s.client, s.prefix, s.prefix+"probe"); err != nil {
		return fmt.Errorf("redisstore: New: %w", redisclient.Explain(err))
	}
	if _, err := s.run(ctx, redisclient.Probing, s.prefix+"probe", "1"); errors.Is(err, errReplicas) {
		return fmt.Errorf("redisstore: New: the server has too few replicas for Config.Replicas, or they are slow: %w", err)
	} else if err != nil {
		return fmt.Errorf("redisstore: New: %w", redisclient.Explain(err))
	}
	if err := redisclient.Inspect(ctx, s.client, "sessions and revocations", !refuseEviction); err != nil {
		return fmt.Errorf("redisstore: New: %w", err)
	}
	return nil
}
