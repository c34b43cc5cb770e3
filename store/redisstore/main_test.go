package redisstore_test

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"

	"github.com/sallyport-go/sallyport/internal/redistest"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/redisstore"
)

func TestMain(m *testing.M) {
	redis.SetLogger(&logging.VoidLogger{}) // it tells of every server that a test has killed
	os.Exit(redistest.RunTogether(m))
}

// patience is more than a busy machine needs.
const patience = 30 * time.Second

// noUsers is a host without users.
type noUsers struct{}

func (noUsers) Authenticate(ctx context.Context, _, _ string) (store.User, error) {
	return store.User{}, cmp.Or(ctx.Err(), store.ErrBadCredentials)
}

func (noUsers) User(ctx context.Context, _ string) (store.User, error) {
	return store.User{}, cmp.Or(ctx.Err(), store.ErrNotFound)
}

// dial returns a client for the server at this URL, changed as told.
func dial(t testing.TB, url string, change ...func(*redis.Options)) *redis.Client {
	t.Helper()
	options, err := redisstore.Options(url)
	if err != nil {
		t.Fatal(err)
	}
	options.ReadTimeout, options.WriteTimeout, options.PoolTimeout = patience, patience, patience
	for _, c := range change {
		c(options)
	}
	client := redis.NewClient(options)
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	return client
}

// dialCluster returns a client for the Cluster with these nodes.
func dialCluster(t testing.TB, addrs []string) *redis.ClusterClient {
	t.Helper()
	options, err := redisstore.ClusterOptions("redis://" + addrs[0] + "?addr=" + addrs[1])
	if err != nil {
		t.Fatal(err)
	}
	options.ReadTimeout, options.WriteTimeout, options.PoolTimeout = patience, patience, patience
	client := redis.NewClusterClient(options)
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	return client
}

// open returns an empty Store and, unless c has one, a prefix of its
// own.
func open(t testing.TB, client redis.UniversalClient, c redisstore.Config) *redisstore.Store {
	t.Helper()
	if c.Users == nil {
		c.Users = noUsers{}
	}
	if c.Timeout == 0 {
		c.Timeout = patience
	}
	if c.Prefix == "" {
		c.Prefix = redistest.Prefix(t, client)
	}
	s, err := redisstore.New(t.Context(), client, c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// newSession makes up a live session of this user.
func newSession(userID string) store.Session {
	now := time.Now().UTC().Truncate(time.Microsecond)
	return store.Session{
		ID: rand.Text(), UserID: userID, ClientID: "web", Scopes: []string{"read"}, Generation: 1,
		CreatedAt: now, AdvancedAt: now, IdleUntil: now.Add(time.Hour), ExpiresAt: now.Add(2 * time.Hour), Label: "Firefox",
	}
}

func created(t testing.TB, s *redisstore.Store, userID string) store.Session {
	t.Helper()
	session := newSession(userID)
	if err := s.CreateSession(t.Context(), session); err != nil {
		t.Fatal(err)
	}
	return session
}

func advance(ctx context.Context, s *redisstore.Store, session store.Session) error {
	return s.AdvanceSession(ctx, session.ID, session.Generation, session.AdvancedAt, session.IdleUntil)
}

func newKey(userID string) store.APIKey {
	k := store.APIKey{ID: rand.Text(), Owner: store.Owner{ID: userID}, Label: "CI", CreatedAt: time.Now().UTC().Truncate(time.Microsecond)}
	copy(k.Digest[:], rand.Text()+rand.Text())
	return k
}

// isSentinel reports whether an error claims to be a fact.
func isSentinel(err error) bool {
	return errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrBadCredentials)
}

// call is a method that asks Redis.
type call struct {
	name string
	do   func(ctx context.Context) error
}

// calls are all methods of a store that ask Redis about this session and key.
func calls(s *redisstore.Store, session store.Session, k store.APIKey) []call {
	return []call{
		{"CreateSession", func(ctx context.Context) error { return s.CreateSession(ctx, session) }},
		{"Session", func(ctx context.Context) error { _, err := s.Session(ctx, session.ID); return err }},
		{"AdvanceSession", func(ctx context.Context) error { return advance(ctx, s, session) }},
		{"RevokeSession", func(ctx context.Context) error { return s.RevokeSession(ctx, session.ID, session.CreatedAt) }},
		{"UserSessions", func(ctx context.Context) error {
			_, err := s.UserSessions(ctx, session.UserID, store.Newest(), store.MaxPage)
			return err
		}},
		{"RevokeUserSessions", func(ctx context.Context) error { return revokesUsers(ctx, s, session.UserID, session.CreatedAt) }},
		{"CreateAPIKey", func(ctx context.Context) error { return s.CreateAPIKey(ctx, k) }},
		{"APIKey", func(ctx context.Context) error { _, err := s.APIKey(ctx, k.Digest); return err }},
		{"OwnerAPIKeys", func(ctx context.Context) error {
			_, err := s.OwnerAPIKeys(ctx, k.Owner, store.Newest(), store.MaxPage)
			return err
		}},
		{"ReplaceAPIKey", func(ctx context.Context) error { return s.ReplaceAPIKey(ctx, k.ID, "", "k2", k.CreatedAt) }},
		{"UseAPIKey", func(ctx context.Context) error { return s.UseAPIKey(ctx, k.ID, k.CreatedAt) }},
		{"RevokeAPIKey", func(ctx context.Context) error { return s.RevokeAPIKey(ctx, k.ID, k.CreatedAt) }},
		{"DeleteExpiredAPIKeys", func(ctx context.Context) error { _, err := s.DeleteExpiredAPIKeys(ctx, k.CreatedAt); return err }},
		{"DenySession", func(ctx context.Context) error { return s.DenySession(ctx, session.ID, session.ExpiresAt) }},
		{"DenySessions", func(ctx context.Context) error { return s.DenySessions(ctx, []string{session.ID}, session.ExpiresAt) }},
		{"SessionDenied", func(ctx context.Context) error { _, err := s.SessionDenied(ctx, session.ID); return err }},
	}
}

// revokesUsers ends all sessions of a user, whichever they are.
func revokesUsers(ctx context.Context, s store.Sessions, userID string, at time.Time) error {
	_, err := s.RevokeUserSessions(ctx, userID, "", at, at)
	return err
}
