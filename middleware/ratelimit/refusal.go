package ratelimit

import (
	"context"
	"time"
)

// refusal reports a rejection that is a defect of the host, and returns it.
func (l *Limiter) refusal(s *subject, err error) error {
	if _, fault := isRefusal(err); fault {
		l.report(s, EventFault, "", err)
	}
	return err
}

// unknown returns the rejection of a request whose caller or tier the host's
// functions did not return, or nil if it is admitted.
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
		usage [2]Usage // which suffices for most
		lists onceLists
	})
	e.quota = n.quota(e.usage[:0])
	e.quota.lists = &e.lists
	nearest := e.quota.nearest()
	l.report(&n.subject, EventLimited, nearest.Policy.Name, nil)
	e.Error = Error{
		Reason: ReasonLimited, Quota: &e.quota, Description: nearest.sentence(), RetryAfter: max(nearest.RetryAfter, time.Second),
	}
	return &e.Error
}
