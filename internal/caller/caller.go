// Package caller tells, through a context, on whose behalf a password is hashed,
// so that the hasher can share its time out fairly.
package caller

import (
	"context"
	"net/netip"
	"strings"
)

// Caller is on whose behalf a password is hashed. Both strings are keys to
// compare, and nothing else.
type Caller struct {
	// Network is the caller's address: an IPv4 address, or the /48 of an IPv6
	// one, since whoever has one address of a /48 may well have all of them.
	// Empty: not known.
	Network string

	// Login is the login as it was typed, in lower case. Empty: not known.
	Login string
}

// maxLogin is how much of a login is kept, in bytes.
const maxLogin = 512

type key struct{}

// With returns a context whose passwords are hashed on behalf of this address
// and login. Either may be missing.
func With(ctx context.Context, address netip.Addr, login string) context.Context {
	login = strings.ToLower(login[:min(len(login), maxLogin)])
	return context.WithValue(ctx, key{}, Caller{network(address), login})
}

// Of returns what With has told, and a Caller of whom nothing is known
// otherwise.
func Of(ctx context.Context) Caller {
	c, _ := ctx.Value(key{}).(Caller)
	return c
}

func network(a netip.Addr) string {
	a = a.Unmap().WithZone("")
	switch {
	case a.Is6():
		p, _ := a.Prefix(48) // fails for more bits than there are
		return p.String()
	case a.Is4():
		return a.String()
	}
	return ""
}
