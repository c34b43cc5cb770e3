package memstore_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/memstore"
)

// apiKey is one of ada's that expires after so many hours; 0: never.
func apiKey(id string, hours int) store.APIKey {
	k := store.APIKey{ID: id, Digest: sha256.Sum256([]byte(id)), Owner: store.Owner{ID: "u1"}, CreatedAt: noon}
	if hours > 0 {
		k.ExpiresAt = noon.Add(time.Duration(hours) * time.Hour)
	}
	return k
}

func TestMaxKeys(t *testing.T) {
	t.Parallel()
	c := &clock{noon}
	s := open(t, memstore.Config{MaxKeys: 2, Now: c.Now})
	create := func(k store.APIKey) error { return s.CreateAPIKey(t.Context(), k) }
	if err := errors.Join(create(apiKey("a", 1)), create(apiKey("b", 0))); err != nil {
		t.Fatal(err)
	}

	if err := create(apiKey("c", 0)); err == nil || isSentinel(err) {
		t.Errorf("a third key: got %v, want an error that is no sentinel", err)
	}
	if err := create(apiKey("a", 0)); !errors.Is(err, store.ErrConflict) {
		t.Errorf("a third key with a taken ID: got %v, want ErrConflict", err)
	}
	other := apiKey("other", 0)
	other.Owner.ID = "u2"
	if err := create(other); err != nil {
		t.Errorf("another user's first key: %v", err)
	}

	c.now = noon.Add(time.Hour)
	if err := create(apiKey("c", 0)); err != nil {
		t.Errorf("a third key, when one has expired: %v", err)
	}
	if _, err := s.APIKey(t.Context(), apiKey("a", 1).Digest); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the key that had expired: got %v, want ErrNotFound", err)
	}
	if err := s.RevokeAPIKey(t.Context(), "b", noon); err != nil {
		t.Fatal(err)
	}
	if err := create(apiKey("a", 1)); err == nil || isSentinel(err) {
		t.Errorf("a third key, when one is revoked: got %v, want an error that is no sentinel", err)
	}
}

// More keys than one batch takes, of users who have one that lives and of users
// who have none.
func TestDeleteExpiredAPIKeys(t *testing.T) {
	t.Parallel()
	s := open(t, memstore.Config{})
	const many = 2500
	var errs []error
	for i := range many {
		k := apiKey(fmt.Sprint("ended-", i), 1)
		k.Owner.ID = fmt.Sprint(i % 50)
		errs = append(errs, s.CreateAPIKey(t.Context(), k))
	}
	for i := range 25 {
		k := apiKey(fmt.Sprint("live-", i), 2)
		k.Owner.ID = fmt.Sprint(i)
		errs = append(errs, s.CreateAPIKey(t.Context(), k))
	}
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	if n, err := s.DeleteExpiredAPIKeys(t.Context(), noon.Add(time.Hour)); n != many || err != nil {
		t.Errorf("DeleteExpiredAPIKeys: %d, %v; want %d", n, err, many)
	}
	for i := range 50 {
		want := 0
		if i < 25 {
			want = 1
		}
		if keys, err := s.OwnerAPIKeys(t.Context(), store.Owner{ID: fmt.Sprint(i)}, store.Newest(), store.MaxPage); err != nil || len(keys) != want {
			t.Errorf("user %d: %d keys, %v; want %d", i, len(keys), err, want)
		}
	}
}
