// Package remote has what counters on a server have in common: what a node can decide
// without a round trip, from rejections that it remembers and from what it has charged in
// advance.
package remote

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/sallyport-go/sallyport/internal/configcheck"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
)

// Task is what a server does with charges.
type Task string

// The methods of ratelimit.Counters that need the server.
const (
	Take   Task = "take"
	Peek   Task = "peek"
	Refund Task = "refund"
	Reset  Task = "reset"
)

// Ask asks the server, in one round trip. All charges are valid, and there is one at
// least. More is how much more to charge in advance, if it is there: zero unless there is
// one charge.
type Ask func(ctx context.Context, todo Task, charges []ratelimit.Charge, more int64) (Answer, error)

// Answer is the number of the last reset on the server and then, if the charges were
// taken or peeked at, for each: whether it fits (1), what remains, in how many
// microseconds it is all there again and the charge can be made, how much more was
// charged, and how many microseconds that is good for.
type Answer []int64

// Words is how many numbers an Answer has for each charge.
const Words = 6

// decision returns what the server has decided.
func (a Answer) decision(charges []ratelimit.Charge, dst []ratelimit.Status) ratelimit.Decision {
	d := ratelimit.Decision{Allowed: true, Status: slices.Grow(dst[:0], len(charges))[:len(charges)]}
	for i := range charges {
		word := a[1+Words*i:]
		d.Status[i] = ratelimit.Status{
			Allowed: word[0] == 1, Remaining: word[1],
			ResetAfter: time.Duration(word[2]) * time.Microsecond, RetryAfter: time.Duration(word[3]) * time.Microsecond,
		}
		d.Allowed = d.Allowed && (d.Status[i].Allowed || charges[i].Done)
	}
	return d
}

// lease returns how much was charged in advance, and for how long that is valid.
func (a Answer) lease() (more int64, good time.Duration) {
	return a[5], time.Duration(a[6]) * time.Microsecond
}

// Counters are ratelimit.Counters on a server. They are safe for concurrent use if the
// Ask is.
type Counters struct {
	name   string // of the package, for errors
	now    func() time.Time
	ask    Ask
	denied *denied
	leases *leases // nil: none
}

const (
	leastLease = 2
	mostLease  = 100_000
)

// CheckLease complains of a Config's Lease.
func CheckLease(lease int64, complain configcheck.Complain) {
	if lease != 0 && (lease < leastLease || lease > mostLease) {
		complain("Lease", "must be %d to %d, got %d", leastLease, mostLease, lease)
	}
}

// New returns Counters of a package, by the clock of the node and with leases of this
// size. Zero: no leases.
func New(name string, now func() time.Time, lease int64, ask Ask) *Counters {
	c := &Counters{name: name, now: now, ask: ask, denied: newDenied()}
	if lease > 0 {
		c.leases = newLeases(lease, now)
	}
	return c
}

// Check is as for ratelimit.Counters.
func (*Counters) Check(p ratelimit.Policy) error { return p.Check() }

// Take is as for ratelimit.Counters.
func (c *Counters) Take(ctx context.Context, charges []ratelimit.Charge, dst []ratelimit.Status) (ratelimit.Decision, error) {
	if err := c.check(charges); err != nil {
		return ratelimit.Decision{}, err
	}
	name := c.denied.of(charges)
	d, more, ok := c.leases.spend(name, charges, dst)
	if ok {
		return d, nil
	}
	sent := c.now()
	if d, ok := c.denied.find(name, dst, sent); ok {
		c.leases.answered(name, more)
		return d, nil
	}
	answer, err := c.run(ctx, Take, charges, more)
	if err != nil {
		c.leases.answered(name, more)
		return ratelimit.Decision{}, err
	}
	d = answer.decision(charges, dst)
	if !d.Allowed {
		c.denied.keep(name, d.Status, c.now())
	}
	if c.leases.lends(charges) {
		got, good := answer.lease()
		c.leases.keep(name, &charges[0].Policy, more, got, d.Status[0], sent, good)
		d.Status[0].Remaining += got
	}
	return d, nil
}

// Peek is as for ratelimit.Counters.
func (c *Counters) Peek(ctx context.Context, charges []ratelimit.Charge, dst []ratelimit.Status) (ratelimit.Decision, error) {
	if err := c.check(charges); err != nil {
		return ratelimit.Decision{}, err
	}
	answer, err := c.run(ctx, Peek, charges, 0)
	if err != nil {
		return ratelimit.Decision{}, err
	}
	return answer.decision(charges, dst), nil
}

// Refund is as for ratelimit.Counters.
func (c *Counters) Refund(ctx context.Context, charges []ratelimit.Charge) error {
	return c.write(ctx, Refund, charges)
}

// Reset is as for ratelimit.Counters.
func (c *Counters) Reset(ctx context.Context, charges []ratelimit.Charge) error {
	return c.write(ctx, Reset, charges)
}

func (c *Counters) write(ctx context.Context, todo Task, charges []ratelimit.Charge) error {
	if err := c.check(charges); err != nil {
		return err
	}
	_, err := c.run(ctx, todo, charges, 0)
	return err
}

// Close does nothing: the connection to the server belongs to its owner.
func (*Counters) Close() error { return nil }

func (c *Counters) check(charges []ratelimit.Charge) error {
	for i, one := range charges {
		if err := one.Check(); err != nil {
			return err
		}
		for _, other := range charges[:i] {
			if other.Key == one.Key && other.Policy.Window == one.Policy.Window && other.Policy.Algorithm == one.Policy.Algorithm && other.Group == one.Group {
				return fmt.Errorf("%s: two charges on one counter", c.name)
			}
		}
	}
	return nil
}

// run asks the server.
func (c *Counters) run(ctx context.Context, todo Task, charges []ratelimit.Charge, more int64) (Answer, error) {
	if len(charges) == 0 {
		return Answer{0}, nil
	}
	answer, err := c.ask(ctx, todo, charges, more)
	if err != nil {
		return nil, err
	}
	words := 1
	if todo == Take || todo == Peek {
		words += Words * len(charges)
	}
	if len(answer) != words {
		return nil, fmt.Errorf("%s: the server answers with %d numbers", c.name, len(answer))
	}
	c.denied.heard(answer[0])
	return answer, nil
}
