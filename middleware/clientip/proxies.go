package clientip

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"net/textproto"
	"slices"
	"strings"

	"github.com/sallyport-go/sallyport/configerror"
	"github.com/sallyport-go/sallyport/internal/configcheck"
)

// Proxies configures [BehindProxies]: which proxies are in front of the host, and
// which header they write.
type Proxies struct {
	// Trusted is required, unless UnixSocket is set: the networks from which the
	// proxies connect, for example 10.0.0.0/8. It must not contain a network from
	// which a client can connect, because the headers of such a client would be
	// trusted. A network of all addresses is an error.
	Trusted []netip.Prefix

	// UnixSocket trusts every connection over a Unix domain socket as that of a
	// proxy. The permissions of the socket's file decide who can connect. False:
	// such a connection counts as 127.0.0.1, whatever its headers say.
	UnixSocket bool

	// Header is the header in which the proxies write the client's address.
	// "Forwarded" is read as RFC 7239 defines it; any other is read as a list of
	// addresses to which each proxy appends one. The proxies must append to the
	// header or replace it: a client can forge a header that they pass on unchanged.
	// Empty: "X-Forwarded-For".
	Header string

	// Hops is the number of proxies between a client and the host, 0 or more. With 1
	// the last entry of the header is the client, even if it is in a trusted
	// network. Set it if clients are in a trusted network too. Zero: as many as
	// Trusted contains.
	Hops int

	// OnFault is called if a trusted proxy's header cannot be parsed, once for each
	// time that the address is determined. It must be safe for concurrent use. Set
	// it to the ReportProxyFault method of your tokens.Authority to report an event.
	// Nil: it is not called.
	OnFault func(ctx context.Context, proxy netip.Addr, err error)
}

// ConfigError is one invalid field of [Proxies].
type ConfigError = configerror.Error

// BehindProxies returns a ClientIP function for a host behind proxies. It is safe
// for concurrent use.
//
// A connection from an address that is not trusted is the client, whatever
// headers it sends. On a connection from a trusted proxy the header is read from
// right to left, over all of its lines, past the trusted addresses: the first
// address that is not trusted is the client. Entries further left are not read,
// because the client may have written them. Empty entries are ignored (RFC 9110
// §5.6.1.2). Addresses may have ports, and IPv6 addresses brackets.
//
// If an entry is not an address ("unknown", an obfuscated identifier, an address
// with a zone), the search ends: the request counts as the proxy's own, and
// OnFault is called. A request without the header counts as the proxy's own, too.
//
// If p is invalid, BehindProxies returns one error that joins all defects:
// *ConfigError values.
func BehindProxies(p Proxies) (func(*http.Request) (netip.Addr, error), error) {
	if p.Header == "" {
		p.Header = "X-Forwarded-For"
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	p.Trusted = slices.Clone(p.Trusted)
	p.Header = textproto.CanonicalMIMEHeaderKey(p.Header)
	return p.clientIP, nil
}

func (p Proxies) check() error {
	wrong := configcheck.List{Package: "clientip"}
	complain := wrong.At("Proxies.")
	if len(p.Trusted) == 0 && !p.UnixSocket {
		complain("Trusted", "must name at least one network, got none; without proxies use RemoteAddr")
	}
	for i, net := range p.Trusted {
		path := fmt.Sprintf("Trusted[%d]", i)
		switch {
		case !net.IsValid():
			complain(path, "must be a network, got the zero Prefix")
		case net.Bits() == 0:
			complain(path, "must not contain every client, got %v", net)
		case net.Addr().Is4In6():
			complain(path, "must be an IPv4 network written as such, got %v", net)
		case net != net.Masked():
			complain(path, "must not have bits behind its length, got %v: use %v or %v", net, net.Masked(), netip.PrefixFrom(net.Addr(), net.Addr().BitLen()))
		}
	}
	if !isFieldName(p.Header) {
		complain("Header", "must be the name of a header, got %q", p.Header)
	}
	if p.Hops < 0 {
		complain("Hops", "must be 0 or more, got %d", p.Hops)
	}
	return wrong.Err()
}

func (p Proxies) clientIP(r *http.Request) (netip.Addr, error) {
	peer, err := RemoteAddr(r)
	if err != nil {
		return netip.Addr{}, err
	}
	if isUnixSocket(r) {
		if !p.UnixSocket {
			return peer, nil
		}
	} else if !p.trusts(peer) {
		return peer, nil
	}
	client, err := p.walk(peer, r.Header[p.Header])
	if err != nil {
		if p.OnFault != nil {
			p.OnFault(r.Context(), peer, err)
		}
		return peer, nil
	}
	return client, nil
}

// walk follows the header from its end, as long as the addresses are trusted.
func (p Proxies) walk(at netip.Addr, lines []string) (netip.Addr, error) {
	cut, parse := cutListed, parseHop
	if p.Header == "Forwarded" {
		cut, parse = cutElement, parseElement
	}
	hops := 0
	for _, line := range slices.Backward(lines) {
		for more := true; more; {
			var entry string
			line, entry, more = cut(line)
			if strings.Trim(entry, " \t") == "" {
				continue
			}
			hop, err := parse(entry)
			if err != nil {
				return netip.Addr{}, fmt.Errorf("clientip: %s: %w", p.Header, err)
			}
			at = hop
			hops++
			if hops == p.Hops || !p.trusts(at) {
				return at, nil
			}
		}
	}
	return at, nil
}

func (p Proxies) trusts(a netip.Addr) bool {
	return slices.ContainsFunc(p.Trusted, func(net netip.Prefix) bool { return net.Contains(a) })
}
