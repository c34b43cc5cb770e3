package middleware_test

import (
	"slices"
	"testing"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/tokens"
)

func TestDescribeAsksNeitherTheStoreNorTheCounters(t *testing.T) {
	t.Parallel()
	d := open(t, func(c *config) {
		c.auth.PasswordGrant = true
		c.auth.Cookies = &middleware.Cookies{RefreshPath: "/auth"}
	})
	d.store.take()
	got := d.WithDialect(wire.Lexik{}).Describe()
	if calls := d.store.take(); len(calls) > 0 {
		t.Errorf("it has called %v", calls)
	}
	grants := []string{}
	for name := range got.Grants {
		grants = append(grants, name)
	}
	slices.Sort(grants)
	if !slices.Equal(grants, []string{tokens.GrantPassword, tokens.GrantRefresh, tokens.GrantExchange}) {
		t.Errorf("grants = %q", grants)
	}
	if got.AccessCookie != "__Host-access_token" || got.RefreshCookie != "__Secure-refresh_token" || !got.AccessOnly || !got.LimitsAttempts {
		t.Errorf("%+v", got)
	}
	got.Page[0].Name = "changed"
	if again := d.Describe(); again.Page[0].Name != "limit" || again.AccessOnly {
		t.Errorf("%+v", again)
	}
}
