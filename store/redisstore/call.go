package redisstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/internal/redisclient"
	"github.com/sallyport-go/sallyport/store"
)

const (
	atATime     = 200  // records that one pipeline reads or deletes
	manyAtATime = 1000 // records that one pipeline changes with one short script each
)

// run runs a script that writes, and returns the number that it returns.
func (s *Store) run(ctx context.Context, script redisclient.Script, key string, args ...any) (int64, error) {
	if s.replicas > 0 {
		return s.replicated(ctx, script, key, args)
	}
	return script.Run(ctx, s.client, key, args...).Int64()
}

// runAll runs a script that writes for each of many keys, in any order, and
// returns its number for each. If one fails, others may have been written. Redis
// serves other clients between two keys.
func (s *Store) runAll(ctx context.Context, script redisclient.Script, keys []string, args ...any) ([]int64, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	commands := make([]redisclient.Once, len(keys))
	for i, key := range keys {
		commands[i] = script.Command(ctx, key, args...)
	}
	if s.replicas > 0 {
		return s.replicatedAll(ctx, script, keys, args, commands)
	}
	pipe := s.client.Pipeline()
	for _, command := range commands {
		_ = pipe.Process(ctx, command) // sent by Exec
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, err
	}
	return numbers(commands)
}

// numbers returns the results of commands.
func numbers(commands []redisclient.Once) ([]int64, error) {
	all := make([]int64, len(commands))
	for i, command := range commands {
		n, err := command.Int64()
		if err != nil {
			return nil, err
		}
		all[i] = n
	}
	return all, nil
}

// records reads the hashes with these keys, in their order. A missing one is
// empty.
func (s *Store) records(ctx context.Context, keys []string) ([]record, error) {
	pipe := s.client.Pipeline()
	replies := make([]*redis.MapStringStringCmd, len(keys))
	for i, key := range keys {
		replies[i] = pipe.HGetAll(ctx, key)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, err
	}
	found := make([]record, len(keys))
	for i, reply := range replies {
		found[i] = reply.Val()
	}
	return found, nil
}

// lookAgain lets the client of a Cluster ask at once who is the master of what, if an error
// may be that of one that is gone: by itself it asks once a minute.
func (s *Store) lookAgain(err error) {
	cluster, ok := s.client.(*redis.ClusterClient)
	if !ok || errors.Is(err, context.Canceled) || redisclient.IsBusy(err) {
		return
	}
	if _, replied := errors.AsType[redis.Error](err); !replied || redisclient.HasTransientPrefix(err) {
		cluster.ReloadState(context.Background())
	}
}

// failedRead wraps an error of Redis or the network.
func (s *Store) failedRead(method string, err error) error {
	s.lookAgain(err)
	if redisclient.IsBusy(err) {
		return fmt.Errorf("redisstore: %s: %w: %w", method, store.ErrBusy, err)
	}
	return fmt.Errorf("redisstore: %s: %w", method, err)
}

// failedWrite wraps an error of Redis or the network, and adds whether the write
// may have been made.
func (s *Store) failedWrite(method string, err error) error {
	s.lookAgain(err)
	var reply redis.Error
	switch {
	case errors.Is(err, errReplicas):
		return fmt.Errorf("redisstore: %s: %w", method, err)
	case redisclient.IsBusy(err):
		return fmt.Errorf("redisstore: %s: %w: %w", method, store.ErrBusy, err)
	case errors.As(err, &reply):
		return fmt.Errorf("redisstore: %s: refused by Redis: %w", method, err)
	}
	return fmt.Errorf("redisstore: %s: no answer, so it may have been done: %w", method, err)
}

// milliseconds returns the end of a record for Redis: not before t, and at least
// 1, which is in the past.
func milliseconds(t time.Time) int64 {
	return max(1, t.Add(time.Millisecond-1).UnixMilli())
}
