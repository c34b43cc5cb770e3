package ratelimit

import (
	"context"
	"fmt"
	"net/http"

	"github.com/sallyport-go/sallyport/internal/unread"
)

// CheckQuota returns the quota of a request's caller, and charges nothing. If the
// counters fail, it returns an *Error with ReasonUnavailable, whatever
// Config.OnCounterFailure is. Its other errors are those of CheckLimit, without
// ReasonLimited.
func (l *Limiter) CheckQuota(r *http.Request) (Quota, error) {
	s := subject{request: r, now: l.settings()}
	if err := l.identify(&s); err != nil {
		return Quota{}, l.refusal(&s, err)
	}
	q, err := l.look(r.Context(), &s)
	if refuses, _ := isRefusal(err); refuses {
		return Quota{}, l.refusal(&s, err)
	}
	if err != nil {
		l.report(&s, EventCounterFailure, "", err)
		return Quota{}, unavailable(err)
	}
	return q, nil
}

// Quota is a handler that writes the quota of the caller as JSON, and charges
// nothing. Mount it behind the authentication, and not behind Limit.
func (l *Limiter) Quota(w http.ResponseWriter, r *http.Request) {
	q, err := l.CheckQuota(r)
	if err != nil {
		unread.Discard(r)
		l.refused(w, r, err)
		return
	}
	q.Write(w)
}

// Inspect returns the quota of a caller, and charges nothing. It is for support
// staff: the caller of Inspect must check that the requester may see it.
// Config.Override and TierOf are called for an authenticated caller. It returns
// the error of the counters or of these functions.
func (l *Limiter) Inspect(ctx context.Context, c Caller) (Quota, error) {
	return l.look(ctx, &subject{Caller: c, now: l.settings()})
}

// look returns the quota of a subject.
func (l *Limiter) look(ctx context.Context, s *subject) (Quota, error) {
	ctx, cancel := l.deadline(ctx)
	defer cancel()
	n := &record{limiter: l, subject: *s, at: l.config.Now()}
	var err error
	if n.items, err = l.items(ctx, s, 1, nil); err != nil {
		return Quota{}, err
	}
	l.inflight.look(n.items)
	var counted batch
	counted.of(n.items, (*item).isCounted)
	if err := counted.peek(ctx, l.config.Counters); err != nil {
		return Quota{}, err
	}
	return n.quota(nil), nil
}

// Reset sets what a caller has spent to zero, under all policies of this Limiter.
// It does not end requests in progress. It returns the error of the counters.
func (l *Limiter) Reset(ctx context.Context, c Caller) error {
	ctx, cancel := l.deadline(ctx)
	defer cancel()
	items, err := l.items(ctx, &subject{Caller: c, now: l.settings()}, 1, nil)
	if err != nil {
		return err
	}
	var counted batch
	counted.of(items, (*item).isCounted)
	if len(counted.charges) == 0 {
		return nil
	}
	return l.config.Counters.Reset(ctx, counted.charges)
}

// Grant refunds n of what a caller has spent under the policy with this name, at
// most all of it, so that no caller has more left than the limit. n must be 1 or
// more. For a higher limit use Config.Override. It returns an error if the caller
// has no such policy, or that of the counters.
func (l *Limiter) Grant(ctx context.Context, c Caller, policy string, n int64) error {
	ctx, cancel := l.deadline(ctx)
	defer cancel()
	items, err := l.items(ctx, &subject{Caller: c, now: l.settings()}, 1, nil)
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
