package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/internal/redisclient"
)

var errReplicas = errors.New("written, but too few replicas have it")

// replicated is run, and waits until the replicas have the write. WAIT concerns
// the writes of its own connection, so both commands use one, and on a Cluster
// the node is found here.
func (s *Store) replicated(ctx context.Context, script redisclient.Script, key string, args []any) (int64, error) {
	cluster, ok := s.client.(*redis.ClusterClient)
	if !ok {
		return s.throughOne(ctx, s.client.Pipeline(), script, key, args)
	}
	node, err := cluster.MasterForKey(ctx, key)
	if err != nil {
		return 0, err
	}
	n, err := s.throughOne(ctx, node.Pipeline(), script, key, args)
	ask := redis.HasErrorPrefix(err, "ASK ")
	if !ask && !redis.HasErrorPrefix(err, "MOVED ") {
		return n, err
	}
	// the command has not run: the slot is moving, or has moved
	cluster.ReloadState(ctx)
	if node = master(ctx, cluster, err); node == nil {
		return 0, err
	}
	pipe := node.Pipeline()
	if ask {
		_ = pipe.Process(ctx, redis.NewCmd(ctx, "asking")) // sent by Exec
	}
	return s.throughOne(ctx, pipe, script, key, args)
}

// replicatedAll is runAll, and waits until the replicas have the writes, once for
// each node that has some of the keys.
func (s *Store) replicatedAll(ctx context.Context, script redisclient.Script, keys []string, args []any, commands []redisclient.Once) ([]int64, error) {
	cluster, ok := s.client.(*redis.ClusterClient)
	if !ok {
		if err := s.wait(ctx, s.client.Pipeline(), commands...); err != nil {
			return nil, err
		}
		return numbers(commands)
	}
	nodes := map[*redis.Client][]redisclient.Once{}
	for i, key := range keys {
		node, err := cluster.MasterForKey(ctx, key)
		if err != nil {
			return nil, err
		}
		nodes[node] = append(nodes[node], commands[i])
	}
	for node, some := range nodes {
		err := s.wait(ctx, node.Pipeline(), some...)
		if redis.HasErrorPrefix(err, "ASK ") || redis.HasErrorPrefix(err, "MOVED ") {
			return s.oneByOne(ctx, script, keys, args)
		}
		if err != nil {
			return nil, err
		}
	}
	return numbers(commands)
}

// oneByOne is replicatedAll while slots of a Cluster move. It may repeat a write,
// so that a second write must change nothing.
func (s *Store) oneByOne(ctx context.Context, script redisclient.Script, keys []string, args []any) ([]int64, error) {
	all := make([]int64, len(keys))
	for i, key := range keys {
		n, err := s.replicated(ctx, script, key, args)
		if err != nil {
			return nil, err
		}
		all[i] = n
	}
	return all, nil
}

// throughOne sends the script on one connection, and waits for the replicas.
func (s *Store) throughOne(ctx context.Context, pipe redis.Pipeliner, script redisclient.Script, key string, args []any) (int64, error) {
	written := script.Command(ctx, key, args...)
	if err := s.wait(ctx, pipe, written); err != nil {
		return 0, err
	}
	return written.Int64()
}

// wait sends commands on one connection, and waits until the replicas have their
// writes.
func (s *Store) wait(ctx context.Context, pipe redis.Pipeliner, commands ...redisclient.Once) error {
	for _, command := range commands {
		_ = pipe.Process(ctx, command) // sent by Exec
	}
	reached := pipe.Do(ctx, "wait", s.replicas, (s.timeout / 2).Milliseconds())
	if _, err := pipe.Exec(ctx); err != nil {
		return err
	}
	switch n, err := reached.Int64(); {
	case err != nil:
		return err
	case n < int64(s.replicas):
		return fmt.Errorf("%w: %d of %d, after %v", errReplicas, n, s.replicas, s.timeout/2)
	}
	return nil
}

// master returns the node that a redirection names ("MOVED 3999 10.0.0.7:6379"),
// or nil if it is not known yet.
func master(ctx context.Context, cluster *redis.ClusterClient, redirection error) *redis.Client {
	addr := redirection.Error()[strings.LastIndexByte(redirection.Error(), ' ')+1:]
	found := make(chan *redis.Client, 1)
	_ = cluster.ForEachMaster(ctx, func(_ context.Context, node *redis.Client) error {
		if node.Options().Addr == addr {
			select {
			case found <- node:
			default: // the same address twice
			}
		}
		return nil
	})
	select {
	case node := <-found:
		return node
	default:
		return nil
	}
}
