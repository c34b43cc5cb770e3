package redisstore

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/internal/redisclient"
)

// probing writes, reads and deletes, as all that follows will.
var probing = redisclient.NewScript(`
redis.call('SET', KEYS[1], ARGV[1], 'PX', 1000)
return redis.call('DEL', KEYS[1])`)

// tryOut finds out before the first login what would fail it.
func (s *Store) tryOut(ctx context.Context, refuseEviction bool) error {
	_, err := s.run(ctx, probing, s.prefix+"probe", "1")
	if err != nil {
		return fmt.Errorf("redisstore: New: %s: %w", advice(err), err)
	}
	if cluster, ok := s.client.(*redis.ClusterClient); ok {
		return cluster.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error {
			return inspect(ctx, node).checkEviction(refuseEviction)
		})
	}
	said := inspect(ctx, s.client)
	if said["cluster_enabled"] == "1" { // it happens to have the slot that was tried
		return errors.New("redisstore: New: " + clusterNode)
	}
	return said.checkEviction(refuseEviction)
}

// advice says what to do about an error of the first command.
func advice(err error) string {
	var dial *net.OpError
	for _, known := range []struct{ reply, advice string }{
		{"NOAUTH", "the server wants a password: put it into the client's options"},
		{"WRONGPASS", "the server does not know this user and password"},
		{"NOPERM", "the server's ACL wants +@read +@write +@scripting and all keys below Config.Prefix for this user"},
		{"READONLY", "this is a replica: the client wants the address of the master, or Sentinel's"},
		{"MOVED", clusterNode},
		{"LOADING", "the server is still reading its data: try again later"},
		{"OOM", "the server's memory is full"},
		{"NOREPLICAS", "the server has too few replicas to write"},
		{"MISCONF", "the server cannot write to its disk, and so takes no writes"},
		{"CLUSTERDOWN", "the Cluster does not serve all of its slots"},
		{"This instance has cluster support disabled", "the server is not part of a Cluster: make the client with redis.NewClient"},
	} {
		if redis.HasErrorPrefix(err, known.reply) {
			return known.advice
		}
	}
	switch {
	case errors.As(err, &dial) && dial.Op == "dial":
		return "the server cannot be reached: is it running, and at this address?"
	case errors.Is(err, errReplicas):
		return "the server has too few replicas for Config.Replicas, or they are slow"
	}
	return "the server does not answer as a Redis does"
}

const clusterNode = "the server is a node of a Cluster: make the client with redis.NewClusterClient"

// info is what a server says of itself.
type info map[string]string

// inspect asks a server. One that says nothing, because its provider or its ACL
// forbids INFO, is believed to be in order: it has just taken a write.
func inspect(ctx context.Context, node redis.UniversalClient) info {
	said := info{}
	for line := range strings.Lines(node.Info(ctx).Val()) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			said[name] = value
		}
	}
	return said
}

func (i info) checkEviction(refuse bool) error {
	policy := i["maxmemory_policy"]
	if !refuse || policy == "" || policy == "noeviction" || i["maxmemory"] == "0" {
		return nil
	}
	return fmt.Errorf("redisstore: New: the server evicts keys when its memory is full (maxmemory-policy %s), and sessions and revocations with them: set maxmemory-policy noeviction, or Config.InsecureEviction", policy)
}
