package middleware

import (
	"errors"
	"slices"

	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
)

var errStatuses = errors.New("middleware: the counters returned another number of statuses than there were charges")

// attempt is an attempt to present a secret.
type attempt struct {
	attemptCounters

	paid      []budgetCharge
	pseudonym string // of the login; empty: the attempt is none to log in
	checked   bool   // the password was about to be verified
}

// isRight reports whether the outcome means that the password was right, whether or
// not it has logged the user in: the scope, the host or a second factor may have
// prevented it.
func (t *attempt) isRight(outcome error) bool {
	if outcome == nil {
		return true
	}
	return t.checked && slices.ContainsFunc(afterPassword, func(err error) bool { return errors.Is(outcome, err) })
}

// afterPassword are the errors of a login whose password was right.
var afterPassword = []error{tokens.ErrRefused, tokens.ErrSecondFactor, tokens.ErrInvalidScope, tokens.ErrClaims}

// pay charges all of the budgets, or none of them if one is used up.
func (t *attempt) pay(all ...budgetCharge) (*overBudget, error) {
	ctx, cancel := t.counting()
	defer cancel()
	charges := make([]ratelimit.Charge, len(all))
	for i := range all {
		charges[i] = all[i].Charge
	}
	d, err := t.auth.counters.Take(ctx, charges, nil)
	if err == nil && len(d.Status) != len(charges) {
		err = errStatuses
	}
	switch {
	case err != nil: // it is unknown what was charged, so nothing is given back
		return nil, t.failed(err)
	case d.Allowed:
		t.paid = append(t.paid, all...)
		return nil, nil //nolint:nilnil // nothing refuses
	}
	return &overBudget{charges, d.Status}, nil
}

// refuse reports that an attempt is over a budget, and returns the rejection. The
// caller is told to wait as long as over says; the host is told the budget of the
// reason, if there is one. A rejection does not reveal who is known.
func (t *attempt) refuse(over, reason *overBudget) error {
	e := wire.NewError(wire.ReasonThrottled, nil)
	var policy string
	policy, e.RetryAfter = over.longest()
	if reason != nil {
		policy, _ = reason.longest()
	}
	t.auth.tokens.Report(t.auth.located(t.request), events.Event{Kind: events.Throttled, Policy: policy, LoginPseudonym: t.pseudonym})
	return e
}

// try makes an attempt that is paid for, and gives back what its outcome does not
// keep. A panic keeps nothing.
func try[T any](t *attempt, do func() (T, error)) (T, error) {
	returned := false
	defer func() {
		if !returned {
			t.giveBack(t.paid)
		}
	}()
	result, err := do()
	returned = true
	t.settle(err)
	return result, err
}

// settle gives back the charges that the outcome does not keep.
func (t *attempt) settle(outcome error) {
	var back []budgetCharge
	right := t.isRight(outcome)
	for i := range t.paid {
		if !t.paid[i].isLost(outcome, right) {
			back = append(back, t.paid[i])
		}
	}
	t.giveBack(back)
	t.paid = nil
}

func (t *attempt) giveBack(all []budgetCharge) {
	if len(all) == 0 {
		return
	}
	charges := make([]ratelimit.Charge, len(all))
	for i := range all {
		charges[i] = all[i].Charge
	}
	ctx, cancel := t.counting()
	defer cancel()
	if err := t.auth.counters.Refund(ctx, charges); err != nil {
		_ = t.failed(err) // the response does not depend on it
	}
}
