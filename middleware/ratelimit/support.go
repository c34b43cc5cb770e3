package ratelimit

import (
	"context"
	"fmt"
	"net/http"
)

// CheckQuota says how the caller of a request stands, and spends nothing. Where
// the counters cannot say it is refused, whatever Config.OnCounterFailure says.
func (l *Limiter) CheckQuota(r *http.Request) (Quota, error) {
	c, err := l.identify(r)
	if err != nil {
		return Quota{}, l.refusal(r, c, err)
	}
	q, err := l.look(r.Context(), who{c, r})
	if refuses, _ := isRefusal(err); refuses {
		return Quota{}, l.refusal(r, c, err)
	}
	if err != nil {
		l.report(r, c, EventCounterFailure, "", err)
		return Quota{}, unavailable(err)
	}
	return q, nil
}

// Quota answers what CheckQuota says: a GET of one's own quota, free of charge.
// Mount it where Bearer or Identify stand in front, and Limit does not.
func (l *Limiter) Quota(w http.ResponseWriter, r *http.Request) {
	q, err := l.CheckQuota(r)
	if err != nil {
		l.refused(w, r, err)
		return
	}
	q.Write(w)
}

// Inspect says how a caller stands, and spends nothing.
func (l *Limiter) Inspect(ctx context.Context, c Caller) (Quota, error) {
	return l.look(ctx, who{Caller: c})
}

// look asks the counters how a caller stands.
func (l *Limiter) look(ctx context.Context, w who) (Quota, error) {
	ctx, cancel := l.deadline(ctx)
	defer cancel()
	at := l.config.Now()
	items, err := l.items(ctx, w, 1, nil)
	if err != nil {
		return Quota{}, err
	}
	for i := range items {
		if it := &items[i]; it.concurrent {
			it.known = true
			it.status.Remaining = max(it.charge.Policy.Limit-l.inflight.count(it.charge.Key), 0)
		}
	}
	var counted batch
	counted.of(items, isCounted)
	if err := counted.peek(ctx, l.config.Counters); err != nil {
		return Quota{}, err
	}
	return l.quota(at, items, nil), nil
}

// Reset forgets what a caller has spent, under all of the policies.
func (l *Limiter) Reset(ctx context.Context, c Caller) error {
	ctx, cancel := l.deadline(ctx)
	defer cancel()
	items, err := l.items(ctx, who{Caller: c}, 1, nil)
	if err != nil {
		return err
	}
	var counted batch
	counted.of(items, isCounted)
	if len(counted.charges) == 0 {
		return nil
	}
	return l.config.Counters.Reset(ctx, counted.charges)
}

// Grant gives a caller back some of what was spent under the policy of this
// name, all of it at most: nobody gets more than the limit. For a higher limit
// there is Config.Override.
func (l *Limiter) Grant(ctx context.Context, c Caller, policy string, n int64) error {
	ctx, cancel := l.deadline(ctx)
	defer cancel()
	items, err := l.items(ctx, who{Caller: c}, 1, nil)
	if err != nil {
		return err
	}
	var named batch
	named.of(items, func(it *item) bool { return !it.concurrent && it.charge.Policy.Name == policy })
	if len(named.charges) == 0 {
		return fmt.Errorf("ratelimit: the caller has no policy %q", policy)
	}
	if n < 1 {
		return fmt.Errorf("ratelimit: the grant must be 1 or more, got %d", n)
	}
	named.charges[0].Cost = min(n, maxCost)
	return l.config.Counters.Refund(ctx, named.charges)
}
