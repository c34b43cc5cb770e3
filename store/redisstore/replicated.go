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

// replicated is run, and waits until the write has reached the replicas. WAIT
// speaks of what its own connection has written, so both go through one, and on a
// Cluster the way to the node is found here.
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
	// it has not run; the slot is moving, or has moved
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

// throughOne sends the script, and waits.
func (s *Store) throughOne(ctx context.Context, pipe redis.Pipeliner, script redisclient.Script, key string, args []any) (int64, error) {
	written := script.Command(ctx, key, args...)
	_ = pipe.Process(ctx, written) // sent by Exec
	reached := pipe.Do(ctx, "wait", s.replicas, (s.timeout / 2).Milliseconds())
	if _, err := pipe.Exec(ctx); err != nil {
		return 0, err
	}
	switch n, err := reached.Int64(); {
	case err != nil:
		return 0, err
	case n < int64(s.replicas):
		return 0, fmt.Errorf("%w: %d of %d, after %v", errReplicas, n, s.replicas, s.timeout/2)
	}
	return written.Int64()
}

// master is the node to which a redirection points ("MOVED 3999 10.0.0.7:6379"),
// nil if it is not known yet.
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
