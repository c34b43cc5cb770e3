package redistest

import (
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

const (
	masters = 3
	slots   = 16384
)

// node is one server of a Cluster.
type node struct {
	*redis.Client

	addr, bus string
}

// Cluster starts a Cluster of three masters, each with this number of replicas, and
// returns the addresses of the masters. It stops the Cluster when the test ends.
func Cluster(t testing.TB, replicas int) []string {
	t.Helper()
	nodes := make([]node, masters*(1+replicas))
	addrs := make([]string, masters)
	for i := range nodes {
		_, bus, _ := net.SplitHostPort(freeAddr(t))
		s := Start(t, "--cluster-enabled", "yes", "--cluster-port", bus)
		nodes[i] = node{redis.NewClient(&redis.Options{Addr: s.Addr}), s.Addr, bus}
		t.Cleanup(func() { _ = nodes[i].Close() })
	}
	for i, n := range nodes {
		n.do(t, "set-config-epoch", i+1)
		if i < masters {
			addrs[i] = n.addr
			n.do(t, "addslotsrange", i*slots/masters, (i+1)*slots/masters-1)
		}
		if i > 0 {
			host, port, _ := net.SplitHostPort(nodes[0].addr)
			n.do(t, "meet", host, port, nodes[0].bus)
		}
	}
	await(t, nodes, "cluster info", "cluster_state:ok", "cluster_known_nodes:"+strconv.Itoa(len(nodes)))
	for i, n := range nodes[masters:] {
		n.do(t, "replicate", nodes[i%masters].ClusterMyID(t.Context()).Val())
	}
	if replicas > 0 {
		await(t, nodes[:masters], "info replication", "state=online")
	}
	return addrs
}

func (n node) do(t testing.TB, args ...any) {
	t.Helper()
	if err := n.Do(t.Context(), append([]any{"cluster"}, args...)...).Err(); err != nil {
		t.Fatalf("cluster %v: %v", args, err)
	}
}

// await repeats a command on all nodes until each reply contains all these texts.
func await(t testing.TB, nodes []node, command string, says ...string) {
	t.Helper()
	asked := strings.Fields(command)
	if !Eventually(t, func() bool {
		for _, n := range nodes {
			answer, _ := n.Do(t.Context(), asked[0], asked[1]).Text()
			for _, part := range says {
				if !strings.Contains(answer, part) {
					return false
				}
			}
		}
		return true
	}) {
		t.Fatalf("%s: not all nodes reply with %q", command, says)
	}
}
