package redisstore_test

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/internal/redistest"
	"github.com/sallyport-go/sallyport/internal/skip"
	"github.com/sallyport-go/sallyport/store/redisstore"
)

// refused checks that New fails, and says all of this.
func refused(t *testing.T, client redis.UniversalClient, c redisstore.Config, says ...string) {
	t.Helper()
	s, err := redisstore.New(t.Context(), client, c)
	if s != nil || err == nil {
		t.Fatalf("New: %v, %v", s, err)
	}
	for _, part := range says {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
}

var good = redisstore.Config{Users: noUsers{}, Timeout: patience}

func TestNew(t *testing.T) {
	t.Parallel()
	t.Run("all that is wrong with a Config is said at once", func(t *testing.T) {
		t.Parallel()
		refused(t, nil, redisstore.Config{Timeout: -1, Replicas: -2},
			"client: is required", "Config.Users: is required", "Config.Timeout: ", "Config.Replicas: must be 0 or more, got -2")
	})
	t.Run("a client whose deadlines do not hold is refused", func(t *testing.T) {
		t.Parallel()
		single := redis.NewClient(&redis.Options{ClientSideCacheConfig: &redis.ClientSideCacheConfig{}})
		defer func() { _ = single.Close() }()
		refused(t, single, good, "ContextTimeoutEnabled", "ClientSideCacheConfig")
		cluster := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{"127.0.0.1:1"}, RouteRandomly: true})
		defer func() { _ = cluster.Close() }()
		refused(t, cluster, good, "ContextTimeoutEnabled", "RouteRandomly")
	})
	t.Run("a client of another kind is refused", func(t *testing.T) {
		t.Parallel()
		ring := redis.NewRing(&redis.RingOptions{Addrs: map[string]string{"a": "127.0.0.1:1"}})
		defer func() { _ = ring.Close() }()
		refused(t, ring, good, "got *redis.Ring")
		refused(t, (*redis.Client)(nil), good, "client: is required")
		refused(t, (*redis.ClusterClient)(nil), good, "client: is required")
	})
	t.Run("a server that is not there is named", func(t *testing.T) {
		t.Parallel()
		begun := time.Now()
		refused(t, dial(t, "redis://127.0.0.1:1"), good, "cannot be reached", "127.0.0.1:1")
		if took := time.Since(begun); took > 3*time.Second {
			t.Errorf("it took %v to find out", took)
		}
	})
	t.Run("a server that does not answer is given up", func(t *testing.T) {
		t.Parallel()
		silent, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = silent.Close() }()
		begun := time.Now()
		refused(t, dial(t, "redis://"+silent.Addr().String()), redisstore.Config{Users: noUsers{}, Timeout: 100 * time.Millisecond}, "does not answer")
		if took := time.Since(begun); took > 3*time.Second {
			t.Errorf("it took %v to find out", took)
		}
	})
}

func TestNewOnServers(t *testing.T) {
	t.Parallel()
	skip.Long(t)
	t.Run("a password that is missing or wrong", func(t *testing.T) {
		t.Parallel()
		server := redistest.Start(t, "--requirepass", "right")
		refused(t, dial(t, server.URL()), good, "requires a password", "NOAUTH")
		refused(t, dial(t, "redis://:wrong@"+server.Addr), good, "does not know this user and password", "WRONGPASS")
		open(t, dial(t, "redis://:right@"+server.Addr), redisstore.Config{})
	})
	t.Run("a replica", func(t *testing.T) {
		t.Parallel()
		master := redistest.Start(t)
		host, port, _ := net.SplitHostPort(master.Addr)
		replica := redistest.Start(t, "--replicaof", host+" "+port)
		refused(t, dial(t, replica.URL()), good, "this is a replica")
	})
	t.Run("a node of a Cluster, without the Cluster", func(t *testing.T) {
		t.Parallel()
		for _, addr := range redistest.SharedCluster(t) {
			refused(t, dial(t, "redis://"+addr), good, "redis.NewClusterClient")
		}
	})
	t.Run("a Cluster that is none", func(t *testing.T) {
		t.Parallel()
		server := redistest.Start(t)
		refused(t, dialCluster(t, []string{server.Addr, server.Addr}), good, "make the client with redis.NewClient")
	})
	t.Run("a server that evicts", func(t *testing.T) {
		t.Parallel()
		server := redistest.Start(t, "--maxmemory", "64mb", "--maxmemory-policy", "volatile-ttl")
		client := dial(t, server.URL())
		refused(t, client, good, "volatile-ttl", "noeviction", "InsecureEviction")
		open(t, client, redisstore.Config{InsecureEviction: true})
	})
	t.Run("a server that says nothing of itself is believed", func(t *testing.T) {
		t.Parallel()
		server := redistest.Start(t, "--user", "app", "on", ">right", "~sallyport:*", "+@all", "-info", "-config",
			"--user", "blind", "on", ">right", "~other:*", "+@all")
		url := "redis://app:right@" + server.Addr
		if s, err := redisstore.New(t.Context(), dial(t, url), good); err != nil || s == nil {
			t.Errorf("New: %v", err)
		}
		refused(t, dial(t, strings.Replace(url, "app", "blind", 1)), good, "ACL", "NOPERM")
	})
	t.Run("a server whose memory is full", func(t *testing.T) {
		t.Parallel()
		server := redistest.Start(t, "--maxmemory", "1kb")
		refused(t, dial(t, server.URL()), good, "memory is full")
	})
}

// The step of .ci/run that tests on Valkey reads what this prints.
func TestNameOfTheServer(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	open(t, dial(t, server.URL()), redisstore.Config{})
	if server.Says == "" {
		t.Error("the server does not introduce itself")
	}
	t.Log("the server says that it is", server.Says)
}

func TestOptions(t *testing.T) {
	t.Parallel()
	t.Run("the defaults hold deadlines, and what the URL sets stays", func(t *testing.T) {
		t.Parallel()
		o, err := redisstore.Options("rediss://ada:secret@redis.internal:6380/3?read_timeout=3s")
		if err != nil {
			t.Fatal(err)
		}
		if !o.ContextTimeoutEnabled || o.MaxRetries != -1 || o.DialerRetries != 1 || o.ReadTimeout != 3*time.Second ||
			o.WriteTimeout != 2*time.Second || o.DialTimeout != 2*time.Second || o.Addr != "redis.internal:6380" || o.DB != 3 || o.TLSConfig == nil {
			t.Errorf("Options: %+v", o)
		}
		c, err := redisstore.ClusterOptions("redis://:secret@one:7000?addr=two:7000&dial_timeout=1s")
		if err != nil {
			t.Fatal(err)
		}
		if !c.ContextTimeoutEnabled || c.DialerRetries != 1 || c.ReadTimeout != 2*time.Second || c.DialTimeout != time.Second || len(c.Addrs) != 2 {
			t.Errorf("ClusterOptions: %+v", c)
		}
	})
	t.Run("no piece of a password is in an error", func(t *testing.T) {
		t.Parallel()
		for _, url := range []string{"redis://:hun/ter2@host", "redis://:12/hunter2@host:1", "redis://:1?hunter2@host", "hunter2://host", "redis://:hunter2%@h"} {
			_, err := redisstore.Options(url)
			_, err2 := redisstore.ClusterOptions(url)
			for _, err := range []error{err, err2} {
				if err != nil && strings.Contains(err.Error(), "ter2") {
					t.Errorf("%s: %v", url, err)
				}
			}
			if err == nil {
				t.Errorf("%s: no error", url)
			}
		}
	})
}
