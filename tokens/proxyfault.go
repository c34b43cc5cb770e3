package tokens

import (
	"context"
	"net/netip"
)

// ReportProxyFault reports EventProxyFault: a trusted proxy's header could not be
// parsed, so the request counts as the proxy's own. It is made for the OnFault
// field of clientip.Proxies.
func (a *Authority) ReportProxyFault(ctx context.Context, proxy netip.Addr, err error) {
	a.Report(WithAddress(ctx, proxy), Event{Kind: EventProxyFault, Address: proxy, Err: err})
}

// ReportProxyFault is [Authority.ReportProxyFault] of a service that only
// verifies.
func (v *Verifier) ReportProxyFault(ctx context.Context, proxy netip.Addr, err error) {
	v.Report(WithAddress(ctx, proxy), Event{Kind: EventProxyFault, Address: proxy, Err: err})
}
