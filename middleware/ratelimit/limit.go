package ratelimit

import (
	"context"
	"net/http"
	"time"
)

// retryPlace is the Retry-After where too many requests of a caller are in
// flight: it is unknown when one of them ends.
const retryPlace = time.Second

// occupy takes the places in flight, and reports whether there was one of each.
func (l *Limiter) occupy(items []item) bool {
	for i := range items {
		it := &items[i]
		if !it.concurrent {
			continue
		}
		it.status.Remaining, it.made = l.inflight.enter(it.charge.Key, it.charge.Policy.Limit)
		it.known = true
		if !it.made {
			it.over = true
			it.status.ResetAfter, it.status.RetryAfter = retryPlace, retryPlace
		}
	}
	return !overLimit(items)
}

// leave gives the places in flight back.
func (l *Limiter) leave(items []item) {
	for i := range items {
		if it := &items[i]; it.concurrent && it.made {
			it.made = false
			l.inflight.leave(it.charge.Key)
		}
	}
}

// overLimit reports whether an item refuses the request.
func overLimit(items []item) bool {
	for i := range items {
		if items[i].over && !items[i].shadow {
			return true
		}
	}
	return false
}

// count charges the items, with the counters that stand in where they fail and
// the host wants it.
func (l *Limiter) count(ctx context.Context, w who, items []item) error {
	if len(items) == 0 {
		return nil
	}
	b := l.batch()
	defer l.release(b)
	err := b.take(ctx, l.config.Counters, items)
	if err == nil {
		return nil
	}
	l.report(w.request, w.Caller, EventCounterFailure, items[0].charge.Policy.Name, err)
	if l.onFailure == FailLocal {
		for i := range items {
			if it := &items[i]; !it.concurrent {
				it.local, it.over = true, false
				it.charge.Policy = it.charge.Policy.share(l.config.Nodes)
			}
		}
		if err = b.take(ctx, l.local, items); err == nil {
			return nil
		}
	}
	if l.onFailure != FailOpen {
		return unavailable(err)
	}
	for i := range items {
		it := &items[i]
		it.failed, it.over = !it.concurrent, it.over && it.concurrent
	}
	return nil
}

// unknown answers where the host's functions did not say who a caller is, or
// which tier they have.
func (l *Limiter) unknown(w who, err error) error {
	if refuses, _ := isRefusal(err); refuses {
		return l.refusal(w.request, w.Caller, err)
	}
	l.report(w.request, w.Caller, EventCounterFailure, "", err)
	if l.onFailure == FailOpen {
		return nil
	}
	return unavailable(err)
}

// refuse returns the refusal of a request that is over a limit. What it was
// charged by Limiters further out is refunded.
func (l *Limiter) refuse(ctx context.Context, p *Pass, w who, items []item) error {
	if p.into != nil {
		if err := p.into.refund(ctx); err != nil {
			l.report(w.request, w.Caller, EventCounterFailure, "", err)
		}
		p.into.mu.Lock()
		items = append(append([]item(nil), p.into.items...), items...)
		p.into.mu.Unlock()
	}
	q := l.quota(p.at, items, nil)
	nearest := q.nearest()
	l.report(w.request, w.Caller, EventLimited, nearest.Policy.Name, nil)
	return &Error{
		Reason: ReasonLimited, Quota: &q, Description: nearest.sentence(), RetryAfter: max(nearest.RetryAfter, time.Second),
	}
}

// reportShares reports limits that are nearly used up, and what a shadow would
// have refused.
func (l *Limiter) reportShares(w who, items []item) {
	for i := range items {
		it := &items[i]
		switch policy := it.charge.Policy; {
		case it.over:
			l.report(w.request, w.Caller, EventShadowLimited, policy.Name, nil)
		case it.made && !it.concurrent && l.route.NearLimit > 0:
			used := policy.Limit - it.status.Remaining
			if near := nearOf(policy.Limit, l.route.NearLimit); used >= near && used-it.charge.Cost < near {
				l.report(w.request, w.Caller, EventNearLimit, policy.Name, nil)
			}
		}
	}
}

// nearOf is how much of a limit is so many per cent of it, rounded up.
func nearOf(limit int64, percent int) int64 {
	whole, rest := limit/100, limit%100
	return whole*int64(percent) + (rest*int64(percent)+99)/100
}

// refusal reports a refusal that is the host's fault, and returns it.
func (l *Limiter) refusal(r *http.Request, c Caller, err error) error {
	if _, fault := isRefusal(err); fault {
		l.report(r, c, EventFault, "", err)
	}
	return err
}
