package ratelimit

import (
	"context"
	"net/http"
	"net/netip"
)

// EventKind says what happened.
type EventKind string

const (
	// EventLimited means that a limit refused a request.
	EventLimited EventKind = "limited"

	// EventShadowLimited means that a limit in shadow mode would have refused a request.
	EventShadowLimited EventKind = "shadow_limited"

	// EventNearLimit means that the share of a limit that LimitConfig.NearLimit names
	// is used.
	EventNearLimit EventKind = "near_limit"

	// EventCounterFailure means that the counters, TierOf or Override failed.
	EventCounterFailure EventKind = "counter_failure"

	// EventFault means that the host's configuration or functions are at fault.
	EventFault EventKind = "fault"
)

// Event is something that a host may want to log or count. It never contains a
// secret.
type Event struct {
	Kind EventKind

	// Caller is who sent the request; the zero Caller if Identify failed.
	Caller Caller

	// Address is the client's; the zero Addr if ClientIP returned none.
	Address netip.Addr

	// Policy is the name of the policy; empty if the event is of none.
	Policy string

	// Err is the cause of EventCounterFailure and EventFault.
	Err error
}

// report tells the host of an event of a request.
func (l *Limiter) report(r *http.Request, c Caller, kind EventKind, policy string, err error) {
	if l.config.Events == nil {
		return
	}
	e := Event{Kind: kind, Caller: c, Policy: policy, Err: err}
	if a, err := l.config.ClientIP(r); err == nil {
		e.Address = a
	}
	l.config.Events(context.WithoutCancel(r.Context()), e)
}
