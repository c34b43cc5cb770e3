package middleware

import "github.com/sallyport-go/sallyport/tokens"

// secretCharges are the charges of presenting one secret.
type secretCharges struct {
	open  []budgetCharge // for every caller
	known *knownNetwork  // whether this client or this key has succeeded from this network; nil: it cannot be known
	own   budgetCharge   // the charges of a known caller, if the open budgets are used up
}

// clientCharges returns the charges of presenting a client secret. The client is
// counted within the budget of the address, because any caller can choose its ID:
// address has the charges of the address, unless they were paid.
func (a *Auth) clientCharges(from clientNetwork, id string, address []budgetCharge) secretCharges {
	lost := []error{tokens.ErrInvalidClient}
	c := secretCharges{open: append(address, a.budgetCharge(ofClient, from.source, lost, from.net, id))}
	if a.tokens.RequiresClients() { // otherwise a success may have any ID
		k := a.knownNetwork("client", id, from.net)
		c.known, c.own = &k, a.budgetCharge(ofKnownSecret, k.source(a), lost, "client", from.net, id)
	}
	return c
}

// tokenCharges returns the charges of presenting a token that is not a genuine
// refresh token.
func (a *Auth) tokenCharges(from clientNetwork, token tokens.Secret) secretCharges {
	lost := []error{tokens.ErrInvalidRefresh, tokens.ErrInvalidKey, tokens.ErrInvalidClient, errNothing}
	c := secretCharges{open: a.networkCharges(ofToken, from, lost...)}
	if a.tokens.IsAPIKey(token) {
		k := a.knownNetwork("key", string(token), from.net)
		c.known, c.own = &k, a.budgetCharge(ofKnownSecret, k.source(a), lost, "key", from.net, string(token))
	}
	return c
}

// pay charges a secret: the open budgets or, while they are used up, those of the
// known caller. In the second case it returns what is over its budget, and a
// failure must look like it. An error rejects the request.
func (c *secretCharges) pay(t *attempt) (*overBudget, error) {
	over, err := t.pay(c.open...)
	if over == nil || err != nil {
		return nil, err
	}
	return over, c.payKnown(t, over)
}

// payKnown charges a secret while a used-up budget rejects all callers who are
// not known.
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
