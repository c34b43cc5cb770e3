package redisstore_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/internal/redistest"
	"github.com/sallyport-go/sallyport/store"
)

// Keys that end are more than one look at them sees, and nothing of them is left:
// no digest, no list, no note.
func TestDeleteExpiredAPIKeys(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	const many = 450
	now := time.Now().UTC().Truncate(time.Microsecond)
	live := newKey("ada")
	live.ExpiresAt = now.Add(time.Hour)
	errs := []error{l.CreateAPIKey(t.Context(), live)}
	for i := range many {
		k := newKey(fmt.Sprint("user ", i%7))
		k.ExpiresAt = now.Add(-time.Duration(i) * time.Second)
		errs = append(errs, l.CreateAPIKey(t.Context(), k))
	}
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	if n, err := l.DeleteExpiredAPIKeys(t.Context(), now); n != many || err != nil {
		t.Fatalf("DeleteExpiredAPIKeys: %d, %v; want %d", n, err, many)
	}
	if keys := redistest.Keys(t, l.client, l.prefix); len(keys) != 4 {
		t.Errorf("left are %q: want the key that lives, its digest, its user's list and the note of its end", keys)
	}
}

// Wherever it fails half-way, the next call goes on and leaves nothing.
func TestDeleteExpiredAPIKeysGoesOn(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	k := newKey("ada")
	k.ExpiresAt = k.CreatedAt
	steps := []string{"apikey-digest:", "user-apikeys:", "apikey:"}
	for done := range len(steps) + 1 {
		if err := l.CreateAPIKey(t.Context(), k); err != nil {
			t.Fatal(err)
		}
		for _, step := range steps[:done] {
			for _, key := range redistest.Keys(t, l.client, l.prefix+step) {
				l.client.Del(t.Context(), key)
			}
		}
		want := 1
		if done == len(steps) {
			want = 0
		}
		if n, err := l.DeleteExpiredAPIKeys(t.Context(), k.ExpiresAt); n != want || err != nil {
			t.Errorf("after %d steps: %d, %v; want %d", done, n, err, want)
		}
		if keys := redistest.Keys(t, l.client, l.prefix); len(keys) > 0 {
			t.Errorf("after %d steps there are left %q", done, keys)
		}
	}
}

// A record that cannot be read stops no other from going, and is said.
func TestDeleteExpiredAPIKeysPassesOverSpoiltOnes(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	var keys []store.APIKey
	for range 3 {
		k := newKey("ada")
		k.ExpiresAt = k.CreatedAt
		if err := l.CreateAPIKey(t.Context(), k); err != nil {
			t.Fatal(err)
		}
		keys = append(keys, k)
	}
	if err := l.client.HSet(t.Context(), l.prefix+"apikey:"+keys[1].ID, "expires", "secret").Err(); err != nil {
		t.Fatal(err)
	}
	n, err := l.DeleteExpiredAPIKeys(t.Context(), time.Now())
	if n != 2 || err == nil || isSentinel(err) {
		t.Errorf("DeleteExpiredAPIKeys: %d, %v; want 2 and an error", n, err)
	}
	for _, i := range []int{0, 2} {
		if _, err := l.APIKey(t.Context(), keys[i].Digest); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("key %d: %v", i, err)
		}
	}
}
