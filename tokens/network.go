package tokens

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/sallyport-go/sallyport/store"
)

// maxNetwork is the maximum length of the text of a network. The longest that is valid
// has 49 bytes: ::ffff:255.255.255.255 with all zeros written, and /128.
const maxNetwork = 64

// ParseNetworks returns the networks of an API key for their texts: in CIDR notation
// (RFC 4632 §3.1, RFC 4291 §2.3), such as "192.0.2.0/24" and "2001:db8::/32", or one
// address, such as "192.0.2.7". An IPv4 network that is written as IPv6, such as
// "::ffff:192.0.2.0/120", is returned as IPv4. Duplicates are left out. It returns nil
// for no texts.
//
// It returns ErrMalformed for more than store.MaxNetworks texts, for a text of more
// than 64 bytes, and for one that is not a network, has bits set behind its length
// ("192.0.2.7/24") or has a zone.
func ParseNetworks(texts []string) ([]netip.Prefix, error) {
	if len(texts) > store.MaxNetworks {
		return nil, errManyNetworks
	}
	var all []netip.Prefix
	for _, text := range texts {
		if len(text) > maxNetwork {
			return nil, errNetwork
		}
		network, err := parseNetwork(text)
		if err != nil {
			return nil, errNetwork // without the cause, which has the text
		}
		all = append(all, network)
	}
	return normalNetworks(all)
}

var (
	errNetwork      = fmt.Errorf("%w: a network that is none, or has bits set behind its length", ErrMalformed)
	errManyNetworks = fmt.Errorf("%w: more than %d networks", ErrMalformed, store.MaxNetworks)
	errNoNetworks   = fmt.Errorf("%w: networks that were narrowed to nothing", ErrMalformed)
)

func parseNetwork(text string) (netip.Prefix, error) {
	if strings.Contains(text, "/") {
		return netip.ParsePrefix(text)
	}
	address, err := netip.ParseAddr(text)
	if err != nil || address.Zone() != "" {
		return netip.Prefix{}, errNetwork
	}
	return netip.PrefixFrom(address, address.BitLen()), nil
}

// normalNetworks returns networks as a store keeps them: IPv4 as IPv4, each once.
// Empty and not nil, as what is left after narrowing, is ErrMalformed, because a key
// without networks may be used anywhere.
func normalNetworks(networks []netip.Prefix) ([]netip.Prefix, error) {
	switch {
	case networks == nil:
		return nil, nil
	case len(networks) == 0:
		return nil, errNoNetworks
	case len(networks) > store.MaxNetworks:
		return nil, errManyNetworks
	}
	all := make([]netip.Prefix, 0, len(networks))
	for _, network := range networks {
		if network.Addr().Is4In6() && network.Bits() >= 96 {
			network = netip.PrefixFrom(network.Addr().Unmap(), network.Bits()-96)
		}
		if !isNetwork(network) {
			return nil, errNetwork
		}
		if !slices.Contains(all, network) {
			all = append(all, network)
		}
	}
	return all, nil
}

// isNetwork reports whether a store may hold a network.
func isNetwork(n netip.Prefix) bool { return n.IsValid() && !n.Addr().Is4In6() && n == n.Masked() }
