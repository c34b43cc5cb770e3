package middleware

import (
	"context"
	"encoding/binary"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/sallyport-go/sallyport/tokens"
)

// attempt is a guess that is paid for and not yet judged.
type attempt struct {
	door *Auth
	r    *http.Request

	charges []Charge
	marks   []Charge // of the address as a known one: the current, and the one before
	fresh   []Charge // what starts afresh when the user gets in
}

// attemptLogin pays for a login, or refuses it before anybody has looked at it.
func (a *Auth) attemptLogin(r *http.Request, login string) (*attempt, error) {
	if a.guard.off {
		return nil, nil
	}
	net, err := a.networkOf(r)
	if err != nil {
		return nil, err
	}
	name := a.guard.sameLogin(login)
	t := &attempt{door: a, r: r}
	period := int64(a.guard.known.Window / 2 / time.Second)
	for _, age := range []int64{0, 1} {
		epoch := strconv.FormatInt(a.now().Unix()/period-age, 10)
		t.marks = append(t.marks, a.guess(a.guard.known, epoch, net, name))
	}
	pair := a.guess(a.guard.policies[ofPair], net, name)
	known := a.guess(a.guard.policies[ofKnown], net, name)
	t.fresh = []Charge{pair, known}
	return t, t.begin(func(ctx context.Context) (Decision, error) {
		d, err := a.counters.Peek(ctx, t.marks)
		if err != nil {
			return d, err
		}
		if !d.Allowed { // one of the marks is there
			t.charges = []Charge{known}
		} else {
			t.charges = []Charge{
				a.guess(a.guard.policies[ofAddress], net),
				a.guess(a.guard.policies[ofLogin], name),
				pair,
			}
		}
		return a.counters.Take(ctx, t.charges)
	})
}

// attemptToken pays for an API key, or for what is neither one nor a refresh
// token of ours.
func (a *Auth) attemptToken(r *http.Request) (*attempt, error) {
	if a.guard.off {
		return nil, nil
	}
	net, err := a.networkOf(r)
	if err != nil {
		return nil, err
	}
	t := &attempt{door: a, r: r, charges: []Charge{a.guess(a.guard.policies[ofToken], net)}}
	return t, t.begin(func(ctx context.Context) (Decision, error) { return a.counters.Take(ctx, t.charges) })
}

// guess is a charge under a name that says nothing of its parts, and in which
// no two lists of them are the same.
func (a *Auth) guess(p Policy, parts ...string) Charge {
	text := []byte(p.Name)
	for _, part := range parts {
		text = binary.AppendUvarint(text, uint64(len(part)))
		text = append(text, part...)
	}
	return Charge{Key: p.Name + "/" + a.tokens.Pseudonym(string(text)), Policy: p, Cost: 1}
}

// networkOf is where a request comes from. One that comes from nowhere is
// refused: it would share its counters with all of its kind.
func (a *Auth) networkOf(r *http.Request) (string, error) {
	addr, err := a.clientIP(r)
	var net netip.Prefix
	if err == nil {
		net, err = network(addr)
	}
	if err != nil {
		a.tokens.Report(a.located(r), tokens.Event{Kind: tokens.EventFault, Err: err})
		return "", refusal(ReasonInternal, err)
	}
	return net.String(), nil
}

// begin refuses what cannot be paid for.
func (t *attempt) begin(take func(context.Context) (Decision, error)) error {
	ctx, cancel := t.context()
	defer cancel()
	d, err := take(ctx)
	if err == nil && len(d.Status) != len(t.charges) {
		err = errConfused
	}
	if err != nil {
		t.failed(err)
		t.charges = nil // it is not known what was charged, so nothing is given back
		if t.door.guard.onFailure == FailOpen {
			return nil
		}
		return refusal(ReasonUnavailable, err)
	}
	if d.Allowed {
		return nil
	}
	e := refusal(ReasonThrottled, nil)
	e.RetryAfter = time.Second
	violated := ""
	for i, s := range d.Status {
		if !s.Allowed {
			e.RetryAfter = max(e.RetryAfter, s.RetryAfter)
			violated = t.charges[i].Policy.Name
		}
	}
	t.door.tokens.Report(t.door.located(t.r), tokens.Event{Kind: tokens.EventThrottled, Policy: violated})
	return e
}

// won gives back what the attempt has cost, and makes the address a known one.
func (t *attempt) won() {
	if t == nil {
		return
	}
	t.settle(func(ctx context.Context) error {
		if err := t.refund(ctx); err != nil || len(t.marks) == 0 {
			return err
		}
		if err := t.door.counters.Reset(ctx, t.fresh); err != nil {
			return err
		}
		_, err := t.door.counters.Take(ctx, t.marks[:1]) // one that is there stays
		return err
	})
}

// void gives back what the attempt has cost: nothing was guessed.
func (t *attempt) void() {
	if t != nil {
		t.settle(t.refund)
	}
}

func (t *attempt) refund(ctx context.Context) error {
	if len(t.charges) == 0 {
		return nil
	}
	return t.door.counters.Refund(ctx, t.charges)
}

// settle does not hold up the answer: who is in is in.
func (t *attempt) settle(f func(context.Context) error) {
	ctx, cancel := t.context()
	defer cancel()
	if err := f(ctx); err != nil {
		t.failed(err)
	}
}

// context is for one decision: whoever hangs up has guessed all the same.
func (t *attempt) context() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(t.r.Context()), t.door.counterTimeout)
}

func (t *attempt) failed(err error) {
	t.door.tokens.Report(t.door.located(t.r), tokens.Event{Kind: tokens.EventCounterFailure, Policy: "guesses", Err: err})
}
