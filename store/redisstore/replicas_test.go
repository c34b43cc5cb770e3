package redisstore_test

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/internal/redistest"
	"github.com/sallyport-go/sallyport/store/redisstore"
)

func TestReplicas(t *testing.T) {
	t.Parallel()
	master := redistest.Start(t)
	client := dial(t, master.URL())
	one := redisstore.Config{Users: nobody{}, Replicas: 1, Timeout: 2 * time.Second}
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
	if err := s.RevokeUserSessions(t.Context(), "ada", time.Now()); err != nil {
		t.Fatal(err)
	}

	session := created(t, s, "grace")
	replica.Pause()
	for name, err := range map[string]error{
		"AdvanceSession":     advance(t.Context(), s, session),
		"RevokeUserSessions": s.RevokeUserSessions(t.Context(), "grace", time.Now()),
	} {
		if err == nil || isSentinel(err) || !strings.Contains(err.Error(), "too few replicas") {
			t.Errorf("%s without its replica: %v", name, err)
		}
	}
	replica.Resume()
}

func TestReplicasOfCluster(t *testing.T) {
	t.Parallel()
	refused(t, dialCluster(t, redistest.Cluster(t, 0)),
		redisstore.Config{Users: nobody{}, Replicas: 1, Timeout: time.Second}, "0 of 1")

	s := open(t, dialCluster(t, redistest.Cluster(t, 1)), redisstore.Config{Replicas: 1})
	for range 20 {
		if err := advance(t.Context(), s, created(t, s, "ada")); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.RevokeUserSessions(t.Context(), "ada", time.Now()); err != nil {
		t.Fatal(err)
	}
	if live, err := s.UserSessions(t.Context(), "ada"); err != nil || len(live) != 0 {
		t.Errorf("UserSessions: %d, %v", len(live), err)
	}
}
