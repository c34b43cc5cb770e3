package middleware

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/textproto"
	"slices"
	"strings"

	"github.com/sallyport-go/sallyport/tokens"
)

// Proxies says which proxies stand in front of a host, and what they write. Only
// they are believed.
type Proxies struct {
	// Trusted is required: the networks that your proxies connect from, and no
	// network that a client could connect from.
	Trusted []netip.Prefix

	// Header is where your proxies write whom a request comes from. "Forwarded"
	// is read as RFC 7239 has it; any other as a list of addresses, to which
	// each proxy adds at the right. Your proxies add to it, or write it anew: a
	// header that they pass on as it came is the client's to forge. Empty:
	// "X-Forwarded-For".
	Header string

	// Hops is how many proxies there are between a client and the host. With 1
	// the last entry of the header is the client, even one in a trusted network.
	// Zero: as many as Trusted names.
	Hops int

	// Events is told when a trusted proxy's header could not be read, each time
	// that the address is asked for. Report of your tokens.Authority is the one to
	// give. Nil: nobody is told.
	Events func(context.Context, tokens.Event)
}

// BehindProxies returns a ClientIP for a host behind proxies, or all that is
// wrong with p at once.
//
// A connection that comes from elsewhere than a trusted proxy is its own client,
// whatever headers it sends. Behind one, the header is read from the right, over
// all of its lines, past the trusted proxies: the first entry that is none of
// them is the client. What stands to the left of it anybody may have written,
// and is not looked at. An entry that is no address ("unknown", an obfuscated
// name, an address with a zone) ends the search: the request counts as the
// proxy's own, and Events is told. So it does where there is no header.
//
// Addresses may have ports, and brackets if they are of IPv6.
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
	var wrong []error
	complain := func(path, format string, args ...any) {
		wrong = append(wrong, fmt.Errorf("middleware: Proxies.%s: "+format, append([]any{path}, args...)...))
	}
	if len(p.Trusted) == 0 {
		complain("Trusted", "is required: at least one; a host without proxies has RemoteAddr")
	}
	for i, net := range p.Trusted {
		path := fmt.Sprintf("Trusted[%d]", i)
		switch {
		case !net.IsValid():
			complain(path, "is no network")
		case net.Bits() == 0:
			complain(path, "%v trusts everybody", net)
		case net.Addr().Is4In6():
			complain(path, "wants an IPv4 network as such, has %v", net)
		case net != net.Masked():
			complain(path, "has bits behind its length: is %v meant, or %v?", net.Masked(), netip.PrefixFrom(net.Addr(), net.Addr().BitLen()))
		}
	}
	if !isFieldName(p.Header) {
		complain("Header", "wants the name of a header, has %q", p.Header)
	}
	if p.Hops < 0 {
		complain("Hops", "wants 0 or more, has %d", p.Hops)
	}
	return errors.Join(wrong...)
}

// isFieldName reports whether s is a token of RFC 9110 §5.6.2.
func isFieldName(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}

func (p Proxies) clientIP(r *http.Request) (netip.Addr, error) {
	peer, err := RemoteAddr(r)
	if err != nil {
		return netip.Addr{}, err
	}
	peer = peer.Unmap()
	if !p.trusts(peer) {
		return peer, nil
	}
	client, err := p.walk(peer, r.Header[p.Header])
	if err != nil {
		if p.Events != nil {
			ctx := tokens.WithAddress(r.Context(), peer)
			p.Events(ctx, tokens.Event{Kind: tokens.EventProxyFault, Address: peer, Err: err})
		}
		return peer, nil
	}
	return client, nil
}

// walk goes from a trusted proxy along what it and those before it have written,
// as far as they are trusted.
func (p Proxies) walk(at netip.Addr, lines []string) (netip.Addr, error) {
	cut, read := cutListed, readHop
	if p.Header == "Forwarded" {
		cut, read = cutElement, readElement
	}
	hops := 0
	for _, line := range slices.Backward(lines) {
		for more := true; more; {
			var entry string
			line, entry, more = cut(line)
			hop, err := read(entry)
			if err != nil {
				return netip.Addr{}, fmt.Errorf("middleware: %s: %w", p.Header, err)
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
