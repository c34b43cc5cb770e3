package databases_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/store"
)

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
