package middleware

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/sallyport-go/sallyport/tokens"
)

// CheckLimit counts a request against the tier of its caller: the account of the
// principal in its context, or the client's address where there is none. A
// request that is refused spends nothing. ok is false where nothing could be
// counted and Config.OnCounterFailure lets requests through.
func (a *Auth) CheckLimit(r *http.Request) (u Usage, ok bool, err error) {
	// whoever hangs up has made the request all the same
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), a.counterTimeout)
	defer cancel()
	charge, err := a.charge(ctx, r)
	var d Decision
	if err == nil {
		d, err = a.counters.Take(ctx, []Charge{charge})
	}
	if err == nil && len(d.Status) != 1 {
		err = errors.New("middleware: the counters answered for another number of charges")
	}
	var e *Error
	switch {
	case errors.As(err, &e):
		if e.Reason == ReasonInternal {
			a.verifier.Report(a.located(r), tokens.Event{Kind: tokens.EventFault, Err: err})
		}
		return Usage{}, false, e
	case err != nil:
		a.verifier.Report(a.located(r), tokens.Event{Kind: tokens.EventCounterFailure, Policy: charge.Policy.Name, Err: err})
		if a.onFailure == FailOpen {
			return Usage{}, false, nil
		}
		return Usage{}, false, refusal(ReasonUnavailable, err)
	}
	u = Usage{Policy: charge.Policy, Remaining: d.Status[0].Remaining, ResetAfter: d.Status[0].ResetAfter, At: a.now()}
	if d.Allowed {
		return u, true, nil
	}
	a.reportLimited(r, u)
	e = refusal(ReasonLimited, nil)
	e.Usage = &u
	e.Description = u.sentence()
	e.RetryAfter = max(d.Status[0].RetryAfter, time.Second)
	return u, true, e
}

func (a *Auth) reportLimited(r *http.Request, u Usage) {
	p, _ := tokens.PrincipalFrom(r.Context())
	a.verifier.Report(a.located(r), tokens.Event{
		Kind: tokens.EventLimited, Policy: u.Policy.Name,
		UserID: p.Subject, Account: p.Account, ClientID: p.ClientID, SessionID: p.SessionID,
	})
}

// charge says whose request it is, and what they may spend now.
func (a *Auth) charge(ctx context.Context, r *http.Request) (Charge, error) {
	p, ok := tokens.PrincipalFrom(r.Context())
	if !ok {
		return a.anonymousCharge(r)
	}
	name, seats := p.Tier, p.Seats
	if a.tierOf != nil {
		var err error
		if name, seats, err = a.tierOf(ctx, p); err != nil {
			return Charge{}, err
		}
	}
	tier, ok := a.tiers[name]
	if !ok || name == Anonymous {
		return Charge{}, refusal(ReasonInternal, fmt.Errorf("middleware: the user %q has the tier %q, which Config.Tiers has not", p.Subject, name))
	}
	kind, id := "account", p.Account
	if id == "" {
		kind, id = "user", p.Subject
	}
	return tierCharge(tier.policy(name, seats), kind, id), nil
}

func (a *Auth) anonymousCharge(r *http.Request) (Charge, error) {
	tier, ok := a.tiers[Anonymous]
	if !ok {
		return Charge{}, refusal(ReasonNoBearer, nil)
	}
	addr, err := a.clientIP(r)
	if err != nil {
		return Charge{}, refusal(ReasonInternal, err)
	}
	net, err := network(addr)
	if err != nil {
		return Charge{}, refusal(ReasonInternal, err)
	}
	return tierCharge(tier.policy(Anonymous, 1), "address", net.String()), nil
}

// tierCharge names the counter by its window and its owner, not by the tier: who
// moves to another plan in the middle of an hour keeps what they have spent. The
// owner comes last, so that no two of them can have one key.
func tierCharge(p Policy, kind, id string) Charge {
	return Charge{Key: "tier/" + strconv.FormatInt(seconds(p.Window), 10) + "/" + kind + "/" + id, Policy: p, Cost: 1}
}

// Limit counts requests, says in their headers what is left, and refuses those
// that are over the limit. It counts by account behind Bearer or Identify, and
// by address in front of them or without them.
func (a *Auth) Limit(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u, ok, err := a.CheckLimit(r)
		if err != nil {
			a.Refused(RouteAPI, err).Write(w)
			return
		}
		if ok {
			u.SetHeader(w.Header())
		}
		next.ServeHTTP(w, r)
	})
}

// Protect is Bearer, then Limit: what most routes want.
func (a *Auth) Protect(next http.Handler) http.Handler { return a.Bearer(a.Limit(next)) }
