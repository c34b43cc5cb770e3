package ratelimit

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
)

// EventKind says what happened. Its text is stable, so that alerts can match it.
type EventKind string

const (
	// EventLimited means that a limit rejected a request.
	EventLimited EventKind = "limited"

	// EventShadowLimited means that a limit in shadow mode would have rejected a
	// request.
	EventShadowLimited EventKind = "shadow_limited"

	// EventNearLimit means that a caller has used the share of a limit that
	// LimitConfig.NearLimit names.
	EventNearLimit EventKind = "near_limit"

	// EventCounterFailure means that the counters, Identify, TierOf or Override
	// failed.
	EventCounterFailure EventKind = "counter_failure"

	// EventCountersBusy means that a decision waited for a connection to the
	// counters for as long as it could: ErrBusy. The counters have no defect; this
	// process has too few connections for its load. OnCounterFailure says how the
	// request is handled.
	EventCountersBusy EventKind = "counters_busy"

	// EventUnknownTier means that the tier of an authenticated caller is not in
	// Config.Tiers, and that the request counts under Config.FallbackTier, which is
	// the Policy of the event.
	EventUnknownTier EventKind = "unknown_tier"

	// EventCostAboveLimit means that a request was rejected because it costs more than
	// the limit ever allows: waiting does not help.
	EventCostAboveLimit EventKind = "cost_above_limit"

	// EventRefused means that a request was rejected, and not by a limit: its caller is
	// not authenticated and Config.Tiers has no tier Anonymous, or one of the host's
	// functions returned a Refusal that is no defect.
	EventRefused EventKind = "refused"

	// EventReconfigured means that Reconfigure has replaced tiers or rules. It has no
	// Caller.
	EventReconfigured EventKind = "reconfigured"

	// EventFault means that the host's configuration or functions have a defect.
	EventFault EventKind = "fault"
)

// Event is something that a host may want to log or count. It never contains a
// secret.
type Event struct {
	// Kind says what happened.
	Kind EventKind

	// Caller is who sent the request. It is the zero Caller if Identify failed.
	Caller Caller

	// Address is the client's address. It is the zero Addr if ClientIP returned
	// none.
	Address netip.Addr

	// Policy is the name of the policy. Empty: the event concerns none.
	Policy string

	// Changed lists, in EventReconfigured, what is new, removed or different, separated
	// by commas: Tiers["free"], FallbackTier, Limit, Limit.Rules["writes"].
	Changed string

	// Err is the cause of EventCounterFailure, EventCountersBusy, EventUnknownTier,
	// EventCostAboveLimit, EventRefused and EventFault.
	// Nil: there is none.
	Err error
}

// report reports an event of a subject's request.
func (l *Limiter) report(s *subject, kind EventKind, policy string, err error) {
	if kind == EventCounterFailure && errors.Is(err, ErrBusy) {
		kind = EventCountersBusy
	}
	if l.config.Events == nil {
		l.logFault(s, kind, err)
		return
	}
	e := Event{Kind: kind, Caller: s.Caller, Policy: policy, Err: err}
	if a, err := l.config.ClientIP(s.request); err == nil {
		e.Address = a
	}
	l.config.Events(context.WithoutCancel(s.request.Context()), e)
}

// logFault logs a defect of the host or of the counters that no hook gets.
func (l *Limiter) logFault(s *subject, kind EventKind, err error) {
	switch kind {
	case EventCounterFailure, EventCountersBusy, EventUnknownTier, EventCostAboveLimit, EventFault:
		l.faults.Note(context.WithoutCancel(s.request.Context()), l.config.Now(), string(kind), slog.Group("event", slog.String("kind", string(kind)), slog.Any("error", err)))
	}
}

// reportShares reports limits that are nearly used up, and what shadow mode would
// have rejected.
func (l *Limiter) reportShares(s *subject, items []item) {
	for i := range items {
		it := &items[i]
		switch policy := &it.charge.Policy; {
		case it.over:
			l.report(s, EventShadowLimited, policy.Name, nil)
		case it.made && !it.concurrent && s.now.route.NearLimit > 0:
			used := policy.Limit - it.status.Remaining
			if near := nearOf(policy.Limit, s.now.route.NearLimit); used >= near && used-it.charge.Cost < near {
				l.report(s, EventNearLimit, policy.Name, nil)
			}
		}
	}
}

// nearOf returns this percentage of a limit, rounded up.
func nearOf(limit int64, percent int) int64 {
	whole, rest := limit/100, limit%100
	return whole*int64(percent) + (rest*int64(percent)+99)/100
}
