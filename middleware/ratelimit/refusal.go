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
func (l *Limiter) refuse(ctx context.Context, p *Pass, s *subject, items []item) error {
	if p.into != nil {
		if err := p.into.refund(ctx); err != nil {
			l.report(s, EventCounterFailure, "", err)
		}
		p.into.mu.Lock()
		items = append(append([]item(nil), p.into.items...), items...)
		p.into.mu.Unlock()
	}
	q := l.quota(p.at, items, nil)
	nearest := q.nearest()
	l.report(s, EventLimited, nearest.Policy.Name, nil)
	return &Error{
		Reason: ReasonLimited, Quota: &q, Description: nearest.sentence(), RetryAfter: max(nearest.RetryAfter, time.Second),
	}
}
