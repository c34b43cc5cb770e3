package redisstore_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/internal/redistest"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/redisstore"
)

// lab is a store, and what it has written.
type lab struct {
	*redisstore.Store

	client *redis.Client
	prefix string
}

func newLab(t *testing.T) lab {
	t.Helper()
	client := dial(t, redistest.URL(t))
	prefix := redistest.Prefix(t, client)
	return lab{open(t, client, redisstore.Config{Prefix: prefix}), client, prefix}
}

// full puts one of everything into the store.
func (l lab) full(t *testing.T) (store.Session, store.APIKey) {
	t.Helper()
	session, k := created(t, l.Store, "ada@example.org"), newKey("ada@example.org")
	k.ExpiresAt = k.CreatedAt.Add(time.Hour)
	if err := errors.Join(l.CreateAPIKey(t.Context(), k), l.DenySession(t.Context(), session.ID, session.ExpiresAt)); err != nil {
		t.Fatal(err)
	}
	return session, k
}

func TestKeys(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	session, k := l.full(t)
	keys := redistest.Keys(t, l.client, l.prefix)
	if len(keys) != 7 {
		t.Errorf("there are %d keys, want 7: %q", len(keys), keys)
	}
	for _, key := range keys {
		if strings.Contains(key, "ada") || strings.Contains(key, "example") {
			t.Errorf("the key %q names a user", key)
		}
		ttl := l.client.TTL(t.Context(), key).Val()
		if lasts := strings.Contains(key, "apikey"); lasts != (ttl < 0) {
			t.Errorf("the key %q has %v to live", key, ttl)
		}
	}
	ends := func() time.Duration {
		at := time.UnixMilli(l.client.PExpireTime(t.Context(), l.prefix+"session:"+session.ID).Val().Milliseconds())
		return at.Sub(session.CreatedAt).Round(time.Second)
	}
	if ends() != time.Hour {
		t.Errorf("the session ends after %v, not when it is idle", ends())
	}
	if err := l.AdvanceSession(t.Context(), session.ID, 1, session.CreatedAt, session.CreatedAt.Add(90*time.Minute)); err != nil || ends() != 90*time.Minute {
		t.Errorf("it ends after %v, not when it is idle: %v", ends(), err)
	}
	if err := l.AdvanceSession(t.Context(), session.ID, 2, session.CreatedAt, session.CreatedAt.Add(9*time.Hour)); err != nil || ends() != 2*time.Hour {
		t.Errorf("it ends after %v, not when it expires: %v", ends(), err)
	}
	if err := l.RevokeSession(t.Context(), session.ID, session.CreatedAt); err != nil || ends() != 2*time.Hour {
		t.Errorf("a revoked session ends after %v, not when it would have expired: %v", ends(), err)
	}
	if err := l.RevokeAPIKey(t.Context(), k.ID, k.CreatedAt); err != nil {
		t.Error(err)
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	list := func() []string {
		keys := redistest.Keys(t, l.client, l.prefix+"user-sessions:")
		if len(keys) != 1 {
			t.Fatalf("the lists are %q, want one", keys)
		}
		return l.client.ZRange(t.Context(), keys[0], 0, -1).Val()
	}
	first := created(t, l.Store, "ada")
	gone := newSession("ada")
	gone.ExpiresAt = gone.CreatedAt.Add(-2 * time.Hour)
	if err := l.CreateSession(t.Context(), gone); err != nil {
		t.Fatal(err)
	}
	if n := len(list()); n != 2 {
		t.Fatalf("the list has %d sessions, not one that lives and one that has expired", n)
	}
	second, third := created(t, l.Store, "ada"), created(t, l.Store, "ada")
	if n := len(list()); n != 3 {
		t.Errorf("the list has %d sessions: what has expired is not taken out at the next login", n)
	}
	if err := errors.Join(l.RevokeSession(t.Context(), first.ID, time.Now()), l.client.Del(t.Context(), l.prefix+"session:"+second.ID).Err()); err != nil {
		t.Fatal(err)
	}
	if live, err := l.UserSessions(t.Context(), "ada", store.Newest(), store.MaxPage); err != nil || len(live) != 1 || live[0].ID != third.ID {
		t.Errorf("UserSessions: %v, %v", live, err)
	}
	if ids := list(); len(ids) != 1 || !strings.Contains(ids[0], third.ID) {
		t.Errorf("the list is %q after UserSessions", ids)
	}

	// a list that somebody else's session got into
	created(t, l.Store, "grace")
	keys := redistest.Keys(t, l.client, l.prefix+"user-sessions:")
	for _, key := range keys {
		if err := l.client.ZUnionStore(t.Context(), key, &redis.ZStore{Keys: keys}).Err(); err != nil {
			t.Fatal(err)
		}
	}
	if err := revokesUsers(t.Context(), l, "ada", time.Now()); err != nil {
		t.Fatal(err)
	}
	if live, err := l.UserSessions(t.Context(), "grace", store.Newest(), store.MaxPage); err != nil || len(live) != 1 {
		t.Errorf("UserSessions of somebody else: %v, %v", live, err)
	}
	if live, err := l.UserSessions(t.Context(), "ada", store.Newest(), store.MaxPage); err != nil || len(live) != 0 {
		t.Errorf("UserSessions, after RevokeUserSessions: %v, %v", live, err)
	}
}

func TestExpiry(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	session := newSession("ada")
	session.IdleUntil = time.Now().Add(100 * time.Millisecond)
	if err := l.CreateSession(t.Context(), session); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Session(t.Context(), session.ID); err != nil {
		t.Fatal(err)
	}
	if !redistest.Eventually(t, func() bool { _, err := l.Session(t.Context(), session.ID); return errors.Is(err, store.ErrNotFound) }) {
		t.Error("Redis does not forget the session")
	}
	if n, err := l.DeleteExpiredSessions(t.Context(), time.Now()); n != 0 || err != nil {
		t.Errorf("DeleteExpiredSessions: %d, %v", n, err)
	}
}
