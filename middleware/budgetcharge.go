package middleware

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/sallyport-go/sallyport/middleware/ratelimit"
)

// budgetCharge is what an attempt costs of one budget. It is charged before the attempt is made, and
// given back when the outcome has not lost it.
type budgetCharge struct {
	ratelimit.Charge

	lost    []error // the outcomes that keep it
	success bool    // only a right password keeps it
}

// isLost reports whether the outcome of an attempt keeps the charge; right is true
// if the password was right. A client that disconnects has had the work done, so
// what a failure costs stays charged.
func (c *budgetCharge) isLost(outcome error, right bool) bool {
	if c.success {
		return right
	}
	if errors.Is(outcome, context.Canceled) {
		return true
	}
	return slices.ContainsFunc(c.lost, func(err error) bool { return errors.Is(outcome, err) })
}

// budgetCharge returns the charge of a budget. The parts say whose budget it is.
func (a *Auth) budgetCharge(budget int, source string, lost []error, parts ...string) budgetCharge {
	c := a.counter(a.guard.policies[budget], parts...)
	c.Group, c.Source = budgets[budget].group, source
	return budgetCharge{Charge: c, lost: lost}
}

// networkCharges returns the charges of a budget of an address, and those of the
// wider networks of an IPv6 address.
func (a *Auth) networkCharges(budget int, from clientNetwork, lost ...error) []budgetCharge {
	all := []budgetCharge{a.budgetCharge(budget, from.source, lost, from.net)}
	for i, net := range from.wider {
		c := a.counter(widerNetworks[i].of(a.guard.policies[budget]), net)
		c.Group, c.Source = budgets[budget].group, from.source
		all = append(all, budgetCharge{Charge: c, lost: lost})
	}
	return all
}

// counter returns a charge under a key that is derived from the policy's name and the
// parts. The key does not reveal the parts, and different lists of parts have different
// keys.
func (a *Auth) counter(p ratelimit.Policy, parts ...string) ratelimit.Charge {
	text := []byte(p.Name)
	for _, part := range parts {
		text = binary.AppendUvarint(text, uint64(len(part)))
		text = append(text, part...)
	}
	return ratelimit.Charge{Key: p.Name + "/" + a.tokens.Pseudonym(string(text)), Policy: p, Cost: 1}
}
