package network_test

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/sallyport-go/sallyport/internal/network"
)

func TestFaultB9OneCustomerIsOneNetwork(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct{ a, want string }{
		"an IPv4 address is its own network":                           {"192.0.2.1", "192.0.2.1/32"},
		"an IPv6 address counts as its /64":                            {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"},
		"a zone is ignored":                                            {"fe80::1%eth0", "fe80::/64"},
		"an IPv4-mapped address is the IPv4 address":                   {"::ffff:192.0.2.1", "192.0.2.1/32"},
		"an IPv4-compatible address is the IPv4 address":               {"::192.0.2.1", "192.0.2.1/32"},
		"a NAT64 address is the IPv4 address":                          {"64:ff9b::192.0.2.1", "192.0.2.1/32"},
		"a SIIT address is the IPv4 address":                           {"::ffff:0:192.0.2.1", "192.0.2.1/32"},
		"a 6to4 address is the IPv4 address of its site":               {"2002:c000:0201:5::1", "192.0.2.1/32"},
		"another subnet of the same 6to4 site is the same network":     {"2002:c000:0201:6::9", "192.0.2.1/32"},
		"a Teredo address is the IPv4 address of its NAT":              {"2001:0:4136:e378:8000:63bf:3fff:fdfe", "192.0.2.1/32"},
		"the loopback address is IPv6":                                 {"::1", "::/64"},
		"an address of a neighbouring range carries no IPv4 address":   {"64:ff9b:1::192.0.2.1", "64:ff9b:1::/64"},
		"an address of a documentation prefix carries no IPv4 address": {"2001:db8::192.0.2.1", "2001:db8::/64"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := network.Of(netip.MustParseAddr(x.a), 32, 64)
			if err != nil || got.String() != x.want {
				t.Errorf("%s: %v, %v, want %s", x.a, got, err, x.want)
			}
		})
	}
	if _, err := network.Of(netip.Addr{}, 32, 64); !errors.Is(err, network.ErrNoAddress) {
		t.Errorf("the zero address: %v", err)
	}
}

func TestSourceIsTheNetworkThatACustomerMayHave(t *testing.T) {
	t.Parallel()
	for net, want := range map[string]string{
		"192.0.2.1/32":        "192.0.2.0/24",
		"192.0.0.0/16":        "192.0.0.0/16",
		"2001:db8:1:2::/64":   "2001:db8:1::/48",
		"2001:db8::/32":       "2001:db8::/32",
		"2001:db8:1:2::5/128": "2001:db8:1::/48",
	} {
		if got := network.Source(netip.MustParsePrefix(net)); got != want {
			t.Errorf("%s: %s, want %s", net, got, want)
		}
	}
}
