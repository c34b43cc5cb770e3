package ratelimit

// FailurePolicy is how requests are handled while the counters, TierOf or Override
// fail.
type FailurePolicy int

const (
	// FailDefault is FailClosed in a Config, and what the Config says in a
	// LimitConfig.
	FailDefault FailurePolicy = iota

	// FailClosed refuses the request with 503.
	FailClosed

	// FailOpen admits the request uncounted.
	FailOpen

	// FailLocal counts it in this process's own memory, against this node's share
	// of the limit: Config.Nodes of them admit no more than the limit together,
	// in the window in which the counters fail, beside what was admitted before.
	// A limit of less than 1 for each node admits nothing. Answers do not tell
	// what is left, because it is unknown.
	FailLocal
)

func (f FailurePolicy) check(path string, complain complaint) {
	if f < FailDefault || f > FailLocal {
		complain(path, "must be FailClosed, FailOpen or FailLocal, got %d", f)
	}
}

// countersFor returns the counters, or those of this process that stand in for
// them.
func (l *Limiter) countersFor(local bool) Counters {
	if local {
		return l.local
	}
	return l.config.Counters
}
