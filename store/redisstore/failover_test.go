package redisstore_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/internal/redistest"
	"github.com/sallyport-go/sallyport/internal/skip"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/redisstore"
)

// Whatever takes over from a master under load, nothing that was confirmed is lost, and of
// all who have ever moved a session on from one generation one was told so. Only a crash
// of the master needs a replica that the store waits for.
func TestFailoverUnderLoad(t *testing.T) {
	t.Parallel()
	skip.Long(t)
	for name, test := range map[string]struct {
		replicas int
		start    func(t *testing.T, prefix string) (redis.UniversalClient, func())
	}{
		"Sentinel, the master is killed":                                     {1, killedBehindSentinel},
		"a Cluster, a master is killed":                                      {1, killedInCluster},
		"a Cluster, a replica takes over as planned, and no write waits":     {0, plannedInCluster},
		"a Cluster, a slot moves to another master, and no write waits":      {0, moved(0)},
		"a Cluster, a slot moves to another master, and writes wait for one": {1, moved(1)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const prefix = "{failover}:" // all in one slot
			client, fail := test.start(t, prefix)
			s := open(t, client, redisstore.Config{Prefix: prefix, Replicas: test.replicas, Timeout: 3 * time.Second})
			l := load{s: s, end: make(chan struct{})}
			for range 6 {
				l.all.Go(func() { l.refresh(t) })
			}
			l.all.Go(func() { l.logInAndOut(t) })
			l.goesOn(t, "before")
			fail()
			began := time.Now()
			l.goesOn(t, "afterwards")
			t.Logf("%d refreshes and %d sessions were confirmed; %d calls have failed; 100 refreshes took %v after it", l.advanced.Load(), len(l.open)+len(l.over), l.failed.Load(), time.Since(began))
			close(l.end)
			l.all.Wait()
			l.isKept(t)
		})
	}
}

// The client looks for the master of a key once a minute. A call that finds it gone lets the
// client look at once, so that the next ones reach the replica that has taken over.
func TestCallsAfterAMasterOfAClusterIsGone(t *testing.T) {
	t.Parallel()
	skip.Long(t)
	client, kill := killsInCluster(t)
	s := open(t, client, redisstore.Config{})
	session, k := created(t, s, "ada"), newKey("ada")
	kill(redistest.Keys(t, client, "sallyport-test-")[0])
	for _, c := range calls(s, session, k) {
		var err error
		if !redistest.Eventually(t, func() bool {
			err = c.do(t.Context())
			return err == nil || isSentinel(err)
		}) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// load are clients that refresh, log in and log out, and what they were told.
type load struct {
	s   *redisstore.Store
	end chan struct{}
	all sync.WaitGroup

	advanced, failed atomic.Int64
	open, over       []store.Session // of logInAndOut
}

func (l *load) goesOn(t *testing.T, when string) {
	t.Helper()
	from := l.advanced.Load()
	if !redistest.Eventually(t, func() bool { return l.advanced.Load() > from+100 }) {
		t.Errorf("no sessions are refreshed %s", when)
	}
}

func (l *load) ended() bool {
	select {
	case <-l.end:
		return true
	default:
		return false
	}
}

// refresh moves a session on, twice at once from each generation.
func (l *load) refresh(t *testing.T) {
	t.Helper()
	session, err := l.login(t, "ada")
	if err != nil {
		return
	}
	won := map[int64]int64{} // by the generation that was left
	confirmed := session.Generation
	for !l.ended() {
		var wins atomic.Int64
		var both sync.WaitGroup
		for range 2 {
			both.Go(func() {
				switch err := advance(t.Context(), l.s, session); {
				case err == nil:
					wins.Add(1)
				case !errors.Is(err, store.ErrConflict):
					l.failed.Add(1)
				}
			})
		}
		both.Wait()
		if won[session.Generation] += wins.Load(); won[session.Generation] > 1 {
			t.Errorf("generation %d was left %d times", session.Generation, won[session.Generation])
		}
		if wins.Load() > 0 {
			session.Generation++
			confirmed = session.Generation
			l.advanced.Add(1)
			continue
		}
		// It may have been moved on without an answer.
		got, err := l.s.Session(t.Context(), session.ID)
		switch {
		case errors.Is(err, store.ErrNotFound):
			t.Error("a session is gone")
			return
		case err != nil:
			l.failed.Add(1)
		case got.Generation < confirmed || got.Generation > session.Generation+1:
			t.Errorf("a session is at generation %d; %d was confirmed, and %d asked for", got.Generation, confirmed, session.Generation+1)
			return
		default:
			session.Generation = got.Generation
		}
	}
	l.keeps(t, session.ID, confirmed)
}

// keeps checks that the store has what it has confirmed of a session.
func (l *load) keeps(t *testing.T, id string, confirmed int64) {
	t.Helper()
	var got store.Session
	var err error
	if !redistest.Eventually(t, func() bool {
		got, err = l.s.Session(t.Context(), id)
		return err == nil || errors.Is(err, store.ErrNotFound)
	}) || err != nil || got.Generation < confirmed {
		t.Errorf("the session is at generation %d, %v; %d was confirmed", got.Generation, err, confirmed)
	}
}

// login creates a session, with as many tries as it needs.
func (l *load) login(t *testing.T, user string) (session store.Session, err error) {
	t.Helper()
	if !redistest.Eventually(t, func() bool {
		session = newSession(user)
		err = l.s.CreateSession(t.Context(), session)
		return err == nil
	}) {
		t.Errorf("CreateSession: %v", err)
	}
	return session, err
}

// logInAndOut creates sessions, and revokes every other one, one or all of a user's.
func (l *load) logInAndOut(t *testing.T) {
	t.Helper()
	for n := 0; !l.ended(); n++ {
		session := newSession("grace-" + newSession("").ID)
		if err := l.s.CreateSession(t.Context(), session); err != nil {
			l.failed.Add(1)
			continue
		}
		var err error
		switch n % 4 {
		case 0:
			err = l.s.RevokeSession(t.Context(), session.ID, session.CreatedAt)
		case 2:
			err = revokesUsers(t.Context(), l.s, session.UserID, session.CreatedAt)
		default:
			l.open = append(l.open, session)
			continue
		}
		if err != nil {
			l.failed.Add(1) // it may have ended or not
			continue
		}
		l.over = append(l.over, session)
	}
}

// isKept checks all sessions that were created and that were ended.
func (l *load) isKept(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for _, session := range l.open {
		got, err := l.s.Session(ctx, session.ID)
		if err != nil || !got.RevokedAt.IsZero() {
			t.Fatalf("a session of %d that was created: %+v, %v", len(l.open), got, err)
		}
		if live, err := l.s.UserSessions(ctx, session.UserID, store.Newest(), store.MaxPage); err != nil || len(live) != 1 {
			t.Fatalf("UserSessions of a session that was created: %d, %v", len(live), err)
		}
	}
	for _, session := range l.over {
		got, err := l.s.Session(ctx, session.ID)
		if err != nil || got.RevokedAt.IsZero() {
			t.Fatalf("a session of %d that has ended: %+v, %v", len(l.over), got, err)
		}
		if err := advance(ctx, l.s, session); !errors.Is(err, store.ErrConflict) {
			t.Fatalf("AdvanceSession of a session that has ended: %v", err)
		}
	}
}

// killedBehindSentinel and the others return a client, and what fails. It returns when
// something has taken over.
func killedBehindSentinel(t *testing.T, _ string) (redis.UniversalClient, func()) {
	t.Helper()
	addr, master := redistest.Sentinel(t)
	options, err := redisstore.Options(master.URL())
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewFailoverClient(&redis.FailoverOptions{
		MasterName: redistest.MasterName, SentinelAddrs: []string{addr},
		ContextTimeoutEnabled: true, DialTimeout: options.DialTimeout, ReadTimeout: options.ReadTimeout,
		WriteTimeout: options.WriteTimeout, PoolTimeout: options.PoolTimeout, MaxRetries: options.MaxRetries, DialerRetries: options.DialerRetries,
	})
	t.Cleanup(func() { _ = client.Close() })
	return client, func() {
		master.Kill()
		sentinel := redis.NewSentinelClient(&redis.Options{Addr: addr})
		defer func() { _ = sentinel.Close() }()
		var now []string
		if !redistest.Eventually(t, func() bool {
			now, err = sentinel.GetMasterAddrByName(t.Context(), redistest.MasterName).Result()
			return err == nil && net.JoinHostPort(now[0], now[1]) != master.Addr
		}) {
			t.Fatal("no replica takes over")
		}
		if !master.RunAsReplica(t, now[0], now[1]) {
			t.Fatal("the old master does not come back")
		}
	}
}

func killedInCluster(t *testing.T, prefix string) (redis.UniversalClient, func()) {
	t.Helper()
	client, kill := killsInCluster(t)
	return client, func() {
		old, replica := kill(prefix)
		redistest.Rejoin(t, old, replica)
	}
}

// killsInCluster returns a client of a Cluster, and what kills the master of a key and lets
// its replica take over.
func killsInCluster(t *testing.T) (client *redis.ClusterClient, kill func(key string) (*redistest.Server, *redis.Client)) {
	t.Helper()
	addrs, servers := redistest.FailingCluster(t, 1)
	client = dialCluster(t, addrs)
	return client, func(key string) (*redistest.Server, *redis.Client) {
		t.Helper()
		master, err := client.MasterForKey(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		replica := redistest.Replica(t, master)
		server := servers[master.Options().Addr]
		server.Kill()
		if err := replica.Do(t.Context(), "cluster", "failover", "takeover").Err(); err != nil {
			t.Fatal(err)
		}
		return server, replica
	}
}

func plannedInCluster(t *testing.T, prefix string) (redis.UniversalClient, func()) {
	t.Helper()
	client := dialCluster(t, redistest.Cluster(t, 1))
	return client, func() {
		master, err := client.MasterForKey(t.Context(), prefix)
		if err != nil {
			t.Fatal(err)
		}
		replica := redistest.Replica(t, master)
		var asked time.Time
		if !redistest.Eventually(t, func() bool {
			if time.Since(asked) > 6*time.Second { // the server gives up after 5 s, for example while the two have lost each other
				asked = time.Now()
				if err := replica.Do(t.Context(), "cluster", "failover").Err(); err != nil && !strings.Contains(err.Error(), "Master is down") {
					t.Fatal(err)
				}
			}
			return replica.Do(t.Context(), "role").Val().([]any)[0] == "master"
		}) {
			t.Fatal("the replica does not take over")
		}
	}
}

func moved(replicas int) func(t *testing.T, prefix string) (redis.UniversalClient, func()) {
	return func(t *testing.T, prefix string) (redis.UniversalClient, func()) {
		t.Helper()
		addrs := redistest.Cluster(t, replicas)
		return dialCluster(t, addrs), func() { redistest.MoveSlot(t, addrs, prefix).Finish() }
	}
}
