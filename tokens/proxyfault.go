package tokens

import (
	"context"
	"net/netip"

	"github.com/sallyport-go/sallyport/tokens/events"
)

// ReportProxyFault reports events.ProxyFault: a trusted proxy's header could not be
// parsed, so the request counts as the proxy's own. It is made for the OnFault
// field of clientip.Proxies.
func (a *Authority) ReportProxyFault(ctx context.Context, proxy netip.Addr, err error) {
	a.Report(events.WithAddress(ctx, proxy), events.Event{Kind: events.ProxyFault, Address: proxy, Err: err})
}

// ReportProxyFault is [Authority.ReportProxyFault] of a service that only
// verifies.
func (v *Verifier) ReportProxyFault(ctx context.Context, proxy netip.Addr, err error) {
	v.Report(events.WithAddress(ctx, proxy), events.Event{Kind: events.ProxyFault, Address: proxy, Err: err})
}
