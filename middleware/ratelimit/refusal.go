package ratelimit

import (
	"context"
	"fmt"
	"time"
)

// refusal reports a rejection that is no limit's, and returns it.
func (l *Limiter) refusal(s *subject, err error) error {
	switch refuses, fault := isRefusal(err); {
	case fault:
		l.report(s, EventFault, "", err)
	case refuses:
		l.report(s, EventRefused, "", err)
	}
	return err
}

// unknown returns the rejection of a request whose caller or tier the host's
// functions did not return, or nil if it is admitted.
func (l *Limiter) unknown(n *record, err error) error {
	s := &n.subject
	n.at = l.config.Now()
	if refuses, _ := isRefusal(err); refuses {
		return l.refusal(s, err)
	}
	l.report(s, EventCounterFailure, "", err)
	if s.now.route.onFailure == FailOpen {
		s.uncounted = true
		return nil
	}
	return unavailable(err)
}

// refuse returns the rejection of a request that is over a limit. What outer
// Limiters have charged is refunded.
func (l *Limiter) refuse(ctx context.Context, n *record) error {
	if n.into != nil {
		var err error
		if n.items, err = n.into.refund(ctx, n.items); err != nil {
			l.report(&n.subject, EventCounterFailure, "", err)
		}
	}
	e := new(struct {
		Error

		quota Quota
		usage [1]Usage // which suffices for most
		lists onceLists
	})
	e.quota = n.quota(e.usage[:0])
	e.quota.lists = &e.lists
	nearest := e.quota.nearest()
	e.Error = Error{Reason: ReasonLimited, Quota: &e.quota, Description: nearest.sentence()}
	if nearest.excess == 0 {
		e.RetryAfter = max(nearest.RetryAfter, time.Second)
	}
	if nearest.excess == 0 || nearest.Policy.Limit == 0 { // a limit of 0 is meant to reject all
		l.report(&n.subject, EventLimited, nearest.Policy.Name, nil)
		return &e.Error
	}
	l.report(&n.subject, EventCostAboveLimit, nearest.Policy.Name, fmt.Errorf(
		"ratelimit: a request costs %d under the policy %q, which never allows more than %d", nearest.excess, nearest.Policy.Name, nearest.Policy.most()))
	return &e.Error
}

// most is the most that can be spent at once.
func (p *Policy) most() int64 {
	if p.Algorithm == GCRA && p.Burst > 0 {
		return p.Burst
	}
	return p.Limit
}
