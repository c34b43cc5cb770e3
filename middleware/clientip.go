package middleware

import (
	"errors"
	"net/http"
	"net/netip"
)

var errNoAddress = errors.New("middleware: the request has no client address")

// RemoteAddr is the ClientIP of a server that its clients reach directly: the
// address of the connection. It believes no header. Behind a proxy it is the
// proxy's address, and all clients share one limit.
func RemoteAddr(r *http.Request) (netip.Addr, error) {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}, errNoAddress
	}
	return ap.Addr(), nil
}

// network is what a limit by address counts: one IPv4 address, or the /64 that
// one IPv6 customer has.
func network(a netip.Addr) (netip.Prefix, error) {
	a = a.Unmap().WithZone("")
	bits := 64
	if a.Is4() {
		bits = 32
	}
	if !a.IsValid() {
		return netip.Prefix{}, errNoAddress
	}
	return a.Prefix(bits)
}
