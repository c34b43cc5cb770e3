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
	"github.com/sallyport-go/sallyport/tokens/events"
)

// peer is where an attempt comes from.
type peer struct {
	net    string   // an IPv4 address, or the /64 of an IPv6 address
	wider  []string // the /56 and the /48 of an IPv6 address
	source string   // see Charge.Source
}

// peerOf returns where a request comes from. A request without an address is
// refused: it would share its counters with all requests without one.
func (a *Auth) peerOf(r *http.Request) (peer, error) {
	addr, err := a.clientIP(r)
	var net netip.Prefix
	if err == nil {
		net, err = network.Of(addr, 32, 64)
	}
	if err != nil {
		a.tokens.Report(a.located(r), events.Event{Kind: events.Fault, Err: err})
		return peer{}, wire.NewError(wire.ReasonMalformed, err) // a middleware may have copied the address from a header
	}
	p := peer{net: net.String(), source: network.Source(net)}
	if net.Addr().Is6() {
		for _, w := range widerNetworks {
			p.wider = append(p.wider, netip.PrefixFrom(net.Addr(), w.bits).Masked().String())
		}
	}
	return p, nil
}

var errStatuses = errors.New("middleware: the counters returned another number of statuses than there were charges")

// stake is what an attempt costs. It is charged before the attempt is made, and
// given back when the outcome has not lost it.
type stake struct {
	ratelimit.Charge

	lost    []error // the outcomes that lose it
	success bool    // a success loses it, and nothing else
}

// isLost reports whether the outcome of an attempt loses the stake. A client that
// disconnects has had the work done, so what a failure costs stays charged.
func (s *stake) isLost(outcome error) bool {
	if s.success {
		return outcome == nil
	}
	if errors.Is(outcome, context.Canceled) {
		return true
	}
	for _, err := range s.lost {
		if errors.Is(outcome, err) {
			return true
		}
	}
	return false
}

// stake is the stake of a budget. The parts say whose budget it is.
func (a *Auth) stake(budget int, source string, lost []error, parts ...string) stake {
	c := a.counter(a.guard.policies[budget], parts...)
	c.Group, c.Source = budgets[budget].group, source
	return stake{Charge: c, lost: lost}
}

// networkStakes are the stakes of a budget that belongs to an address, and those of
// the wider networks of an IPv6 address.
func (a *Auth) networkStakes(budget int, from peer, lost ...error) []stake {
	stakes := []stake{a.stake(budget, from.source, lost, from.net)}
	for i, net := range from.wider {
		c := a.counter(widerNetworks[i].of(a.guard.policies[budget]), net)
		c.Group, c.Source = budgets[budget].group, from.source
		stakes = append(stakes, stake{Charge: c, lost: lost})
	}
	return stakes
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

// throttle says that an attempt is over a budget.
type throttle struct {
	charges []ratelimit.Charge
	status  []ratelimit.Status // of each charge
}

// first is the throttle of the first n charges, nil if none of them is over.
func (o *throttle) first(n int) *throttle {
	for _, s := range o.status[:n] {
		if !s.Allowed {
			return &throttle{o.charges[:n], o.status[:n]}
		}
	}
	return nil
}

// longest returns the budget that has the caller wait longest, and for how long.
func (o *throttle) longest() (policy string, wait time.Duration) {
	policy = o.charges[0].Policy.Name
	for i, s := range o.status {
		if !s.Allowed && s.RetryAfter > wait {
			policy, wait = o.charges[i].Policy.Name, s.RetryAfter
		}
	}
	return policy, max(wait, time.Second)
}

// attempt is an attempt to present a secret, while it is decided and made.
type attempt struct {
	auth    *Auth
	request *http.Request
	paid    []stake
}

// pay makes the charges of stakes. With a throttle it has made none of them.
func (t *attempt) pay(stakes ...stake) (*throttle, error) {
	a := t.auth
	ctx, cancel := a.counting(t.request)
	defer cancel()
	charges := make([]ratelimit.Charge, len(stakes))
	for i := range stakes {
		charges[i] = stakes[i].Charge
	}
	d, err := a.counters.Take(ctx, charges, nil)
	if err == nil && len(d.Status) != len(charges) {
		err = errStatuses
	}
	switch {
	case err != nil: // it is not known what was charged, so nothing is given back
		return nil, a.uncounted(t.request, err)
	case d.Allowed:
		t.paid = append(t.paid, stakes...)
		return nil, nil //nolint:nilnil // nothing refuses
	}
	return &throttle{charges, d.Status}, nil
}

// refuse reports a throttle and makes the refusal. The caller is told to wait as
// long as over says; the host is told the budget of the reason, if there is one. A
// refusal does not tell who is known.
func (t *attempt) refuse(over, reason *throttle) error {
	e := wire.NewError(wire.ReasonThrottled, nil)
	var policy string
	policy, e.RetryAfter = over.longest()
	if reason != nil {
		policy, _ = reason.longest()
	}
	t.auth.tokens.Report(t.auth.located(t.request), events.Event{Kind: events.Throttled, Policy: policy})
	return e
}

// try makes an attempt that is paid for, and gives back what its outcome has not
// lost. A panic loses nothing.
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

// settle gives back the stakes that the outcome has not lost.
func (t *attempt) settle(outcome error) {
	var back []stake
	for i := range t.paid {
		if !t.paid[i].isLost(outcome) {
			back = append(back, t.paid[i])
		}
	}
	t.giveBack(back)
	t.paid = nil
}

func (t *attempt) giveBack(stakes []stake) {
	if len(stakes) == 0 {
		return
	}
	charges := make([]ratelimit.Charge, len(stakes))
	for i := range stakes {
		charges[i] = stakes[i].Charge
	}
	ctx, cancel := t.auth.counting(t.request)
	defer cancel()
	if err := t.auth.counters.Refund(ctx, charges); err != nil {
		_ = t.auth.uncounted(t.request, err) // the answer is what it is
	}
}

// uncounted reports a failure of the counters, and refuses unless the host
// wants it otherwise.
func (a *Auth) uncounted(r *http.Request, err error) error {
	a.tokens.Report(a.located(r), events.Event{Kind: events.CounterFailure, Policy: "bruteforce", Err: err})
	if a.guard.onFailure == ratelimit.FailOpen {
		return nil
	}
	return wire.NewError(wire.ReasonUnavailable, err)
}

// counting is the context of one decision. A client that disconnects is counted all
// the same.
func (a *Auth) counting(r *http.Request) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(r.Context()), a.counterTimeout)
}

// known says whether somebody has succeeded from a network before, by two marks: that
// of the current epoch, and that of the one before. A success makes them, and nothing
// else does.
type known struct {
	marks []ratelimit.Charge
	owner string // who has succeeded, and takes the capacity
}

// known is what is known of an owner at a network; kind says what the owner is.
func (a *Auth) known(kind, owner, net string) known {
	period := int64(a.guard.known.Window / 2 / time.Second)
	epoch := a.now().Unix() / period
	c := a.counter(a.guard.known, kind, net, owner)
	c.Group = ratelimit.GroupKnown
	k := known{marks: []ratelimit.Charge{c, c}, owner: kind + "/" + owner}
	for age := range k.marks {
		k.marks[age].Key += "/" + strconv.FormatInt(epoch-int64(age), 10)
	}
	return k
}

// source is who takes the capacity: see Charge.Source.
func (k *known) source(a *Auth) string { return a.tokens.Pseudonym("bruteforce/" + k.owner) }

// isKnown reports whether one of the marks was made.
func (t *attempt) isKnown(k *known) (bool, error) {
	ctx, cancel := t.auth.counting(t.request)
	defer cancel()
	d, err := t.auth.counters.Peek(ctx, k.marks, nil)
	if err != nil {
		return false, t.auth.uncounted(t.request, err)
	}
	return !d.Allowed, nil
}

// makeKnown makes the mark of the current epoch, unless it is there.
func (t *attempt) makeKnown(k *known) {
	ctx, cancel := t.auth.counting(t.request)
	defer cancel()
	c := k.marks[0]
	c.Source = k.source(t.auth)
	if _, err := t.auth.counters.Take(ctx, []ratelimit.Charge{c}, nil); err != nil {
		_ = t.auth.uncounted(t.request, err)
	}
}
