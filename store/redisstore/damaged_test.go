package redisstore_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/internal/redistest"
	"github.com/sallyport-go/sallyport/store"
)

// A record that somebody else has written, or half of one.
func TestDamagedRecords(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	session, k := l.full(t)
	for key, names := range map[string][]string{
		"session:" + session.ID: {"generation", "created", "advanced", "idle", "expires", "scopes", "revoked"},
		"apikey:" + k.ID:        {"created", "scopes", "networks", "expires", "used", "revoked"},
	} {
		was := l.client.HGetAll(t.Context(), l.prefix+key).Val()
		for _, name := range names {
			if err := l.client.HSet(t.Context(), l.prefix+key, name, "secret").Err(); err != nil {
				t.Fatal(err)
			}
			reads := []error{nil, nil}
			if strings.HasPrefix(key, "session") {
				_, reads[0] = l.Session(t.Context(), session.ID)
				_, reads[1] = l.UserSessions(t.Context(), session.UserID, store.Newest(), store.MaxPage)
			} else {
				_, reads[0] = l.APIKey(t.Context(), k.Digest)
				_, reads[1] = l.OwnerAPIKeys(t.Context(), k.Owner, store.Newest(), store.MaxPage)
			}
			if name == "revoked" { // whatever is in it
				reads = reads[:1]
			}
			for _, err := range reads {
				if err == nil || isSentinel(err) || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "secret") {
					t.Errorf("%s of a spoilt %q: %v", key, name, err)
				}
			}
			l.client.HDel(t.Context(), l.prefix+key, name)
			l.client.HSet(t.Context(), l.prefix+key, was)
		}
	}
	l.client.HSet(t.Context(), l.prefix+"apikey:"+k.ID, "digest", "!")
	if _, err := l.OwnerAPIKeys(t.Context(), k.Owner, store.Newest(), store.MaxPage); err == nil || !strings.Contains(err.Error(), "digest") {
		t.Errorf("OwnerAPIKeys of a spoilt digest: %v", err)
	}
}

func TestWrongType(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	session, k := l.full(t)
	spoil := func() {
		for _, key := range redistest.Keys(t, l.client, l.prefix) {
			if err := errors.Join(l.client.Del(t.Context(), key).Err(), l.client.RPush(t.Context(), key, "x").Err()); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, c := range calls(l.Store, session, k) {
		spoil()
		err := c.do(t.Context())
		switch c.name {
		case "CreateSession", "CreateAPIKey":
			if !errors.Is(err, store.ErrConflict) {
				t.Errorf("%s: %v, but the name is taken", c.name, err)
			}
		case "SessionDenied": // better one too many
			if denied, err := l.SessionDenied(t.Context(), session.ID); err == nil && !denied {
				t.Error("SessionDenied: it is not")
			}
		default:
			if !redis.HasErrorPrefix(err, "WRONGTYPE") || isSentinel(err) {
				t.Errorf("%s: %v", c.name, err)
			}
		}
	}
}

// What a CreateAPIKey that did not come to its end leaves behind.
func TestUnfinishedAPIKey(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	_, k := l.full(t)
	if err := l.client.Del(t.Context(), l.prefix+"apikey:"+k.ID).Err(); err != nil {
		t.Fatal(err)
	}
	if _, err := l.APIKey(t.Context(), k.Digest); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("APIKey: %v", err)
	}
	if live, err := l.OwnerAPIKeys(t.Context(), k.Owner, store.Newest(), store.MaxPage); err != nil || len(live) != 0 {
		t.Errorf("OwnerAPIKeys: %v, %v", live, err)
	}
	other := newKey("grace")
	other.ID = k.ID
	if err := l.CreateAPIKey(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	if _, err := l.APIKey(t.Context(), k.Digest); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("APIKey, whose ID is another's: %v", err)
	}
}

// A login or a new key that gets half-way is no success, and no conflict.
func TestHalfWay(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.full(t)
	for _, list := range []string{"user-sessions:", "user-apikeys:"} {
		for _, key := range redistest.Keys(t, l.client, l.prefix+list) {
			if err := l.client.Set(t.Context(), key, "x", 0).Err(); err != nil {
				t.Fatal(err)
			}
		}
	}
	session, k := newSession("ada@example.org"), newKey("ada@example.org")
	for name, err := range map[string]error{
		"CreateSession": l.CreateSession(t.Context(), session),
		"CreateAPIKey":  l.CreateAPIKey(t.Context(), k),
	} {
		if err == nil || isSentinel(err) || !strings.Contains(err.Error(), name+": refused by Redis") {
			t.Errorf("%s: %v", name, err)
		}
	}

	// an ID that is taken by what is no key
	other := newKey("grace")
	if err := l.client.Set(t.Context(), l.prefix+"apikey:"+other.ID, "x", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if err := l.CreateAPIKey(t.Context(), other); !errors.Is(err, store.ErrConflict) {
		t.Errorf("CreateAPIKey: %v", err)
	}
	other.ID = k.ID + "x"
	if err := l.CreateAPIKey(t.Context(), other); err != nil {
		t.Errorf("CreateAPIKey has not let go of the digest: %v", err)
	}
}
