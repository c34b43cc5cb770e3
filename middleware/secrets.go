package middleware

import (
	"errors"
	"net/http"

	"github.com/sallyport-go/sallyport/tokens"
)

// presented is what a request presents instead of a login: the client's ID and
// secret, and a refresh token, an API key or an access token.
type presented struct {
	clientID     string
	clientSecret tokens.Secret
	token        tokens.Secret // empty: none that is counted

	// asClient: the request is the client's own, which has to authenticate.
	asClient bool
}

// errNothing is the outcome of a revocation whose token names nothing to revoke.
var errNothing = errors.New("middleware: the token names nothing that could be revoked")

// secretGate is what presenting one secret costs.
type secretGate struct {
	open  []stake // charged for every caller
	known *known  // whether this client or this key has succeeded from this network; nil: it cannot be known
	own   stake   // what it costs the known, where the open stakes are spent
}

// attemptSecrets makes an attempt to present secrets, unless too many have failed.
// It costs nothing to present a refresh token that is genuine, whatever becomes of
// it: its 256 bits cannot be found by trying, and others at the same address could
// otherwise spend its budget.
func attemptSecrets[T any](a *Auth, r *http.Request, p presented, do func() (T, error)) (T, error) {
	var nothing T
	client := a.tokens.RegistersClients() && (p.clientSecret != "" || p.asClient)
	token := p.token != "" && !a.tokens.IsRefreshToken(p.token)
	if a.guard.off || !client && !token {
		return do()
	}
	from, err := a.peerOf(r)
	if err != nil {
		return nothing, err
	}
	var gates []secretGate
	if client {
		gates = append(gates, a.clientGate(from, p.clientID, a.networkStakes(ofAddress, from, tokens.ErrInvalidClient)))
	}
	if token {
		gates = append(gates, a.tokenGate(from, p.token))
	}
	t := &attempt{auth: a, request: r}
	var behind *throttle
	for i := range gates {
		over, err := t.enter(&gates[i])
		if err != nil {
			t.settle(err)
			return nothing, err
		}
		if behind == nil {
			behind = over
		}
	}
	result, err := try(t, do)
	if err == nil {
		for _, g := range gates {
			if g.known != nil {
				t.makeKnown(g.known)
			}
		}
	}
	if behind != nil && (errors.Is(err, tokens.ErrInvalidClient) || errors.Is(err, tokens.ErrInvalidKey)) {
		return nothing, t.refuse(behind, nil)
	}
	return result, err
}

// enter pays for a secret: the open stakes or, where they are spent, those of the
// known. In the second case it returns the throttle, and a failure is to look like
// it. An error is a refusal.
func (t *attempt) enter(g *secretGate) (*throttle, error) {
	over, err := t.pay(g.open...)
	if over == nil || err != nil {
		return nil, err
	}
	return over, t.enterKnown(g, over)
}

// enterKnown pays for a secret where a throttle refuses everybody who is not known.
func (t *attempt) enterKnown(g *secretGate, over *throttle) error {
	if g.known == nil {
		return t.refuse(over, nil)
	}
	known, err := t.isKnown(g.known)
	switch {
	case err != nil:
		return err
	case !known:
		return t.refuse(over, nil)
	}
	spent, err := t.pay(g.own)
	if err == nil && spent != nil {
		err = t.refuse(over, spent)
	}
	return err
}

// clientGate is what it costs to present a client secret. The client is counted
// within the budget of the address, because its ID is a text that anybody can
// choose: the stakes of the address are given, unless they were paid.
func (a *Auth) clientGate(from peer, id string, address []stake) secretGate {
	lost := []error{tokens.ErrInvalidClient}
	g := secretGate{open: append(address, a.stake(ofClient, from.source, lost, from.net, id))}
	if a.tokens.RequiresClients() { // else a success may have any ID
		k := a.known("client", id, from.net)
		g.known, g.own = &k, a.stake(ofKnownSecret, k.source(a), lost, "client", from.net, id)
	}
	return g
}

// tokenGate is what it costs to present a token that is no refresh token of ours.
func (a *Auth) tokenGate(from peer, token tokens.Secret) secretGate {
	lost := []error{tokens.ErrInvalidRefresh, tokens.ErrInvalidKey, tokens.ErrInvalidClient, errNothing}
	g := secretGate{open: a.networkStakes(ofToken, from, lost...)}
	if a.tokens.IsAPIKey(token) {
		k := a.known("key", string(token), from.net)
		g.known, g.own = &k, a.stake(ofKnownSecret, k.source(a), lost, "key", from.net, string(token))
	}
	return g
}
