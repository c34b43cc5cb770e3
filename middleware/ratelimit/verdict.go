package ratelimit

import "errors"

// Verdict is the decision of a Limiter about one request, for metrics. It has no
// identifiers: its texts are those of the configuration.
type Verdict struct {
	// Tier is the name of the tier under which the request was counted, as in
	// Config.Tiers. Empty: none was found, or LimitConfig.WithoutTier is set.
	Tier string

	// Policy is the name of the policy that rejected the request. Empty: none did.
	Policy string

	// Uncounted means that the request was admitted although the counters, Identify,
	// TierOf or Override failed, as FailOpen says.
	Uncounted bool

	// Err is the rejection, as CheckLimit returns it. Nil: the request was admitted.
	Err error
}

// tell tells the host of a decision.
func (l *Limiter) tell(n *record, err error) {
	if n.exempt || err == nil && n.into != nil {
		return
	}
	v := Verdict{Tier: n.subject.counted, Uncounted: n.subject.uncounted, Err: err}
	if e, ok := errors.AsType[*Error](err); ok && e.Quota != nil {
		if u := e.Quota.nearest(); u != nil {
			v.Policy = u.Policy.Name
		}
	}
	l.config.Decided(n.subject.request.Context(), v)
}
