package middleware

import (
	"context"
	"encoding/binary"
	"errors"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/sallyport-go/sallyport/internal/network"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
)

// stake is what an attempt costs, and the errors that show it to have been a
// guess. For any other outcome it is given back.
type stake struct {
	ratelimit.Charge

	lost []error
}

func (a *Auth) stake(budget int, lost error, parts ...string) stake {
	return stake{a.guess(a.guard.policies[budget], parts...), []error{lost}}
}

// guess is a charge under a name that says nothing of its parts, and in which
// no two lists of them are the same.
func (a *Auth) guess(p ratelimit.Policy, parts ...string) ratelimit.Charge {
	text := []byte(p.Name)
	for _, part := range parts {
		text = binary.AppendUvarint(text, uint64(len(part)))
		text = append(text, part...)
	}
	return ratelimit.Charge{Key: p.Name + "/" + a.tokens.Pseudonym(string(text)), Policy: p, Cost: 1}
}

// networkOf is where a request comes from. One that comes from nowhere is
// refused: it would share its counters with all of its kind.
func (a *Auth) networkOf(r *http.Request) (string, error) {
	addr, err := a.clientIP(r)
	var net netip.Prefix
	if err == nil {
		net, err = network.Of(addr, 32, 64)
	}
	if err != nil {
		a.tokens.Report(a.located(r), events.Event{Kind: events.Fault, Err: err})
		return "", wire.NewError(wire.ReasonMalformed, err) // a middleware may have copied the address from a header
	}
	return net.String(), nil
}

var errStatuses = errors.New("middleware: the counters returned another number of statuses than there were charges")

// attempt does what may be a guess, unless there were too many of them. The
// stakes are paid before, so that no two attempts are made on the last one.
func attempt[T any](a *Auth, r *http.Request, stakes []stake, do func() (T, error)) (T, error) {
	paid, err := a.pay(r, stakes)
	if err != nil {
		var nothing T
		return nothing, err
	}
	result, err := do()
	if len(paid) > 0 && !errors.Is(err, context.Canceled) { // who hangs up in the middle has had the work done
		a.giveBack(r, paid, err)
	}
	return result, err
}

// pay makes the charges, or refuses what cannot be paid for. It returns what may
// be given back.
func (a *Auth) pay(r *http.Request, stakes []stake) ([]stake, error) {
	if len(stakes) == 0 {
		return nil, nil
	}
	ctx, cancel := a.counting(r)
	defer cancel()
	charges := make([]ratelimit.Charge, len(stakes))
	for i, s := range stakes {
		charges[i] = s.Charge
	}
	d, err := a.counters.Take(ctx, charges, nil)
	switch {
	case err == nil && len(d.Status) != len(charges):
		return nil, a.uncounted(r, errStatuses)
	case err != nil: // it is not known what was charged, so nothing is given back
		return nil, a.uncounted(r, err)
	case d.Allowed:
		return stakes, nil
	}
	e := wire.NewError(wire.ReasonThrottled, nil)
	e.RetryAfter = time.Second
	violated := ""
	for i, s := range d.Status {
		if !s.Allowed {
			e.RetryAfter = max(e.RetryAfter, s.RetryAfter)
			violated = charges[i].Policy.Name
		}
	}
	a.tokens.Report(a.located(r), events.Event{Kind: events.Throttled, Policy: violated})
	return nil, e
}

// giveBack refunds the stakes that the outcome has not lost.
func (a *Auth) giveBack(r *http.Request, stakes []stake, outcome error) {
	var charges []ratelimit.Charge
	for _, s := range stakes {
		lost := false
		for _, err := range s.lost {
			lost = lost || errors.Is(outcome, err)
		}
		if !lost {
			charges = append(charges, s.Charge)
		}
	}
	if len(charges) == 0 {
		return
	}
	ctx, cancel := a.counting(r)
	defer cancel()
	if err := a.counters.Refund(ctx, charges); err != nil {
		_ = a.uncounted(r, err) // the answer is what it is
	}
}

// uncounted reports a failure of the counters, and refuses unless the host
// wants it otherwise.
func (a *Auth) uncounted(r *http.Request, err error) error {
	a.tokens.Report(a.located(r), events.Event{Kind: events.CounterFailure, Policy: "guesses", Err: err})
	if a.guard.onFailure == ratelimit.FailOpen {
		return nil
	}
	return wire.NewError(wire.ReasonUnavailable, err)
}

// counting is the context of one decision: whoever hangs up has guessed all the
// same.
func (a *Auth) counting(r *http.Request) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(r.Context()), a.counterTimeout)
}

// clientStake is for a client that shows a secret.
func (a *Auth) clientStake(net, id string, secret tokens.Secret) []stake {
	if secret == "" || !a.tokens.RegistersClients() {
		return nil
	}
	return []stake{a.stake(ofClient, tokens.ErrInvalidClient, net, id)}
}

// clientStakes are for whoever presents nothing else.
func (a *Auth) clientStakes(r *http.Request, c wire.Client) ([]stake, error) {
	if a.guard.off || c.Secret == "" {
		return nil, nil
	}
	net, err := a.networkOf(r)
	if err != nil {
		return nil, err
	}
	return a.clientStake(net, c.ID, c.Secret), nil
}

// tokenStakes are for whoever presents a refresh token or an API key. A refresh
// token that is ours costs nothing, whatever becomes of it: nobody guesses 256
// bits, and it would be for others at the same address to spend.
func (a *Auth) tokenStakes(r *http.Request, token tokens.Secret, clientID string, clientSecret tokens.Secret) ([]stake, error) {
	genuine := a.tokens.IsRefreshToken(token)
	if a.guard.off || genuine && clientSecret == "" {
		return nil, nil
	}
	net, err := a.networkOf(r)
	if err != nil {
		return nil, err
	}
	stakes := a.clientStake(net, clientID, clientSecret)
	if !genuine {
		s := a.stake(ofToken, tokens.ErrInvalidRefresh, net)
		s.lost = append(s.lost, tokens.ErrInvalidKey)
		stakes = append(stakes, s)
	}
	return stakes, nil
}

// knowledge is what is known of a login from an address.
type knowledge struct {
	known bool
	marks []ratelimit.Charge // that say it: of the current epoch, and of the one before
	fresh []ratelimit.Charge // what starts afresh when the user gets in
}

// know asks whether a user has got in from a network, under a name.
func (a *Auth) know(r *http.Request, net, name string) (knowledge, error) {
	var k knowledge
	period := int64(a.guard.known.Window / 2 / time.Second)
	for _, age := range []int64{0, 1} {
		epoch := strconv.FormatInt(a.now().Unix()/period-age, 10)
		k.marks = append(k.marks, a.guess(a.guard.known, epoch, net, name))
	}
	ctx, cancel := a.counting(r)
	defer cancel()
	d, err := a.counters.Peek(ctx, k.marks, nil)
	if err != nil {
		return k, a.uncounted(r, err)
	}
	k.known = !d.Allowed
	return k, nil
}

// remember makes the address a known one.
func (a *Auth) remember(r *http.Request, k knowledge) {
	ctx, cancel := a.counting(r)
	defer cancel()
	err := a.counters.Reset(ctx, k.fresh)
	if err == nil {
		_, err = a.counters.Take(ctx, k.marks[:1], nil) // one that is there stays
	}
	if err != nil {
		_ = a.uncounted(r, err)
	}
}
