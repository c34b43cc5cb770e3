package databases_test

import (
	"crypto/sha256"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/sqlstore"
)

// Keys from before there were other owners are those of users, also if a node of the
// earlier release writes them after the migration.
func TestRowsFromBeforeKeysHadOwners(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *place) {
		if p.config.Dialect == sqlstore.MySQL {
			return // its first tables had owners
		}
		db := p.db(t)
		s := p.store(t, db)
		must(t, s.AddUser(t.Context(), ada, adas), s.CreateAPIKey(t.Context(), keyOfAda))
		p.run(t, db, downTo(t, p, 6)...)
		refuses(t, db, p.config, "lack 00007_key_owners.sql: run sqlstore.Migrate")
		s = p.store(t, db)

		late := keyOfAda
		late.ID, late.Digest, late.Label, late.Scopes, late.CreatedAt = "k2", sha256.Sum256([]byte("k2")), "late", nil, noon.Add(time.Second)
		digest := fmt.Sprintf(map[sqlstore.Dialect]string{sqlstore.SQLite: "x'%x'", sqlstore.PostgreSQL: `'\x%x'`}[p.config.Dialect], late.Digest)
		p.run(t, db, fmt.Sprintf("INSERT INTO sallyport_api_keys (id, digest, user_id, label, scopes, created_at) "+
			"VALUES ('k2', %s, 'u1', 'late', '[]', %d)", digest, late.CreatedAt.UnixMicro()))
		for _, want := range []store.APIKey{keyOfAda, late} {
			if got, err := s.APIKey(t.Context(), want.Digest); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("APIKey: %+v, %v\nwant    %+v", got, err, want)
			}
		}
		all, err := s.OwnerAPIKeys(t.Context(), keyOfAda.Owner, store.Newest(), 10)
		if err != nil || !reflect.DeepEqual(all, []store.APIKey{late, keyOfAda}) {
			t.Errorf("OwnerAPIKeys: %+v, %v", all, err)
		}
		must(t, s.ReplaceAPIKey(t.Context(), "k1", "", "k2", noon.Add(time.Hour)))
		if got, err := s.APIKeyByID(t.Context(), "k1"); err != nil || got.Successor != "k2" || !got.ExpiresAt.Equal(noon.Add(time.Hour)) {
			t.Errorf("APIKeyByID, after ReplaceAPIKey: %+v, %v", got, err)
		}
	})
}

// A node of a release that knows users only must not take the key of an account for
// that of a user with the same ID: it reads user_id.
func TestTheKeyOfAnAccountHasNoUser(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, p *place) {
		db := p.db(t)
		s := p.store(t, db)
		of := keyOfAda
		of.Owner = store.Owner{Kind: store.OwnerAccount, ID: "u1"}
		of.Networks = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
		must(t, s.CreateAPIKey(t.Context(), of))
		if got := lines(t, db, "SELECT count(*) FROM sallyport_api_keys WHERE user_id = ''", 0); strings.TrimSpace(got) != "1" {
			t.Errorf("there are %s keys without a user", got)
		}
		p.run(t, db, `UPDATE sallyport_api_keys SET networks = '["192.0.2.0"]'`)
		_, err := s.APIKey(t.Context(), of.Digest)
		wants(t, err, errSome, "APIKey, with a network that is none") // it must not be one that may be used anywhere
	})
}
