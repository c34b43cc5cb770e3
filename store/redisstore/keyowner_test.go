package redisstore_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/internal/redistest"
	"github.com/sallyport-go/sallyport/store"
)

// Keys that a release has written that knew users only are those of users.
func TestRecordsFromBeforeKeysHadOwners(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	now := time.Now().UTC().Truncate(time.Microsecond)
	k := store.APIKey{ID: "k1", Owner: store.Owner{ID: "ada"}, Label: "CI", Scopes: []string{"read"}, CreatedAt: now, ExpiresAt: now.Add(time.Hour)}
	copy(k.Digest[:], "the digest of a key from before..")
	digest := base64.RawURLEncoding.EncodeToString(k.Digest[:])
	other := newKey("ada")
	other.CreatedAt = now.Add(time.Second)
	if err := errors.Join(
		l.client.Set(t.Context(), l.prefix+"apikey-digest:"+digest, k.ID, 0).Err(),
		l.client.HSet(t.Context(), l.prefix+"apikey:"+k.ID, "digest", digest, "user", "ada", "label", "CI", "scopes", `["read"]`,
			"created", now.UnixMicro(), "expires", k.ExpiresAt.UnixMicro()).Err(),
		l.CreateAPIKey(t.Context(), other),
	); err != nil {
		t.Fatal(err)
	}
	lists := redistest.Keys(t, l.client, l.prefix+"user-apikeys:")
	if len(lists) != 1 {
		t.Fatalf("the lists are %q", lists)
	}
	member := fmt.Sprintf("%016x", uint64(now.UnixMicro())+1<<63) + k.ID
	if err := l.client.ZAdd(t.Context(), lists[0], redis.Z{Member: member}).Err(); err != nil {
		t.Fatal(err)
	}

	if got, err := l.APIKey(t.Context(), k.Digest); err != nil || !reflect.DeepEqual(got, k) {
		t.Errorf("APIKey: %+v, %v\nwant    %+v", got, err, k)
	}
	all, err := l.OwnerAPIKeys(t.Context(), k.Owner, store.Newest(), 10)
	if err != nil || len(all) != 2 || !reflect.DeepEqual(all[1], k) {
		t.Errorf("OwnerAPIKeys: %+v, %v", all, err)
	}
	if err := l.ReplaceAPIKey(t.Context(), k.ID, "", other.ID, now.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if got, err := l.APIKeyByID(t.Context(), k.ID); err != nil || got.Successor != other.ID || !got.ExpiresAt.Equal(now.Add(time.Minute)) {
		t.Errorf("APIKeyByID, after ReplaceAPIKey: %+v, %v", got, err)
	}
	if n, err := l.DeleteExpiredAPIKeys(t.Context(), now.Add(time.Minute)); n != 1 || err != nil {
		t.Errorf("DeleteExpiredAPIKeys: %d, %v", n, err)
	}
}

// A node of a release that knows users only must not take the key of an account for
// that of a user with the same ID: it reads the field "user".
func TestTheKeyOfAnAccountHasNoUser(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	k := newKey("ada")
	k.Owner.Kind = store.OwnerAccount
	if err := l.CreateAPIKey(t.Context(), k); err != nil {
		t.Fatal(err)
	}
	record := l.client.HGetAll(t.Context(), l.prefix+"apikey:"+k.ID).Val()
	if _, has := record["user"]; has || record["kind"] != "account" || record["owner"] != "ada" {
		t.Errorf("the record is %v", record)
	}
	if lists := redistest.Keys(t, l.client, l.prefix+"user-apikeys:"); len(lists) > 0 {
		t.Errorf("the lists of users' keys are %q", lists)
	}
}
