package middleware

import (
	"fmt"
	"net/http"
	"net/netip"
	"strconv"

	"github.com/sallyport-go/sallyport/internal/network"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/tokens/events"
)

// clientNetwork is the origin of an attempt.
type clientNetwork struct {
	net    string   // an IPv4 address, or the /64 of an IPv6 address
	wider  []string // the /56 and the /48 of an IPv6 address
	source string   // see Charge.Source
}

// networkOf returns the origin of a request. A request without an address is
// rejected: it would share its counters with all requests without one.
func (a *Auth) networkOf(r *http.Request) (clientNetwork, error) {
	addr, err := a.clientIP(r)
	var from clientNetwork
	if err == nil {
		from, err = networkAt(addr)
	}
	if err != nil {
		a.tokens.Report(a.located(r), events.Event{Kind: events.Fault, Err: err})
		return clientNetwork{}, wire.NewError(wire.ReasonMalformed, fmt.Errorf("%w: %w", errAddress, err)) // a middleware may have copied the address from a header
	}
	return from, nil
}

// networkAt returns the origin of attempts from an address.
func networkAt(addr netip.Addr) (clientNetwork, error) {
	net, err := network.Of(addr, 32, 64)
	if err != nil {
		return clientNetwork{}, err
	}
	p := clientNetwork{net: net.String(), source: network.Source(net)}
	if net.Addr().Is6() {
		for _, w := range widerNetworks {
			p.wider = append(p.wider, netip.PrefixFrom(net.Addr(), w.bits).Masked().String())
		}
	}
	return p, nil
}

// wider is a network that is wider than the /64 of one IPv6 host. Its budgets are
// a multiple of those of one address.
type wider struct {
	bits  int
	times int64
}

// widerNetworks are the /56 and the /48, which are what providers give to one
// customer.
var widerNetworks = [...]wider{{56, 4}, {48, 16}}

// of returns the policy of the network, given that of one address.
func (w wider) of(p ratelimit.Policy) ratelimit.Policy {
	p.Name += "/" + strconv.Itoa(w.bits)
	p.Limit *= w.times
	return p
}
