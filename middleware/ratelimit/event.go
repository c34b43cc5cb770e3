package ratelimit

import (
	"context"
	"errors"
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

	// EventCountersBusy means that a decision waited for a connection to the counters
	// for as long as it could: ErrBusy. The counters are not at fault; this process has
	// too few connections for its load. OnCounterFailure says what becomes of the
	// request.
	EventCountersBusy EventKind = "counters_busy"

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

	// Err is the cause of EventCounterFailure, EventCountersBusy and EventFault.
	Err error
}

// report tells the host of an event of a subject's request.
func (l *Limiter) report(s *subject, kind EventKind, policy string, err error) {
	if l.config.Events == nil {
		return
	}
	if kind == EventCounterFailure && errors.Is(err, ErrBusy) {
		kind = EventCountersBusy
	}
	e := Event{Kind: kind, Caller: s.Caller, Policy: policy, Err: err}
	if a, err := l.config.ClientIP(s.request); err == nil {
		e.Address = a
	}
	l.config.Events(context.WithoutCancel(s.request.Context()), e)
}

// reportShares reports limits that are nearly used up, and what a shadow would
// have refused.
func (l *Limiter) reportShares(s *subject, items []item) {
	for i := range items {
		it := &items[i]
		switch policy := it.charge.Policy; {
		case it.over:
			l.report(s, EventShadowLimited, policy.Name, nil)
		case it.made && !it.concurrent && l.route.NearLimit > 0:
			used := policy.Limit - it.status.Remaining
			if near := nearOf(policy.Limit, l.route.NearLimit); used >= near && used-it.charge.Cost < near {
				l.report(s, EventNearLimit, policy.Name, nil)
			}
		}
	}
}

// nearOf is how much of a limit is so many per cent of it, rounded up.
func nearOf(limit int64, percent int) int64 {
	whole, rest := limit/100, limit%100
	return whole*int64(percent) + (rest*int64(percent)+99)/100
}
