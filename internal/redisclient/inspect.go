package redisclient

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/redis/go-redis/v9"
)

// Probing is a Script that writes and deletes its key. Its argument is any value.
var Probing = NewScript(`
redis.call('SET', KEYS[1], ARGV[1], 'PX', 1000)
return redis.call('DEL', KEYS[1])`)

// advice lists what to do about an error reply to the first command. An error that
// stays lasts until the configuration of the server or the client's options change;
// the others are temporary.
var advice = []struct {
	reply, advice string
	stays         bool
}{
	{"NOAUTH", "the server requires a password: set it in the client's options", true},
	{"WRONGPASS", "the server does not know this user and password", true},
	{"READONLY", "this is a replica: the client must have the address of the master, or of Sentinel", true},
	{"MOVED", clusterNode, true},
	{"This instance has cluster support disabled", "the server is not part of a Cluster: make the client with redis.NewClient", true},
	{"LOADING", "the server is still reading its data: try again later", false},
	{"OOM", "the server's memory is full", false},
	{"NOREPLICAS", "the server has too few replicas to write", false},
	{"MISCONF", "the server cannot write to its disk, and so takes no writes", false},
	{"CLUSTERDOWN", "the Cluster does not serve all of its slots", false},
}

const clusterNode = "the server is a node of a Cluster: make the client with redis.NewClusterClient"

// Explain adds to an error of Try, or of the first command, what to do about it.
func Explain(err error) error {
	if _, ok := errors.AsType[*permissionError](err); ok {
		return err
	}
	return fmt.Errorf("%s: %w", advise(err), err)
}

func advise(err error) string {
	for _, known := range advice {
		if redis.HasErrorPrefix(err, known.reply) {
			return known.advice
		}
	}
	var dial *net.OpError
	if errors.As(err, &dial) && dial.Op == "dial" {
		return "the server cannot be reached: is it running, and at this address?"
	}
	return "the server does not answer as a Redis does"
}

// Stays reports whether an error of the first command, or of Inspect, lasts until the
// server's configuration or the client's options change.
func Stays(err error) bool {
	if errors.Is(err, errServer) {
		return true
	}
	for _, known := range advice {
		if redis.HasErrorPrefix(err, known.reply) {
			return known.stays
		}
	}
	return false
}

var errServer = errors.New("the server's configuration loses data")

// serverError is an error of Inspect about the configuration of the server.
type serverError string

func (e serverError) Error() string { return string(e) }

// Is makes Stays report true.
func (serverError) Is(target error) bool { return target == errServer }

// Inspect returns an error if a server evicts keys when its memory is full, unless
// evictionIsAccepted, and if the server is a node of a Cluster but the client is not a
// *redis.ClusterClient. Losing completes the sentence "the server evicts keys, and
// ... with them". A server that forbids INFO, by its provider or its ACL, passes.
// Other errors are those of the network.
func Inspect(ctx context.Context, client redis.UniversalClient, losing string, evictionIsAccepted bool) error {
	if cluster, ok := client.(*redis.ClusterClient); ok {
		return cluster.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error {
			said, err := inspect(ctx, node)
			return errors.Join(err, said.checkEviction(losing, evictionIsAccepted))
		})
	}
	said, err := inspect(ctx, client)
	if err != nil {
		return err
	}
	if said["cluster_enabled"] == "1" { // this node serves the slot of the first command by chance
		return serverError(clusterNode)
	}
	return said.checkEviction(losing, evictionIsAccepted)
}

// info is the reply to INFO, by field.
type info map[string]string

func inspect(ctx context.Context, node redis.UniversalClient) (info, error) {
	text, err := node.Info(ctx).Result()
	if _, replied := errors.AsType[redis.Error](err); err != nil && (!replied || HasTransientPrefix(err)) {
		return nil, err
	}
	said := info{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			said[name] = value
		}
	}
	return said, nil
}

// HasTransientPrefix reports whether an error reply means that the server serves no
// requests for now.
func HasTransientPrefix(err error) bool {
	for _, prefix := range []string{"LOADING", "CLUSTERDOWN", "MASTERDOWN", "READONLY", "OOM", "MISCONF", "NOREPLICAS", "NOAUTH"} {
		if redis.HasErrorPrefix(err, prefix) {
			return true
		}
	}
	return false
}

func (i info) checkEviction(losing string, accepted bool) error {
	policy := i["maxmemory_policy"]
	if accepted || policy == "" || policy == "noeviction" || i["maxmemory"] == "0" {
		return nil
	}
	return serverError(fmt.Sprintf("the server evicts keys when its memory is full (maxmemory-policy %s), and %s with them: set maxmemory-policy noeviction, or Config.InsecureEviction", policy, losing))
}
