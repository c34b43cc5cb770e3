package ratelimit

// FailurePolicy says how requests are handled while the counters, TierOf or
// Override fail.
type FailurePolicy int

const (
	// FailDefault is FailClosed in a Config, and the policy of the Config in a
	// LimitConfig.
	FailDefault FailurePolicy = iota

	// FailClosed rejects the request with 503.
	FailClosed

	// FailOpen admits the request uncounted.
	FailOpen

	// FailLocal counts the request in this process's own memory, against this node's
	// share of the limit. Config.Nodes nodes together admit no more than the limit
	// in the window in which the counters fail, in addition to what was admitted
	// before. A limit of less than 1 for each node admits nothing. Responses have no
	// quota in their headers, because it is unknown.
	FailLocal
)

func (f FailurePolicy) check(path string, complain complaint) {
	if f < FailDefault || f > FailLocal {
		complain(path, "must be FailClosed, FailOpen or FailLocal, got %d", f)
	}
}

// countersFor returns the counters, or those of this process that replace them.
func (l *Limiter) countersFor(local bool) Counters {
	if local {
		return l.local
	}
	return l.config.Counters
}
