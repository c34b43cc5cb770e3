package caller_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/internal/caller"
)

func TestOfReturnsTheCallerOfWith(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		address, login string
		want           caller.Caller
	}{
		"an IPv4 address is its own network":                   {"192.0.2.1", "ada", caller.Caller{Network: "192.0.2.1", Login: "ada"}},
		"an IPv4-mapped IPv6 address is the IPv4 address":      {"::ffff:192.0.2.1", "ada", caller.Caller{Network: "192.0.2.1", Login: "ada"}},
		"an IPv6 address that carries an IPv4 address is that": {"64:ff9b::192.0.2.1", "ada", caller.Caller{Network: "192.0.2.1", Login: "ada"}},
		"an IPv6 address stands for its /48":                   {"2001:db8:1:2::3", "ada", caller.Caller{Network: "2001:db8:1::/48", Login: "ada"}},
		"the zone of an address is ignored":                    {"fe80::1%eth0", "ada", caller.Caller{Network: "fe80::/48", Login: "ada"}},
		"a login is stored in lower case":                      {"192.0.2.1", "Ada@Example.ORG", caller.Caller{Network: "192.0.2.1", Login: "ada@example.org"}},
		"a login is cut to 512 bytes":                          {"192.0.2.1", strings.Repeat("x", 513), caller.Caller{Network: "192.0.2.1", Login: strings.Repeat("x", 512)}},
		"a zero address and an empty login are not known":      {"", "", caller.Caller{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address, _ := netip.ParseAddr(x.address)
			if got := caller.Of(caller.With(t.Context(), address, x.login)); got != x.want {
				t.Errorf("got %+v, want %+v", got, x.want)
			}
		})
	}
	if got := caller.Of(t.Context()); got != (caller.Caller{}) {
		t.Errorf("got %+v from a context without a Caller", got)
	}
}
