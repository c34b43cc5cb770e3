package rediscounters_test

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/internal/redistest"
	"github.com/sallyport-go/sallyport/internal/skip"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/ratelimit/rediscounters"
)

// makers make Counters, on the script and on ulule's driver.
var makers = map[string]func(redis.UniversalClient, rediscounters.Config) (ratelimit.Counters, error){
	"New": rediscounters.New, "Engine": rediscounters.Engine,
}

func TestFaultA13CountersThatSomethingElseForgets(t *testing.T) {
	t.Parallel()
	skip.Long(t)
	config := rediscounters.Config{Secret: secret, Timeout: patience, ProbeEvery: time.Nanosecond}
	for name, open := range makers {
		refused := func(t *testing.T, client redis.UniversalClient, says ...string) {
			t.Helper()
			c, err := open(client, config)
			if c != nil || err == nil {
				t.Fatalf("%v, %v", c, err)
			}
			for _, part := range says {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q does not say %q", err, part)
				}
			}
		}
		opened := func(t *testing.T, client redis.UniversalClient, c rediscounters.Config) ratelimit.Counters {
			t.Helper()
			n, err := open(client, c)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			t.Run("a server that evicts keys is refused, unless that is accepted", func(t *testing.T) {
				t.Parallel()
				for _, policy := range []string{"allkeys-lru", "volatile-ttl"} {
					server := redistest.Start(t, "--maxmemory", "64mb", "--maxmemory-policy", policy)
					client := dial(t, server.URL())
					refused(t, client, policy, "noeviction", "InsecureEviction", "counters")
					accepting := config
					accepting.InsecureEviction = true
					takes(t, opened(t, client, accepting), charge("a", 5, 1))
				}
				for _, harmless := range [][]string{{"--maxmemory", "64mb", "--maxmemory-policy", "noeviction"}, {"--maxmemory-policy", "allkeys-lru"}} {
					takes(t, opened(t, dial(t, redistest.Start(t, harmless...).URL()), config), charge("a", 5, 1))
				}
			})
			t.Run("a node of a Cluster that evicts keys is refused", func(t *testing.T) {
				t.Parallel()
				addrs := redistest.Cluster(t, 0)
				last := dial(t, "redis://"+addrs[len(addrs)-1])
				for setting, value := range map[string]string{"maxmemory": "64mb", "maxmemory-policy": "volatile-lru"} {
					if err := last.ConfigSet(t.Context(), setting, value).Err(); err != nil {
						t.Fatal(err)
					}
				}
				t.Cleanup(func() { _ = last.ConfigSet(t.Context(), "maxmemory", "0").Err() })
				refused(t, dialCluster(t, addrs), "volatile-lru")
				refused(t, last, "redis.NewClusterClient")
			})
			t.Run("a server that was not there at first is looked at before anything is counted", func(t *testing.T) {
				t.Parallel()
				server := redistest.Start(t, "--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lfu")
				server.Kill()
				brief := config
				brief.Timeout = time.Second
				client := dial(t, server.URL())
				c := opened(t, client, brief)
				if _, err := c.Take(t.Context(), []ratelimit.Charge{charge("a", 5, 1)}, nil); err == nil {
					t.Fatal("there is no server")
				}
				server.Run(t)
				for range 3 {
					_, err := c.Take(t.Context(), []ratelimit.Charge{charge("a", 5, 1)}, nil)
					if err == nil || !strings.Contains(err.Error(), "allkeys-lfu") {
						t.Fatalf("it evicts: %v", err)
					}
				}
				if n := client.DBSize(t.Context()).Val(); n != 0 {
					t.Errorf("%d keys", n)
				}
				if err := client.ConfigSet(t.Context(), "maxmemory-policy", "noeviction").Err(); err != nil {
					t.Fatal(err)
				}
				takes(t, c, charge("a", 5, 1))
			})
			t.Run("a server that refuses the client is refused", func(t *testing.T) {
				t.Parallel()
				server := redistest.Start(t, "--requirepass", "right")
				refused(t, dial(t, server.URL()), "requires a password", "NOAUTH")
				refused(t, dial(t, "redis://:wrong@"+server.Addr), "WRONGPASS")
				host, port, _ := net.SplitHostPort(server.Addr)
				replica := redistest.Start(t, "--replicaof", host+" "+port)
				refused(t, dial(t, replica.URL()), "this is a replica")
				plain := redistest.Start(t)
				refused(t, dialCluster(t, []string{plain.Addr, plain.Addr}), "make the client with redis.NewClient")
			})
			t.Run("a server that says nothing of itself is believed", func(t *testing.T) {
				t.Parallel()
				server := redistest.Start(t, "--user", "app", "on", ">right", "~sallyport:*", "+@all", "-info", "-config",
					"--user", "blind", "on", ">right", "~other:*", "+@all")
				takes(t, opened(t, dial(t, "redis://app:right@"+server.Addr), config), charge("a", 5, 1))
				refused(t, dial(t, "redis://blind:right@"+server.Addr), "ACL", "NOPERM")
			})
			t.Run("a server whose memory is full is waited for", func(t *testing.T) {
				t.Parallel()
				server := redistest.Start(t, "--maxmemory", "1kb")
				client := dial(t, server.URL())
				c := opened(t, client, config)
				if err := client.ConfigSet(t.Context(), "maxmemory", "0").Err(); err != nil {
					t.Fatal(err)
				}
				takes(t, c, charge("a", 5, 1))
			})
		})
	}
}
