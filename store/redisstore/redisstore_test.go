package redisstore_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/internal/proxytest"
	"github.com/sallyport-go/sallyport/internal/redistest"
	"github.com/sallyport-go/sallyport/internal/skip"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/memstore"
	"github.com/sallyport-go/sallyport/store/passwords"
	"github.com/sallyport-go/sallyport/store/redisstore"
	"github.com/sallyport-go/sallyport/store/storetest"
)

func TestStore(t *testing.T) {
	t.Parallel()
	t.Run("on one server", func(t *testing.T) {
		t.Parallel()
		url := redistest.URL(t)
		options, err := redis.ParseURL(url)
		if err != nil {
			t.Fatal(err)
		}
		proxy := proxytest.Start(t, options.Addr)
		proxied := strings.Replace(url, options.Addr, proxy.Addr, 1)
		to := func(url string) func(t *testing.T) redis.UniversalClient {
			return func(t *testing.T) redis.UniversalClient { return dial(t, url) }
		}
		storetest.Run(t, func(t *testing.T) storetest.Fixture {
			t.Helper()
			f := fixture(to(proxied), to(url), 3_000)(t)
			connected := f.Store
			users := &away{Users: connected}
			f.Store = struct {
				store.Users
				store.Sessions
			}{users, connected}
			f.Break = func(context.Context) (func(context.Context) error, error) {
				users.away.Store(true)
				proxy.Down()
				return func(ctx context.Context) error {
					users.away.Store(false)
					return proxy.Up(ctx)
				}, nil
			}
			return f
		})
		manySessions(t, dial(t, url))
	})
	t.Run("on a Cluster", func(t *testing.T) {
		t.Parallel()
		skip.Long(t)
		nodes := redistest.SharedCluster(t)
		dials := func(t *testing.T) redis.UniversalClient { return dialCluster(t, nodes) }
		storetest.Run(t, fixture(dials, dials, 5000))
		manySessions(t, dialCluster(t, nodes))
	})
}

// away are users whose database goes away together with Redis.
type away struct {
	store.Users

	away atomic.Bool
}

var errAway = errors.New("the users' database is away")

func (a *away) Authenticate(ctx context.Context, login, password string) (store.User, error) {
	if a.away.Load() {
		return store.User{}, errAway
	}
	return a.Users.Authenticate(ctx, login, password)
}

func (a *away) User(ctx context.Context, id string) (store.User, error) {
	if a.away.Load() {
		return store.User{}, errAway
	}
	return a.Users.User(ctx, id)
}

// fixture makes stores whose users are somebody else's. A restart of the process
// is a client that is made anew; what a restart of Redis forgets is said in the
// package's documentation. The keys that are left are deleted by a client of its
// own.
func fixture(dials, tidies func(t *testing.T) redis.UniversalClient, many int) func(t *testing.T) storetest.Fixture {
	return func(t *testing.T) storetest.Fixture {
		t.Helper()
		h, err := passwords.New(passwords.Config{Memory: 8, Time: 1, Threads: 1, Concurrent: 4, Queue: 1024, InsecureParameters: true})
		if err != nil {
			t.Fatal(err)
		}
		users, err := memstore.New(memstore.Config{Passwords: h})
		if err != nil {
			t.Fatal(err)
		}
		prefix := redistest.Prefix(t, tidies(t))
		var opened func(client redis.UniversalClient) storetest.Fixture
		opened = func(client redis.UniversalClient) storetest.Fixture {
			s := open(t, client, redisstore.Config{Users: users, Prefix: prefix})
			return storetest.Fixture{
				Store:   s,
				APIKeys: s,
				AddUser: func(ctx context.Context, u store.User, password string) (store.User, error) {
					return u, users.AddUser(ctx, u, password)
				},
				SetPassword:    users.SetPassword,
				LockOut:        users.RemoveUser,
				Revocations:    s,
				Reopen:         func(context.Context) (storetest.Fixture, error) { return opened(dials(t)), nil },
				Many:           many,
				ForgetsExpired: true,
			}
		}
		return opened(dials(t))
	}
}

func TestNodes(t *testing.T) {
	t.Parallel()
	url := redistest.URL(t)
	prefix := redistest.Prefix(t, dial(t, url))
	nodes := []*redisstore.Store{
		open(t, dial(t, url), redisstore.Config{Prefix: prefix}),
		open(t, dial(t, url), redisstore.Config{Prefix: prefix}),
	}
	t.Run("of 128 callers on two nodes one advances the session", func(t *testing.T) {
		t.Parallel()
		for range 10 {
			session := created(t, nodes[0], "ada")
			var all sync.WaitGroup
			won := make(chan struct{}, 128)
			for i := range cap(won) {
				all.Go(func() {
					switch err := advance(t.Context(), nodes[i%2], session); {
					case err == nil:
						won <- struct{}{}
					case !isSentinel(err):
						t.Error(err)
					}
				})
			}
			all.Wait()
			got, err := nodes[1].Session(t.Context(), session.ID)
			if err != nil || len(won) != 1 || got.Generation != 2 {
				t.Fatalf("%d callers won, and the session is %+v, %v", len(won), got, err)
			}
		}
	})
	t.Run("what one node has revoked no other advances", func(t *testing.T) {
		t.Parallel()
		session := created(t, nodes[0], "grace")
		if err := revokesUsers(t.Context(), nodes[0], "grace", session.CreatedAt); err != nil {
			t.Fatal(err)
		}
		if err := advance(t.Context(), nodes[1], session); err != store.ErrConflict { //nolint:errorlint // bare
			t.Errorf("AdvanceSession: %v", err)
		}
	})
	t.Run("a client that is made anew finds all that was written", func(t *testing.T) {
		t.Parallel()
		session := created(t, nodes[0], "alan")
		again := open(t, dial(t, url), redisstore.Config{Prefix: prefix})
		if got, err := again.Session(t.Context(), session.ID); err != nil || got.Label != session.Label {
			t.Errorf("Session: %+v, %v", got, err)
		}
	})
}

// manySessions are more than one pipeline takes.
func manySessions(t *testing.T, client redis.UniversalClient) {
	t.Helper()
	s := open(t, client, redisstore.Config{})
	other := created(t, s, "grace")
	for range 450 {
		created(t, s, "ada")
	}
	lists := func(userID string, want int) []store.Session {
		live, err := s.UserSessions(t.Context(), userID, store.Newest(), store.MaxPage)
		if err != nil || len(live) != want {
			t.Fatalf("UserSessions(%q): %d, %v; want %d", userID, len(live), err, want)
		}
		return live
	}
	lists("ada", 450)
	if err := revokesUsers(t.Context(), s, "ada", time.Now()); err != nil {
		t.Fatal(err)
	}
	lists("ada", 0)
	if live := lists("grace", 1); live[0].ID != other.ID {
		t.Errorf("another session than hers: %v", live)
	}
}
