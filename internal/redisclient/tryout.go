package redisclient

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/redis/go-redis/v9"
)

// Probing is a Script that writes and deletes its key, as all that follows will. Its
// argument is any value.
var Probing = NewScript(`
redis.call('SET', KEYS[1], ARGV[1], 'PX', 1000)
return redis.call('DEL', KEYS[1])`)

// advice says what to do about a reply to the first command. What is wrong with the
// server or the client's options stays wrong until somebody changes them; the rest
// may pass.
var advice = []struct {
	reply, advice string
	stays         bool
}{
	{"NOAUTH", "the server wants a password: put it into the client's options", true},
	{"WRONGPASS", "the server does not know this user and password", true},
	{"NOPERM", "the server's ACL wants +@read +@write +@scripting and all keys below Config.Prefix for this user", true},
	{"READONLY", "this is a replica: the client wants the address of the master, or Sentinel's", true},
	{"MOVED", clusterNode, true},
	{"This instance has cluster support disabled", "the server is not part of a Cluster: make the client with redis.NewClient", true},
	{"LOADING", "the server is still reading its data: try again later", false},
	{"OOM", "the server's memory is full", false},
	{"NOREPLICAS", "the server has too few replicas to write", false},
	{"MISCONF", "the server cannot write to its disk, and so takes no writes", false},
	{"CLUSTERDOWN", "the Cluster does not serve all of its slots", false},
}

const clusterNode = "the server is a node of a Cluster: make the client with redis.NewClusterClient"

// Advice says what to do about an error of the first command.
func Advice(err error) string {
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

// Stays reports whether an error of the first command, or of Inspect, stays until
// somebody changes the server's configuration or the client's options.
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

// serverError is an error of Inspect that says what is wrong with the server.
type serverError string

func (e serverError) Error() string { return string(e) }

// Is makes it one that stays.
func (serverError) Is(target error) bool { return target == errServer }

// Inspect returns an error if a server evicts keys when its memory is full, unless
// eviction is accepted, and if it is a node of a Cluster that the client takes for a
// server of its own. Losing is what is lost by eviction. A server that does not say,
// because its provider or its ACL forbids INFO, is believed to be in order. Other
// errors are the network's.
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
	if said["cluster_enabled"] == "1" { // it happens to have the slot that was tried
		return serverError(clusterNode)
	}
	return said.checkEviction(losing, evictionIsAccepted)
}

// info is what a server says of itself.
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

// HasTransientPrefix reports whether a reply says that the server serves nobody now.
func HasTransientPrefix(err error) bool {
	for _, prefix := range []string{"LOADING", "CLUSTERDOWN", "MASTERDOWN", "READONLY", "OOM", "MISCONF", "NOREPLICAS", "NOAUTH", "TRYAGAIN"} {
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
