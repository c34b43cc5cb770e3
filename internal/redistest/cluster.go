package redistest

import (
	"net"
	"os"
	"path/filepath"
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
	addrs, _ := FailingCluster(t, replicas)
	return addrs
}

// FailingCluster is Cluster, and returns all servers by their addresses too, so that a
// test can kill one and run it again.
func FailingCluster(t testing.TB, replicas int) (addrs []string, servers map[string]*Server) {
	t.Helper()
	nodes := make([]node, masters*(1+replicas))
	addrs, servers = make([]string, masters), map[string]*Server{}
	for i := range nodes {
		_, bus, _ := net.SplitHostPort(freeAddr(t))
		s := Start(t, "--cluster-enabled", "yes", "--cluster-port", bus)
		servers[s.Addr] = s
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
	return addrs, servers
}

// Replica returns a client of the replica of a master of a Cluster.
func Replica(t testing.TB, master *redis.Client) *redis.Client {
	t.Helper()
	id := master.ClusterMyID(t.Context()).Val()
	var nodes []string
	var err error
	if !Eventually(t, func() bool {
		nodes, err = master.Do(t.Context(), "cluster", "replicas", id).StringSlice()
		return err == nil && len(nodes) == 1
	}) {
		t.Fatalf("its replicas are %q, %v", nodes, err)
	}
	addr, _, _ := strings.Cut(strings.Fields(nodes[0])[1], "@")
	if _, _, err := net.SplitHostPort(addr); err != nil {
		t.Fatal(err)
	}
	replica := redis.NewClient(&redis.Options{Addr: addr})
	t.Cleanup(func() { _ = replica.Close() })
	return replica
}

// Rejoin starts a server of a Cluster after Kill as a new node, and makes it a replica of a
// master. As the old one it might think for a moment that it were the master still, of
// nothing.
func Rejoin(t testing.TB, s *Server, master *redis.Client) {
	t.Helper()
	if err := os.Remove(filepath.Join(s.dir, "nodes.conf")); err != nil {
		t.Fatal(err)
	}
	if !s.Run(t) {
		t.Fatal("the server does not start again")
	}
	it := node{redis.NewClient(&redis.Options{Addr: s.Addr}), s.Addr, ""}
	defer func() { _ = it.Close() }()
	host, port, _ := net.SplitHostPort(master.Options().Addr)
	line := master.Do(t.Context(), "cluster", "nodes").String()
	_, bus, _ := strings.Cut(line, net.JoinHostPort(host, port)+"@")
	bus, _, _ = strings.Cut(bus, " ")
	bus, _, _ = strings.Cut(bus, ",")
	it.do(t, "meet", host, port, bus)
	id := master.ClusterMyID(t.Context()).Val()
	if !Eventually(t, func() bool { return it.Do(t.Context(), "cluster", "replicate", id).Err() == nil }) {
		t.Fatal("the server does not become a replica")
	}
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

// Move is a slot of a Cluster that is on its way from one node to another.
type Move struct {
	t        testing.TB
	from, to *redis.Client
	slot     int64
	toID     string
}

// MoveSlot begins to move the slot of a key to another master of the Cluster. Until
// Finish, its nodes redirect or refuse the commands on keys of this slot, as while a
// Cluster is resharded.
func MoveSlot(t testing.TB, masters []string, key string) *Move {
	t.Helper()
	m := &Move{t: t}
	var ids []string
	var nodes []*redis.Client
	for _, addr := range masters {
		n := redis.NewClient(&redis.Options{Addr: addr})
		t.Cleanup(func() { _ = n.Close() })
		nodes, ids = append(nodes, n), append(ids, n.ClusterMyID(t.Context()).Val())
	}
	m.slot = nodes[0].ClusterKeySlot(t.Context(), key).Val()
	from := 0
	for i, n := range nodes {
		if err := n.Exists(t.Context(), key).Err(); err == nil {
			from = i
		}
	}
	to := (from + 1) % len(nodes)
	m.from, m.to, m.toID = nodes[from], nodes[to], ids[to]
	m.do(m.to, "setslot", m.slot, "importing", ids[from])
	m.do(m.from, "setslot", m.slot, "migrating", m.toID)
	return m
}

// Refusals returns how often the source has refused commands with TRYAGAIN.
func (m *Move) Refusals() int {
	m.t.Helper()
	text := m.from.Info(m.t.Context(), "errorstats").Val()
	_, text, _ = strings.Cut(text, "errorstat_TRYAGAIN:count=")
	n, _ := strconv.Atoi(strings.TrimSpace(strings.SplitN(text, "\n", 2)[0]))
	return n
}

// Finish moves the keys of the slot, and then the slot.
func (m *Move) Finish() {
	m.t.Helper()
	host, port, _ := net.SplitHostPort(m.to.Options().Addr)
	for {
		keys := m.from.ClusterGetKeysInSlot(m.t.Context(), int(m.slot), 100).Val()
		if len(keys) == 0 {
			break
		}
		for _, key := range keys {
			if err := m.from.Migrate(m.t.Context(), host, port, key, 0, 5e9).Err(); err != nil {
				m.t.Fatal(err)
			}
		}
	}
	m.do(m.to, "setslot", m.slot, "node", m.toID)
	m.do(m.from, "setslot", m.slot, "node", m.toID)
}

func (m *Move) do(n *redis.Client, args ...any) {
	m.t.Helper()
	if err := n.Do(m.t.Context(), append([]any{"cluster"}, args...)...).Err(); err != nil {
		m.t.Fatalf("cluster %v: %v", args, err)
	}
}
