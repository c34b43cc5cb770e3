package ratelimit

import (
	"context"
	"time"
)

// refusal reports a refusal that is the host's fault, and returns it.
func (l *Limiter) refusal(s *subject, err error) error {
	if _, fault := isRefusal(err); fault {
		l.report(s, EventFault, "", err)
	}
	return err
}

// unknown answers where the host's functions did not say who a caller is, or
// which tier they have.
func (l *Limiter) unknown(s *subject, err error) error {
	if refuses, _ := isRefusal(err); refuses {
		return l.refusal(s, err)
	}
	l.report(s, EventCounterFailure, "", err)
	if l.onFailure == FailOpen {
		return nil
	}
	return unavailable(err)
}

// refuse returns the refusal of a request that is over a limit. What it was
// charged by Limiters further out is refunded.
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
		usage [2]Usage // which suffices for most
	})
	e.quota = n.quota(e.usage[:0])
	nearest := e.quota.nearest()
	l.report(&n.subject, EventLimited, nearest.Policy.Name, nil)
	e.Error = Error{
		Reason: ReasonLimited, Quota: &e.quota, Description: nearest.sentence(), RetryAfter: max(nearest.RetryAfter, time.Second),
	}
	return &e.Error
}
