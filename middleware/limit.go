package middleware

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/sallyport-go/sallyport/tokens"
)

// retryPlace is the Retry-After where too many requests of a caller are in
// flight: nobody knows when one of them ends.
const retryPlace = time.Second

// occupy takes the places in flight, and reports whether there was one of each.
func (l *Limits) occupy(items []item) bool {
	for i := range items {
		it := &items[i]
		if !it.concurrent {
			continue
		}
		it.status.Remaining, it.made = l.auth.inflight.enter(it.charge.Key, it.charge.Policy.Limit)
		it.known = true
		if !it.made {
			it.over = true
			it.status.ResetAfter, it.status.RetryAfter = retryPlace, retryPlace
		}
	}
	return !overLimit(items)
}

// leave gives the places in flight back.
func (l *Limits) leave(items []item) {
	for i := range items {
		if it := &items[i]; it.concurrent && it.made {
			it.made = false
			l.auth.inflight.leave(it.charge.Key)
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
func (l *Limits) count(ctx context.Context, r *http.Request, items []item) error {
	if len(items) == 0 {
		return nil
	}
	t := l.auth.tally()
	defer l.auth.clear(t)
	err := t.take(ctx, l.auth.counters, items)
	if err == nil {
		return nil
	}
	l.report(r, tokens.EventCounterFailure, items[0].charge.Policy.Name, err)
	if l.onFailure == FailLocal {
		for i := range items {
			if it := &items[i]; !it.concurrent {
				it.local, it.over = true, false
				it.charge.Policy = it.charge.Policy.share(l.auth.nodes)
			}
		}
		if err = t.take(ctx, l.auth.local, items); err == nil {
			return nil
		}
	}
	if l.onFailure != FailOpen {
		return uncounted(err)
	}
	for i := range items {
		it := &items[i]
		it.failed, it.over = !it.concurrent, it.over && it.concurrent
	}
	return nil
}

// unknown answers where the host could not say what tier a caller has.
func (l *Limits) unknown(r *http.Request, err error) error {
	if e, ok := errors.AsType[*Error](err); ok {
		return l.fault(r, e)
	}
	l.report(r, tokens.EventCounterFailure, "", err)
	if l.onFailure == FailOpen {
		return nil
	}
	return uncounted(err)
}

// uncounted refuses a request that could not be counted.
func uncounted(cause error) error {
	e := refusal(ReasonUnavailable, cause)
	e.uncounted = true
	return e
}

// refuse is the refusal of a request that is over a limit. What it was charged
// further out it gets back.
func (l *Limits) refuse(ctx context.Context, p *Pass, items []item) error {
	r := p.request
	if p.into != nil {
		if err := p.into.refund(ctx); err != nil {
			l.report(r, tokens.EventCounterFailure, "", err)
		}
		p.into.mu.Lock()
		items = append(append([]item(nil), p.into.items...), items...)
		p.into.mu.Unlock()
	}
	q := l.quota(p.at, items, nil)
	nearest := q.nearest()
	principal, _ := tokens.PrincipalFrom(r.Context())
	l.auth.verifier.Report(l.auth.located(r), tokens.Event{
		Kind: tokens.EventLimited, Policy: nearest.Policy.Name,
		UserID: principal.Subject, Account: principal.Account, ClientID: principal.ClientID, SessionID: principal.SessionID,
	})
	e := refusal(ReasonLimited, nil)
	e.Quota = &q
	e.Description = nearest.sentence()
	e.RetryAfter = max(nearest.RetryAfter, time.Second)
	return e
}

// reportShares reports limits that are nearly used up, and what a shadow would
// have refused.
func (l *Limits) reportShares(r *http.Request, items []item) {
	for i := range items {
		it := &items[i]
		switch policy := it.charge.Policy; {
		case it.over:
			l.report(r, tokens.EventShadowLimited, policy.Name, nil)
		case it.made && !it.concurrent && l.config.NearLimit > 0:
			used := policy.Limit - it.status.Remaining
			if near := nearOf(policy.Limit, l.config.NearLimit); used >= near && used-it.charge.Cost < near {
				l.report(r, tokens.EventNearLimit, policy.Name, nil)
			}
		}
	}
}

// nearOf is how much of a limit is so many per cent of it, rounded up.
func nearOf(limit int64, percent int) int64 {
	whole, rest := limit/100, limit%100
	return whole*int64(percent) + (rest*int64(percent)+99)/100
}

// report tells the host, and who it is about.
func (l *Limits) report(r *http.Request, kind tokens.EventKind, policy string, err error) {
	p, _ := tokens.PrincipalFrom(r.Context())
	l.auth.verifier.Report(l.auth.located(r), tokens.Event{
		Kind: kind, Policy: policy, Err: err,
		UserID: p.Subject, Account: p.Account, ClientID: p.ClientID, SessionID: p.SessionID,
	})
}

// fault tells the host what is its own fault.
func (l *Limits) fault(r *http.Request, err error) error {
	if AsError(err).Reason == ReasonInternal || errors.Is(err, errNoAddress) {
		l.report(r, tokens.EventFault, "", err)
	}
	return err
}

// CheckLimit counts a request as Config.Limit says: against the tier of its
// caller, which is the account of the principal in its context, or the client's
// address where there is none. A request that is refused spends nothing. Whoever
// gets a Pass answers its Request, and calls its Done afterwards.
func (a *Auth) CheckLimit(r *http.Request) (*Pass, error) { return a.limits.CheckLimit(r) }

// Limit counts requests, sets headers with what is left, and refuses the requests
// that are over the limit. It counts by account behind Bearer or Identify, and by
// address in front of them or without them.
//
// Every request that reaches Limit is counted, whatever its method and headers:
// a CORS preflight too, because any client can send one. Put the CORS middleware
// in front of Limit; it answers the preflights of browsers, and they cost nothing.
func (a *Auth) Limit(next http.Handler) http.Handler { return a.limits.Limit(next) }

// Protect is Bearer, then Limit: what most routes want.
func (a *Auth) Protect(next http.Handler) http.Handler { return a.Bearer(a.Limit(next)) }
