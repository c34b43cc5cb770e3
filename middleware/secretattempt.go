package middleware

import (
	"errors"
	"net/http"

	"github.com/sallyport-go/sallyport/tokens"
)

// presented are the secrets of a request without a login: the client's ID and
// secret, and a refresh token, an API key or an access token.
type presented struct {
	clientID     string
	clientSecret tokens.Secret
	token        tokens.Secret // empty: none that is counted

	// asClient: the request is the client's own, which has to authenticate.
	asClient bool
}

// errNothing is the outcome of a revocation whose token has nothing to revoke.
var errNothing = errors.New("middleware: the token names nothing that could be revoked")

// attemptSecrets makes an attempt to present secrets, unless too many have
// failed. A genuine refresh token costs nothing, whatever the outcome: its 256
// bits cannot be found by trying, and others at the same address could otherwise
// use up its budget.
func attemptSecrets[T any](a *Auth, r *http.Request, p presented, do func() (T, error)) (T, error) {
	client := a.tokens.RegistersClients() && (p.clientSecret != "" || p.asClient)
	token := p.token != "" && !a.tokens.IsRefreshToken(p.token)
	if a.guard.off || !client && !token {
		return do()
	}
	var nothing T
	from, err := a.networkOf(r)
	if err != nil {
		return nothing, err
	}
	t := &secretAttempt{attempt: attempt{attemptCounters: attemptCounters{a, r}}}
	if client {
		t.secrets = append(t.secrets, a.clientCharges(from, p.clientID, a.networkCharges(ofAddress, from, tokens.ErrInvalidClient)))
	}
	if token {
		t.secrets = append(t.secrets, a.tokenCharges(from, p.token))
	}
	if err := t.paySecrets(); err != nil {
		return nothing, err
	}
	result, err := try(&t.attempt, do)
	if err != nil {
		return nothing, t.refusal(err)
	}
	t.remember()
	return result, nil
}

// secretAttempt is one attempt to present secrets while it is decided and made.
type secretAttempt struct {
	attempt

	secrets []secretCharges
	behind  *overBudget // the open budgets of a secret are used up, and that of the known caller is charged
}

// paySecrets charges all of the secrets. An error rejects the request.
func (t *secretAttempt) paySecrets() error {
	for i := range t.secrets {
		over, err := t.secrets[i].pay(&t.attempt)
		if err != nil {
			t.settle(err)
			return err
		}
		if t.behind == nil {
			t.behind = over
		}
	}
	return nil
}

// refusal returns the rejection of an attempt that has failed: while the open
// budgets are used up, a wrong secret looks like the rejection that every caller
// gets.
func (t *secretAttempt) refusal(err error) error {
	if t.behind != nil && (errors.Is(err, tokens.ErrInvalidClient) || errors.Is(err, tokens.ErrInvalidKey)) {
		return t.refuse(t.behind, nil)
	}
	return err
}

// remember marks the network as known for the client and the key.
func (t *secretAttempt) remember() {
	for _, s := range t.secrets {
		if s.known != nil {
			s.known.makeKnown(t.attemptCounters)
		}
	}
}
