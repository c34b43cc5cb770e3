package middleware

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/sallyport-go/sallyport/middleware/ratelimit"
)

// Lockout is whether brute-force protection rejects the logins of a name or from an
// address, for support staff.
type Lockout struct {
	// Pseudonym is what stands for the login in events: LoginPseudonym of events.Event.
	// Empty if no login was given.
	Pseudonym string

	// Known is true if the login has succeeded from the address. While the budgets that
	// all names have are used up, such a login has budgets of its own.
	Known bool

	// Locked is true if the next login is rejected without a look at the password.
	Locked bool

	// Policy names the budget that rejects it, as the event does. Empty if not Locked.
	Policy string

	// RetryAfter is how long it takes until a login is looked at again. Zero if not
	// Locked.
	RetryAfter time.Duration
}

var errNoLockout = errors.New("middleware: a login, an address, or both are required")

// InspectLogin returns whether brute-force protection rejects a login from an address,
// and changes nothing. A zero address: from an address that has made no attempt. An
// empty login: a name that was not tried before, from the address. To inspect an account,
// inspect each login of its users.
//
// It returns an error if the counters fail, or if both are empty. It is for support
// staff: do not show its result to callers who are not authenticated.
func (a *Auth) InspectLogin(ctx context.Context, login string, from netip.Addr) (Lockout, error) {
	b, err := a.budgetsOf(login, from)
	if err != nil {
		return Lockout{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, a.counterTimeout)
	defer cancel()
	l := Lockout{}
	if login != "" {
		l.Pseudonym = a.tokens.LoginPseudonym(a.guard.sameLogin(login))
	}
	over, err := a.over(ctx, b.open)
	if err != nil || over == nil && b.marks == nil {
		return l, err
	}
	if b.marks != nil {
		mark, err := a.over(ctx, b.marks)
		if err != nil {
			return l, err
		}
		l.Known = mark != nil
	}
	if over != nil && l.Known {
		known, err := a.over(ctx, b.known)
		if err != nil || known == nil {
			return l, err
		}
	}
	if over != nil {
		l.Locked = true
		l.Policy, l.RetryAfter = over.longest()
	}
	return l, nil
}

// LiftLockout gives a login and an address all attempts back that failed: the budgets
// of the login and, if an address is given, those of the address and of the login from
// there. An empty login: those of the address only. A zero address: those of the login
// from all addresses together; what it has failed from one address stays, so take the
// address from the throttled event. To lift the lockout of an account, call it for each
// login of its users.
//
// It returns an error if the counters fail, or if both are empty.
func (a *Auth) LiftLockout(ctx context.Context, login string, from netip.Addr) error {
	b, err := a.budgetsOf(login, from)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.counterTimeout)
	defer cancel()
	return a.counters.Reset(ctx, append(b.open, b.known...))
}

// loginBudgets are the charges of the next login.
type loginBudgets struct {
	open  []ratelimit.Charge // of the budgets that all names have
	known []ratelimit.Charge // of those of a known user
	marks []ratelimit.Charge // that the user is known
}

func (a *Auth) budgetsOf(login string, from netip.Addr) (b loginBudgets, err error) {
	if a.tokens == nil {
		return b, errNoTokens
	}
	if login == "" && !from.IsValid() {
		return b, errNoLockout
	}
	name := a.tokens.LoginPseudonym(a.guard.sameLogin(login))
	var at clientNetwork
	if from.IsValid() {
		if at, err = networkAt(from); err != nil {
			return b, err
		}
		for _, c := range a.networkCharges(ofAddress, at) {
			b.open = append(b.open, c.Charge)
		}
	}
	if login == "" {
		return b, nil
	}
	user := a.knownNetwork("user", name, at.net)
	source := user.source(a)
	b.open = append(b.open, a.budgetCharge(ofLogin, at.source, nil, name).Charge)
	b.known = append(b.known, a.budgetCharge(ofAllKnown, source, nil, name).Charge)
	if from.IsValid() {
		b.open = append(b.open, a.budgetCharge(ofPair, at.source, nil, at.net, name).Charge)
		b.known = append(b.known, a.budgetCharge(ofKnown, source, nil, at.net, name).Charge)
		b.marks = user.marks
	}
	return b, nil
}

// over returns the charges that could not be made now, or nil.
func (a *Auth) over(ctx context.Context, charges []ratelimit.Charge) (*overBudget, error) {
	d, err := a.counters.Peek(ctx, charges, nil)
	if err == nil && len(d.Status) != len(charges) {
		err = errStatuses
	}
	if err != nil || d.Allowed {
		return nil, err
	}
	return &overBudget{charges, d.Status}, nil
}
