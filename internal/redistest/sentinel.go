package redistest

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

// MasterName is the name of the master that Sentinel watches.
const MasterName = "main"

// Sentinel starts a master, a replica, and a Sentinel that lets the replica take over
// half a second after the master was killed. It returns the address of the Sentinel and
// the master, and stops them all when the test ends.
func Sentinel(t testing.TB) (addr string, master *Server) {
	t.Helper()
	master = Start(t)
	host, port, _ := net.SplitHostPort(master.Addr)
	replica := Start(t, "--replicaof", host+" "+port)
	client := redis.NewClient(&redis.Options{Addr: replica.Addr})
	defer func() { _ = client.Close() }()
	if !Eventually(t, func() bool {
		return strings.Contains(client.Info(t.Context(), "replication").Val(), "master_link_status:up")
	}) {
		t.Fatal("the replica does not follow its master")
	}
	config := filepath.Join(t.TempDir(), "sentinel.conf")
	text := fmt.Sprintf("sentinel monitor %[1]s %[2]s %[3]s 1\nsentinel down-after-milliseconds %[1]s 500\nsentinel failover-timeout %[1]s 2000\n", MasterName, host, port)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &Server{Addr: freeAddr(t), dir: t.TempDir(), config: config}
	t.Cleanup(s.Kill)
	if !s.Run(t) {
		t.Fatal("the Sentinel does not start")
	}
	watching := redis.NewSentinelClient(&redis.Options{Addr: s.Addr})
	defer func() { _ = watching.Close() }()
	if !Eventually(t, func() bool { return len(watching.Replicas(t.Context(), MasterName).Val()) == 1 }) {
		t.Fatal("the Sentinel does not find the replica")
	}
	return s.Addr, master
}
