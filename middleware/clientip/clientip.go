// Package clientip determines the address of the client that sent a request.
//
// The host chooses what to trust: only the address of the connection
// ([RemoteAddr]), or the headers of the proxies that it names ([BehindProxies]).
// There is no default: a wrong choice lets a client forge its address, or makes all
// clients share one. The package needs the standard library only.
package clientip

import (
	"errors"
	"math"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// ErrNoAddress means that r.RemoteAddr is not an address. A server of net/http
// always sets an address; a middleware that overwrites RemoteAddr with a header
// of the client may not.
var ErrNoAddress = errors.New("clientip: the request's RemoteAddr is not an address")

// local replaces the address of a peer on a Unix domain socket, which has none.
var local = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// RemoteAddr returns the address of the connection, for a server to which its
// clients connect directly. It trusts no header. Behind a proxy it is the proxy's
// address, so that all clients share one limit: use [BehindProxies] there.
//
// It reads r.RemoteAddr with a port or without, because some middleware removes
// the port; an IPv6 address may be in brackets. An IPv4 address in IPv6 is
// returned as IPv4. A connection over a Unix domain socket counts as 127.0.0.1,
// so that all clients of the socket share one limit. For anything else it returns
// ErrNoAddress.
//
// A middleware in front of Sallyport that sets RemoteAddr from a header decides
// which headers to trust instead of this package. Most of them trust every
// client.
func RemoteAddr(r *http.Request) (netip.Addr, error) {
	if isUnixSocket(r) {
		return local, nil
	}
	if a, ok := ipv4WithPort(r.RemoteAddr); ok {
		return a, nil
	}
	if ap, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		return ap.Addr().Unmap(), nil
	}
	bare := r.RemoteAddr
	if inner, ok := strings.CutPrefix(bare, "["); ok && strings.HasSuffix(inner, "]") {
		bare = strings.TrimSuffix(inner, "]")
	}
	a, err := netip.ParseAddr(bare)
	if err != nil {
		return netip.Addr{}, ErrNoAddress // err would quote what a client may have sent
	}
	return a.Unmap(), nil
}

// isUnixSocket reports whether the request came over a Unix domain socket. It
// asks the listener and not RemoteAddr, which a middleware may have set to what a
// client wrote.
func isUnixSocket(r *http.Request) bool {
	listener, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	return ok && listener.Network() == "unix"
}

// ipv4WithPort reads an IPv4 address with a port, as net/http writes it, in a fraction of
// the time of netip.ParseAddrPort. It accepts nothing that ParseAddrPort does not, and
// leaves all other forms to that.
func ipv4WithPort(s string) (netip.Addr, bool) {
	var four [4]byte
	at := 0
	for i := range four {
		n, end, ok := decimal(s, at, 3)
		if !ok || n > math.MaxUint8 || end == len(s) || s[end] != ".:"[i/3] {
			return netip.Addr{}, false
		}
		four[i] = byte(n) //nolint:gosec // checked
		at = end + 1
	}
	port, end, ok := decimal(s, at, 5)
	return netip.AddrFrom4(four), ok && end == len(s) && port <= math.MaxUint16
}

// decimal reads a number of 1 to most digits without leading zeros, and returns it and
// where it ends.
func decimal(s string, at, most int) (n, end int, ok bool) {
	end = at
	for end < len(s) && end-at < most && s[end]-'0' <= 9 {
		n = 10*n + int(s[end]-'0')
		end++
	}
	return n, end, end > at && (s[at] != '0' || end == at+1)
}
