package clientip_test

import (
	"net/netip"
	"testing"

	"github.com/sallyport-go/sallyport/internal/configtest"
	"github.com/sallyport-go/sallyport/middleware/clientip"
)

func TestEachFieldOfProxiesIsChecked(t *testing.T) {
	t.Parallel()
	type of = configtest.Case[clientip.Proxies]
	first := func(network string) func(*clientip.Proxies) {
		return func(p *clientip.Proxies) { p.Trusted[0] = netip.MustParsePrefix(network) }
	}
	good := func() clientip.Proxies {
		return clientip.Proxies{Trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}}
	}
	configtest.Run(t, "clientip", good, func(p clientip.Proxies) error {
		_, err := clientip.BehindProxies(p)
		return err
	}, []of{
		{Name: "no network", Path: "Proxies.Trusted", Got: "got none", Edit: func(p *clientip.Proxies) { p.Trusted = nil }, Alone: true},
		{Name: "every client", Path: "Proxies.Trusted[0]", Got: "got 0.0.0.0/0", Edit: first("0.0.0.0/0")},
		{Name: "an address for a network", Path: "Proxies.Trusted[0]", Got: "got 10.0.0.1/8", Edit: first("10.0.0.1/8"), Alone: true},
		{Name: "IPv4 in IPv6", Path: "Proxies.Trusted[0]", Got: "got ::ffff:", Edit: first("::ffff:10.0.0.0/104"), Alone: true},
		{Name: "the zero Prefix", Path: "Proxies.Trusted[1]", Got: "got the zero Prefix", Edit: func(p *clientip.Proxies) { p.Trusted[1] = netip.Prefix{} }},
		{Name: "no name of a header", Path: "Proxies.Header", Got: `got "X Y"`, Edit: func(p *clientip.Proxies) { p.Header = "X Y" }},
		{Name: "less than nothing", Path: "Proxies.Hops", Got: "got -1", Edit: func(p *clientip.Proxies) { p.Hops = -1 }},
	})
}
