// Package caller stores in a context for which address and login a password is
// hashed, so that the hasher can share its capacity fairly.
package caller

import (
	"context"
	"net/netip"
	"strings"

	"github.com/sallyport-go/sallyport/internal/network"
)

// Caller is the address and the login for which a password is hashed. Use both
// strings as keys to compare only.
type Caller struct {
	// Network is the caller's IPv4 address, or the /48 of the caller's IPv6
	// address, because one customer may have a whole /48. Empty: not known.
	Network string

	// Login is the login of the request, in lower case and cut to 512 bytes.
	// Empty: not known.
	Login string
}

// maxLogin is the maximum length of Caller.Login, in bytes.
const maxLogin = 512

type key struct{}

// With returns a context with the Caller for this address and login. The zero
// address and an empty login mean that they are not known.
func With(ctx context.Context, address netip.Addr, login string) context.Context {
	login = strings.ToLower(login[:min(len(login), maxLogin)])
	return context.WithValue(ctx, key{}, Caller{networkOf(address), login})
}

// Of returns the Caller that With has stored in ctx, or the zero Caller.
func Of(ctx context.Context) Caller {
	c, _ := ctx.Value(key{}).(Caller)
	return c
}

// networkOf returns the network of an address as a key; empty if it is not valid.
func networkOf(a netip.Addr) string {
	p, err := network.Of(a, 32, 48)
	switch {
	case err != nil:
		return ""
	case p.IsSingleIP():
		return p.Addr().String()
	}
	return p.String()
}
