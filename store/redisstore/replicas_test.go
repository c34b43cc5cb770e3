package redisstore_test

import (
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/internal/redistest"
	"github.com/sallyport-go/sallyport/internal/skip"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/redisstore"
)

func TestReplicas(t *testing.T) {
	t.Parallel()
	skip.Long(t)
	master := redistest.Start(t)
	client := dial(t, master.URL())
	one := redisstore.Config{Users: noUsers{}, Replicas: 1, Timeout: 2 * time.Second}
	refused(t, client, one, "Config.Replicas", "0 of 1")

	host, port, _ := net.SplitHostPort(master.Addr)
	replica := redistest.Start(t, "--replicaof", host+" "+port)
	if !redistest.Eventually(t, func() bool {
		return strings.Contains(client.Info(t.Context(), "replication").Val(), "state=online")
	}) {
		t.Fatal("the replica does not come")
	}
	s := open(t, client, one)
	reading := dial(t, replica.URL())
	for i := range 20 {
		session := created(t, s, "ada")
		if i%2 == 0 {
			session.Generation = 1
			if err := advance(t.Context(), s, session); err != nil {
				t.Fatal(err)
			}
		}
		keys := redistest.Keys(t, reading, "sallyport")
		if !strings.Contains(strings.Join(keys, " "), session.ID) {
			t.Fatal("CreateSession has returned before the replica had the session")
		}
	}
	if err := revokesUsers(t.Context(), s, "ada", time.Now()); err != nil {
		t.Fatal(err)
	}

	session := created(t, s, "grace")
	replica.Pause()
	for name, err := range map[string]error{
		"AdvanceSession":     advance(t.Context(), s, session),
		"RevokeUserSessions": revokesUsers(t.Context(), s, "grace", time.Now()),
	} {
		if err == nil || isSentinel(err) || !strings.Contains(err.Error(), "too few replicas") {
			t.Errorf("%s without its replica: %v", name, err)
		}
	}
	replica.Resume()
}

func TestReplicasOfCluster(t *testing.T) {
	t.Parallel()
	skip.Long(t)
	refused(t, dialCluster(t, redistest.SharedCluster(t)),
		redisstore.Config{Users: noUsers{}, Replicas: 1, Timeout: time.Second}, "0 of 1")

	s := open(t, dialCluster(t, redistest.Cluster(t, 1)), redisstore.Config{Replicas: 1})
	for range 20 {
		if err := advance(t.Context(), s, created(t, s, "ada")); err != nil {
			t.Fatal(err)
		}
	}
	if err := revokesUsers(t.Context(), s, "ada", time.Now()); err != nil {
		t.Fatal(err)
	}
	if live, err := s.UserSessions(t.Context(), "ada", store.Newest(), store.MaxPage); err != nil || len(live) != 0 {
		t.Errorf("UserSessions: %d, %v", len(live), err)
	}
}

// A slot that moves to another node, with sessions coming and going.
func TestResharding(t *testing.T) {
	t.Parallel()
	skip.Long(t)
	client := dialCluster(t, redistest.Cluster(t, 1))
	for name, replicas := range map[string]int{"waiting for no replica": 0, "waiting for one": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			prefix := redistest.Prefix(t, client)
			s := open(t, client, redisstore.Config{Prefix: prefix, Replicas: replicas})
			session := newSession("ada")
			key := prefix + "session:" + session.ID
			slot := client.ClusterKeySlot(t.Context(), key).Val()
			from, to := ends(t, client, key)
			setSlot(t, to, slot, "importing", from.ClusterMyID(t.Context()).Val())
			setSlot(t, from, slot, "migrating", to.ClusterMyID(t.Context()).Val())
			if err := s.CreateSession(t.Context(), session); err != nil {
				t.Fatalf("CreateSession, while the slot moves: %v", err)
			}
			if err := advance(t.Context(), s, session); err != nil {
				t.Fatalf("AdvanceSession, while the slot moves: %v", err)
			}
			for _, node := range []*redis.Client{to, from} {
				setSlot(t, node, slot, "node", to.ClusterMyID(t.Context()).Val())
			}
			session.Generation = 2
			if err := advance(t.Context(), s, session); err != nil {
				t.Fatalf("AdvanceSession, when the slot has moved: %v", err)
			}
			if live, err := s.UserSessions(t.Context(), "ada", store.Newest(), store.MaxPage); err != nil || len(live) != 1 || live[0].Generation != 3 {
				t.Errorf("UserSessions: %+v, %v", live, err)
			}
		})
	}
}

// ends are the master that has this key, and another one.
func ends(t *testing.T, client *redis.ClusterClient, key string) (from, to *redis.Client) {
	t.Helper()
	from, err := client.MasterForKey(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; to == nil || to.Options().Addr == from.Options().Addr; i++ {
		if to, err = client.MasterForKey(t.Context(), strconv.Itoa(i)); err != nil {
			t.Fatal(err)
		}
	}
	return from, to
}

func setSlot(t *testing.T, node *redis.Client, slot int64, state, id string) {
	t.Helper()
	if err := node.Do(t.Context(), "cluster", "setslot", slot, state, id).Err(); err != nil {
		t.Fatal(err)
	}
}
