package middleware

import (
	"strconv"
	"time"

	"github.com/sallyport-go/sallyport/middleware/ratelimit"
)

// knownNetwork says whether a user, a client or an API key has succeeded from a
// network before, by two marks: that of the current epoch, and that of the one
// before. Only a success makes them.
type knownNetwork struct {
	marks []ratelimit.Charge
	owner string // the owner that has succeeded, and takes the capacity
}

// knownNetwork returns the marks of an owner at a network; kind says what the
// owner is.
func (a *Auth) knownNetwork(kind, owner, net string) knownNetwork {
	period := int64(a.guard.known.Window / 2 / time.Second)
	epoch := a.now().Unix() / period
	c := a.counter(a.guard.known, kind, net, owner)
	c.Group = ratelimit.GroupKnown
	k := knownNetwork{marks: []ratelimit.Charge{c, c}, owner: kind + "/" + owner}
	for age := range k.marks {
		k.marks[age].Key += "/" + strconv.FormatInt(epoch-int64(age), 10)
	}
	return k
}

// source returns who takes the capacity: see Charge.Source.
func (k *knownNetwork) source(a *Auth) string { return a.tokens.Pseudonym("bruteforce/" + k.owner) }

// isKnown reports whether one of the marks was made.
func (k *knownNetwork) isKnown(c attemptCounters) (bool, error) {
	ctx, cancel := c.counting()
	defer cancel()
	d, err := c.auth.counters.Peek(ctx, k.marks, nil)
	if err != nil {
		return false, c.failed(err)
	}
	return !d.Allowed, nil
}

// makeKnown makes the mark of the current epoch, unless it exists.
func (k *knownNetwork) makeKnown(c attemptCounters) {
	ctx, cancel := c.counting()
	defer cancel()
	mark := k.marks[0]
	mark.Source = k.source(c.auth)
	if _, err := c.auth.counters.Take(ctx, []ratelimit.Charge{mark}, nil); err != nil {
		_ = c.failed(err)
	}
}
