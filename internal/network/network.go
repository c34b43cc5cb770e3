// Package network maps addresses to the network of one customer, so that a limit by
// address counts customers and not addresses.
package network

import (
	"errors"
	"net/netip"
)

// ErrNoAddress is returned for an address that is not valid.
var ErrNoAddress = errors.New("no address")

// Of returns the network of the first bits4 bits of an IPv4 address, or of the
// first bits6 bits of an IPv6 address. An IPv6 address that carries the IPv4
// address of its customer counts as that IPv4 address: see [Customer].
func Of(a netip.Addr, bits4, bits6 int) (netip.Prefix, error) {
	a = Customer(a)
	switch {
	case a.Is4():
		return a.Prefix(bits4)
	case a.Is6():
		return a.Prefix(bits6)
	}
	return netip.Prefix{}, ErrNoAddress
}

// carrier is a range of IPv6 addresses that carry an IPv4 address.
type carrier struct {
	netip.Prefix

	at      int  // the first of its four bytes
	flipped bool // each of its bits is inverted
}

// carriers are the ranges in which many customers share a /64, or one customer has
// many /64. Without them the former would share one limit, and a 6to4 site would
// have 65 536 limits.
var carriers = []carrier{
	{netip.MustParsePrefix("64:ff9b::/96"), 12, false},    // NAT64, RFC 6052 §2.1
	{netip.MustParsePrefix("::ffff:0:0:0/96"), 12, false}, // SIIT, RFC 2765 §2.1
	{netip.MustParsePrefix("2002::/16"), 2, false},        // 6to4, RFC 3056 §2
	{netip.MustParsePrefix("2001::/32"), 12, true},        // Teredo, RFC 4380 §4
}

// Customer returns the IPv4 address that an IPv6 address carries, if the IPv4
// address is that of the customer: IPv4-mapped (::ffff:0:0/96), IPv4-compatible
// (::/96), NAT64, SIIT, 6to4 and Teredo addresses. It returns any other address
// as it is, without a zone.
func Customer(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if !a.Is6() {
		return a
	}
	b := a.As16()
	for _, c := range carriers {
		if !c.Contains(a) {
			continue
		}
		var v4 [4]byte
		copy(v4[:], b[c.at:])
		if c.flipped {
			for i := range v4 {
				v4[i] ^= 0xff
			}
		}
		return netip.AddrFrom4(v4)
	}
	// IPv4-compatible, RFC 4291 §2.5.5.1; ::, ::1 and the rest of ::/104 are not
	if [12]byte(b[:12]) == [12]byte{} && b[12] != 0 {
		return netip.AddrFrom4([4]byte(b[12:]))
	}
	return a
}

// Source returns the network to which the counters of callers from net are charged:
// the IPv4 /24 or the IPv6 /48 that contains net, or net itself if it is wider.
func Source(net netip.Prefix) string {
	bits := 48
	if net.Addr().Is4() {
		bits = 24
	}
	return netip.PrefixFrom(net.Addr(), min(bits, net.Bits())).Masked().String()
}
