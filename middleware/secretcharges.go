package middleware

import "github.com/sallyport-go/sallyport/tokens"

// secretCharges is what presenting one secret costs.
type secretCharges struct {
	open  []budgetCharge // made for every caller
	known *knownNetwork  // whether this client or this key has succeeded from this network; nil: it cannot be known
	own   budgetCharge   // what it costs the known, where the open budgets are spent
}

// clientCharges is what it costs to present a client secret. The client is counted
// within the budget of the address, because its ID is a text that anybody can
// choose: the charges of the address are given, unless they were paid.
func (a *Auth) clientCharges(from clientNetwork, id string, address []budgetCharge) secretCharges {
	lost := []error{tokens.ErrInvalidClient}
	c := secretCharges{open: append(address, a.budgetCharge(ofClient, from.source, lost, from.net, id))}
	if a.tokens.RequiresClients() { // else a success may have any ID
		k := a.knownNetwork("client", id, from.net)
		c.known, c.own = &k, a.budgetCharge(ofKnownSecret, k.source(a), lost, "client", from.net, id)
	}
	return c
}

// tokenCharges is what it costs to present a token that is no refresh token of ours.
func (a *Auth) tokenCharges(from clientNetwork, token tokens.Secret) secretCharges {
	lost := []error{tokens.ErrInvalidRefresh, tokens.ErrInvalidKey, tokens.ErrInvalidClient, errNothing}
	c := secretCharges{open: a.networkCharges(ofToken, from, lost...)}
	if a.tokens.IsAPIKey(token) {
		k := a.knownNetwork("key", string(token), from.net)
		c.known, c.own = &k, a.budgetCharge(ofKnownSecret, k.source(a), lost, "key", from.net, string(token))
	}
	return c
}

// pay pays for a secret: the open budgets or, where they are spent, those of the
// known. In the second case it returns what is over its budget, and a failure is to
// look like it. An error is a refusal.
func (c *secretCharges) pay(t *attempt) (*overBudget, error) {
	over, err := t.pay(c.open...)
	if over == nil || err != nil {
		return nil, err
	}
	return over, c.payKnown(t, over)
}

// payKnown pays for a secret where a spent budget refuses everybody who is not known.
func (c *secretCharges) payKnown(t *attempt, over *overBudget) error {
	if c.known == nil {
		return t.refuse(over, nil)
	}
	known, err := c.known.isKnown(t.attemptCounters)
	switch {
	case err != nil:
		return err
	case !known:
		return t.refuse(over, nil)
	}
	spent, err := t.pay(c.own)
	if err == nil && spent != nil {
		err = t.refuse(over, spent)
	}
	return err
}
