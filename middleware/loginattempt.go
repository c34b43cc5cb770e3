package middleware

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/tokens"
)

// loginAttempt is one login while it is decided and made.
//
// The response depends on the open budgets alone: those of the address, of the
// client, of the login and of the pair. They are the same for all names. While
// they are used up, a user who is known at the address has budgets of their own:
// the right password is answered as at any time, and any other outcome looks like the
// rejection that every name gets there.
type loginAttempt struct {
	attempt

	from      clientNetwork
	name      string // the pseudonym of the login
	user      knownNetwork
	knownHere bool        // the user has logged in from this address
	spent     *overBudget // the user is not known, and has used up the budget of right passwords

	behind       *overBudget   // the open budgets are used up, and those of the known user are charged
	client       *knownNetwork // nil: no client has presented a secret, or it cannot be known
	behindClient *overBudget   // the open budget of the client is used up, and that of the known client is charged
}

// newLoginAttempt returns the attempt to log in of a request, under the pseudonym of
// the login.
func (a *Auth) newLoginAttempt(r *http.Request, name string) (*loginAttempt, error) {
	from, err := a.networkOf(r)
	if err != nil {
		return nil, err
	}
	return &loginAttempt{
		attempt: attempt{attemptCounters: attemptCounters{a, r}, pseudonym: name},
		from:    from, name: name, user: a.knownNetwork("user", name, from.net),
	}, nil
}

// payCaller charges an attempt before the password is verified: the budgets of
// the address and of the client.
func (t *loginAttempt) payCaller(clientID string, clientSecret tokens.Secret) error {
	err := t.payAddress()
	if err == nil && clientSecret != "" && t.auth.tokens.RegistersClients() {
		err = t.payClient(clientID)
	}
	if err != nil {
		t.settle(err)
	}
	return err
}

// payAddress charges the budgets of the address.
func (t *loginAttempt) payAddress() error {
	over, err := t.pay(t.auth.networkCharges(ofAddress, t.from, tokens.ErrBadCredentials, tokens.ErrInvalidClient)...)
	if err != nil {
		return err
	}
	if err := t.lookUp(); err != nil || over == nil {
		return err
	}
	return t.payKnown(over)
}

// lookUp finds out whether the user is known here. A user who is not pays for a right
// password afterwards, because names that any caller can choose must make no counter
// of a success; so it looks up that budget too.
func (t *loginAttempt) lookUp() error {
	ctx, cancel := t.counting()
	defer cancel()
	marks := len(t.user.marks)
	charges := append(slices.Clip(t.user.marks), t.success().Charge)
	d, err := t.auth.counters.Peek(ctx, charges, nil)
	if err == nil && len(d.Status) != len(charges) {
		err = errStatuses
	}
	if err != nil {
		return t.failed(err)
	}
	t.knownHere = slices.ContainsFunc(d.Status[:marks], func(s ratelimit.Status) bool { return !s.Allowed })
	if !t.knownHere && !d.Status[marks].Allowed {
		t.spent = &overBudget{charges[marks:], d.Status[marks:]}
	}
	return nil
}

// payClient charges the presentation of a client secret.
func (t *loginAttempt) payClient(id string) (err error) {
	c := t.auth.clientCharges(t.from, id, nil)
	t.client = c.known
	if t.behind != nil { // nothing that the caller chose is counted any more
		return c.payKnown(&t.attempt, t.behind)
	}
	t.behindClient, err = c.pay(&t.attempt)
	return err
}

// beforePassword charges the verification of a password, after the client was
// authenticated. A known user may have paid for everything before.
func (t *loginAttempt) beforePassword(context.Context) error {
	if t.behind == nil {
		if err := t.payPassword(); err != nil {
			return err
		}
	}
	t.checked = true
	return nil
}

// payPassword charges the budgets of the login, of the pair and, for a user who
// is known here, of right passwords.
func (t *loginAttempt) payPassword() error {
	lost := []error{tokens.ErrBadCredentials}
	charges := []budgetCharge{
		t.auth.budgetCharge(ofLogin, t.from.source, lost, t.name),
		t.auth.budgetCharge(ofPair, t.from.source, lost, t.from.net, t.name),
	}
	if t.knownHere {
		charges = append(charges, t.success())
	}
	over, err := t.pay(charges...)
	switch {
	case err != nil:
		return err
	case over == nil && t.spent != nil:
		return t.refuse(t.spent, nil)
	case over == nil:
		return nil
	}
	if open := over.first(2); open != nil {
		return t.payKnown(open)
	}
	return t.refuse(over, nil) // too many right passwords
}

// payKnown charges the attempt of a known user while the open budgets are used
// up, and rejects all others.
func (t *loginAttempt) payKnown(open *overBudget) error {
	if !t.knownHere {
		return t.refuse(open, nil)
	}
	over, err := t.pay(t.knownPair(), t.allKnown(), t.success())
	switch {
	case err != nil:
		return err
	case over != nil:
		return t.refuse(open, over)
	}
	t.behind = open
	return nil
}

func (t *loginAttempt) knownPair() budgetCharge {
	return t.auth.budgetCharge(ofKnown, t.user.source(t.auth), lostByKnown, t.from.net, t.name)
}

func (t *loginAttempt) allKnown() budgetCharge {
	return t.auth.budgetCharge(ofAllKnown, t.user.source(t.auth), lostByKnown, t.name)
}

var lostByKnown = []error{tokens.ErrBadCredentials, tokens.ErrInvalidClient}

// success returns the charge of a right password.
func (t *loginAttempt) success() budgetCharge {
	s := t.auth.budgetCharge(ofSuccess, t.user.source(t.auth), nil, t.from.net, t.name)
	s.success = true
	return s
}

// refusal returns the rejection of an attempt that has failed: while the budgets
// are used up that all names have, it looks like the rejection that every name
// gets, unless the password was right.
func (t *loginAttempt) refusal(err error) error {
	switch {
	case t.isRight(err):
		t.payRight()
		return err
	case t.behind != nil:
		return t.refuse(t.behind, nil)
	case t.behindClient != nil && errors.Is(err, tokens.ErrInvalidClient):
		return t.refuse(t.behindClient, nil)
	}
	return err
}

// payRight charges the right password of a user who is not known here, whether or
// not it has logged them in.
func (t *loginAttempt) payRight() {
	if t.knownHere {
		return // it was paid before
	}
	ctx, cancel := t.counting()
	defer cancel()
	c := t.success().Charge
	c.Done = true
	if _, err := t.auth.counters.Take(ctx, []ratelimit.Charge{c}, nil); err != nil {
		_ = t.failed(err)
	}
}

// remember marks the address as known for the user, resets the two budgets, and
// counts the success of a user who was not known before.
func (t *loginAttempt) remember() {
	a := t.auth
	ctx, cancel := t.counting()
	defer cancel()
	pair := a.budgetCharge(ofPair, t.from.source, nil, t.from.net, t.name)
	if err := a.counters.Reset(ctx, []ratelimit.Charge{pair.Charge, t.knownPair().Charge, t.allKnown().Charge}); err != nil {
		_ = t.failed(err)
	}
	t.payRight()
	t.user.makeKnown(t.attemptCounters)
	if t.client != nil {
		t.client.makeKnown(t.attemptCounters)
	}
}
