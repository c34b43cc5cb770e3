package tokens

import (
	"context"
	"net/netip"

	"github.com/sallyport-go/sallyport/tokens/events"
)

// ReportProxyFault reports events.ProxyFault: the forwarding header of a trusted
// proxy could not be parsed, so the request is counted under the proxy's address.
// Pass it as the OnFault field of clientip.Proxies.
func (a *Authority) ReportProxyFault(ctx context.Context, proxy netip.Addr, err error) {
	a.Report(events.WithAddress(ctx, proxy), events.Event{Kind: events.ProxyFault, Address: proxy, Err: err})
}

// ReportProxyFault reports events.ProxyFault, as [Authority.ReportProxyFault]
// does, for a service that only verifies tokens.
func (v *Verifier) ReportProxyFault(ctx context.Context, proxy netip.Addr, err error) {
	v.Report(events.WithAddress(ctx, proxy), events.Event{Kind: events.ProxyFault, Address: proxy, Err: err})
}
