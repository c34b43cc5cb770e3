package middleware

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"

	"github.com/sallyport-go/sallyport/tokens"
)

// Caller is somebody whose quota the support staff looks at or changes.
type Caller struct {
	// Principal is a user as their tokens name them: Subject, Account, Tier and
	// Seats count. The zero Principal is a caller without a token.
	Principal tokens.Principal

	// Address is the client's, for limits by address.
	Address netip.Addr

	// Key is the host's own, for limits by ByKey. Without one those rules are
	// left out.
	Key string
}

// CheckQuota says how the caller of a request stands, and spends nothing. Where
// the counters cannot say it is refused, whatever Config.OnCounterFailure says.
func (l *Limits) CheckQuota(r *http.Request) (Quota, error) {
	q, err := l.look(r.Context(), who{request: r})
	if e, ok := errors.AsType[*Error](err); ok {
		return Quota{}, l.fault(r, e)
	}
	if err != nil {
		l.report(r, tokens.EventCounterFailure, "", err)
		return Quota{}, uncounted(err)
	}
	return q, nil
}

// Quota answers what CheckQuota says: a GET of one's own quota, free of charge.
// Mount it where Bearer or Identify stand in front, and Limit does not.
func (l *Limits) Quota(w http.ResponseWriter, r *http.Request) {
	q, err := l.CheckQuota(r)
	if err != nil {
		l.auth.Refused(RouteAPI, err).Write(w)
		return
	}
	q.Answer().Write(w)
}

// Inspect says how a caller stands, and spends nothing.
func (l *Limits) Inspect(ctx context.Context, c Caller) (Quota, error) {
	return l.look(ctx, l.whois(c))
}

// look asks the counters how a caller stands.
func (l *Limits) look(ctx context.Context, w who) (Quota, error) {
	ctx, cancel := l.deadline(ctx)
	defer cancel()
	at := l.auth.now()
	items, err := l.items(ctx, w, 1, nil)
	if err != nil {
		return Quota{}, err
	}
	for i := range items {
		if it := &items[i]; it.concurrent {
			it.known = true
			it.status.Remaining = max(it.charge.Policy.Limit-l.auth.inflight.count(it.charge.Key), 0)
		}
	}
	var counted tally
	counted.of(items, isCounted)
	if err := counted.peek(ctx, l.auth.counters); err != nil {
		return Quota{}, err
	}
	return l.quota(at, items, nil), nil
}

// Reset forgets what a caller has spent, under all of the policies.
func (l *Limits) Reset(ctx context.Context, c Caller) error {
	ctx, cancel := l.deadline(ctx)
	defer cancel()
	items, err := l.items(ctx, l.whois(c), 1, nil)
	if err != nil {
		return err
	}
	var counted tally
	counted.of(items, isCounted)
	if len(counted.charges) == 0 {
		return nil
	}
	return l.auth.counters.Reset(ctx, counted.charges)
}

// Grant gives a caller back some of what was spent under the policy of this
// name, all of it at most: nobody gets more than the limit. For a higher limit
// there is Config.Override.
func (l *Limits) Grant(ctx context.Context, c Caller, policy string, n int64) error {
	ctx, cancel := l.deadline(ctx)
	defer cancel()
	items, err := l.items(ctx, l.whois(c), 1, nil)
	if err != nil {
		return err
	}
	var named tally
	named.of(items, func(it *item) bool { return !it.concurrent && it.charge.Policy.Name == policy })
	if len(named.charges) == 0 {
		return fmt.Errorf("middleware: the caller has no policy %q", policy)
	}
	if n < 1 {
		return fmt.Errorf("middleware: a grant wants 1 or more, has %d", n)
	}
	named.charges[0].Cost = min(n, maxCost)
	return l.auth.counters.Refund(ctx, named.charges)
}

// whois is a caller as a request of theirs would be seen.
func (*Limits) whois(c Caller) who {
	return who{principal: c.Principal, known: c.Principal.Subject != "" || c.Principal.Account != "", caller: c}
}

// CheckQuota says how the caller of a request stands under what Limit and
// Protect count, and spends nothing: see [Limits.CheckQuota].
func (a *Auth) CheckQuota(r *http.Request) (Quota, error) { return a.limits.CheckQuota(r) }

// Quota answers what CheckQuota says: a GET of one's own quota, free of charge.
// Mount it where Bearer or Identify stand in front, and Limit does not.
func (a *Auth) Quota(w http.ResponseWriter, r *http.Request) { a.limits.Quota(w, r) }

// Inspect says how a caller stands under what Limit and Protect count, and
// spends nothing.
func (a *Auth) Inspect(ctx context.Context, c Caller) (Quota, error) {
	return a.limits.Inspect(ctx, c)
}

// Reset forgets what a caller has spent, under all that Limit and Protect count.
func (a *Auth) Reset(ctx context.Context, c Caller) error { return a.limits.Reset(ctx, c) }

// Grant gives a caller back some of what was spent under the policy of this
// name: see [Limits.Grant].
func (a *Auth) Grant(ctx context.Context, c Caller, policy string, n int64) error {
	return a.limits.Grant(ctx, c, policy, n)
}
