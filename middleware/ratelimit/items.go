package ratelimit

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/sallyport-go/sallyport/internal/keytable"
)

// item is a request under one policy.
type item struct {
	*policy

	charge Charge // its Cost is what was spent
	hashed hashed // of Key and Source, if the charge has none
	status Status

	known  bool // the counters have returned the status
	over   bool // the limit is reached
	made   bool // the charge was made, or the place taken
	local  bool // charged to the local counters, because the others failed
	failed bool // the counters failed, and the request was admitted without them

	added int64 // the costs of AddCost
}

func (it *item) isCounted() bool { return !it.concurrent }
func (it *item) isLate() bool    { return !it.concurrent && it.late }
func (it *item) isDue() bool     { return !it.concurrent && !it.late }

// asked returns the charge as the counters get it.
func (it *item) asked() Charge {
	c := it.charge
	if c.Key == "" {
		c.hashed = &it.hashed
	}
	return c
}

// overLimit reports whether an item rejects the request.
func overLimit(items []item) bool {
	for i := range items {
		if items[i].over && !items[i].shadow {
			return true
		}
	}
	return false
}

// charge takes the places of concurrent requests and charges the counters, or
// does neither: if an item is over its limit, all places are given back. An error
// rejects the request.
func (l *Limiter) charge(ctx context.Context, n *record) error {
	items := n.items
	admitted := false
	defer func() {
		if !admitted { // rejected, or a panic of the counters or of Events
			l.inflight.leave(items)
		}
	}()
	l.inflight.enter(items)
	if overLimit(items) {
		return nil
	}
	if err := l.count(ctx, n); err != nil || overLimit(items) {
		return err
	}
	l.reportShares(&n.subject, items)
	admitted = true
	return nil
}

// inflight counts the requests that are being served, by a hash of the caller.
type inflight struct {
	mu  sync.Mutex
	now map[keytable.Key]int
}

// retryPlace is the Retry-After if too many requests of a caller are in progress:
// it is unknown when one of them ends.
const retryPlace = time.Second

// enter takes a place for each item that limits concurrent requests, if there is
// one.
func (f *inflight) enter(items []item) {
	for i := range items {
		it := &items[i]
		if !it.concurrent {
			continue
		}
		it.known = true
		it.status.Remaining, it.made = f.take(it.hashed.key, it.charge.Policy.Limit)
		if !it.made {
			it.over = true
			it.status.ResetAfter, it.status.RetryAfter = retryPlace, retryPlace
		}
	}
}

// take takes a place, and reports how many are left. It takes none if there are not
// limit of them.
func (f *inflight) take(key keytable.Key, limit int64) (left int64, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if int64(f.now[key]) >= limit {
		return 0, false
	}
	f.now[key]++
	return limit - int64(f.now[key]), true
}

// leave gives the places back that enter has taken.
func (f *inflight) leave(items []item) {
	for i := range items {
		it := &items[i]
		if !it.concurrent || !it.made {
			continue
		}
		it.made = false
		f.mu.Lock()
		f.now[it.hashed.key]--
		if f.now[it.hashed.key] <= 0 {
			delete(f.now, it.hashed.key)
		}
		f.mu.Unlock()
	}
}

// look reads how many places are left.
func (f *inflight) look(items []item) {
	for i := range items {
		if it := &items[i]; it.concurrent {
			f.mu.Lock()
			it.known, it.status.Remaining = true, max(it.charge.Policy.Limit-int64(f.now[it.hashed.key]), 0)
			f.mu.Unlock()
		}
	}
}

// deadline limits the time for one decision. A client that disconnects is still
// charged. There is no deadline if nothing waits.
func (l *Limiter) deadline(ctx context.Context) (context.Context, context.CancelFunc) {
	if l.prompt {
		return ctx, func() {}
	}
	return context.WithTimeout(context.WithoutCancel(ctx), l.config.CounterTimeout)
}

// count charges the items, with the local counters if the others fail and
// FailLocal is set.
func (l *Limiter) count(ctx context.Context, n *record) error {
	items, s, b := n.items, &n.subject, &n.batch
	if len(items) == 0 {
		return nil
	}
	err := l.take(ctx, n)
	if err == nil {
		return nil
	}
	l.report(s, EventCounterFailure, items[0].charge.Policy.Name, err)
	if n.subject.now.route.onFailure == FailLocal {
		for i := range items {
			if it := &items[i]; !it.concurrent {
				it.local, it.over = true, false
				it.charge.Policy = it.charge.Policy.share(l.config.Nodes)
			}
		}
		if err = b.take(ctx, l.local, items); err == nil {
			return nil
		}
	}
	if n.subject.now.route.onFailure != FailOpen {
		return unavailable(err)
	}
	s.uncounted = true
	for i := range items {
		it := &items[i]
		it.failed, it.over = !it.concurrent, it.over && it.concurrent
	}
	return nil
}

// take charges the items. Most requests are one charge of counters in memory, which
// needs no batch.
func (l *Limiter) take(ctx context.Context, n *record) error {
	if l.memory == nil || len(n.items) != 1 || !n.items[0].isDue() {
		return n.batch.take(ctx, l.config.Counters, n.items)
	}
	it := &n.items[0]
	it.charge.hashed = &it.hashed
	var at time.Time
	if l.oneClock {
		at = n.at
	}
	status, err := l.memory.takeOne(&it.charge, at)
	it.charge.hashed = nil // the item may move
	if err != nil {
		return err
	}
	it.status, it.known, it.made, it.over = status, true, status.Allowed, !status.Allowed
	return nil
}

// share returns this node's share of a policy.
func (p Policy) share(nodes int) Policy {
	p.Limit /= int64(nodes)
	if p.Burst > 0 {
		p.Burst = max(p.Burst/int64(nodes), 1)
	}
	if p.Limit == 0 {
		p.Burst = 0
	}
	return p
}

// batch is the charges of some items, and their statuses. It is reused, and then
// allocates nothing.
type batch struct {
	items   []*item
	charges []Charge
	status  []Status
}

// of fills the batch with some of the items.
func (b *batch) of(items []item, some func(*item) bool) {
	b.items, b.charges = b.items[:0], b.charges[:0]
	for i := range items {
		if it := &items[i]; some(it) {
			b.add(it)
		}
	}
}

func (b *batch) add(it *item) {
	b.items, b.charges = append(b.items, it), append(b.charges, it.asked())
}

var errConfused = errors.New("ratelimit: the counters answered something else than they were asked")

// peek reads the status of the items.
func (b *batch) peek(ctx context.Context, counters Counters) error {
	if len(b.charges) == 0 {
		return nil
	}
	d, err := counters.Peek(ctx, b.charges, b.status)
	if err == nil && len(d.Status) != len(b.charges) {
		err = errConfused
	}
	if err != nil {
		return err
	}
	b.status = d.Status
	for i, it := range b.items {
		it.status, it.known = d.Status[i], true
	}
	return nil
}

// take makes the charges of the items, or none of them if one is over its limit.
// Late items are only peeked at. Items in shadow mode are omitted if they are
// over their limit.
func (b *batch) take(ctx context.Context, counters Counters, items []item) error {
	b.of(items, (*item).isLate)
	if err := b.peek(ctx, counters); err != nil {
		return err
	}
	for _, it := range b.items {
		it.over = !it.status.Allowed
	}
	if overLimit(items) {
		return nil
	}
	for b.of(items, (*item).isDue); len(b.charges) > 0; {
		d, err := counters.Take(ctx, b.charges, b.status)
		if err == nil && len(d.Status) != len(b.charges) {
			err = errConfused
		}
		if err != nil {
			return err
		}
		b.status = d.Status
		asked := b.items
		b.items, b.charges = b.items[:0], b.charges[:0]
		for i, it := range asked {
			it.status, it.known, it.made, it.over = d.Status[i], true, d.Allowed, !d.Allowed && !d.Status[i].Allowed
			if !it.over {
				b.add(it)
			}
		}
		switch {
		case d.Allowed, overLimit(items):
			return nil
		case len(b.items) == len(asked):
			return errConfused
		}
	}
	return nil
}

// describe writes the usage of an item, in place: a Usage is large.
func (it *item) describe(u *Usage, named bool) {
	u.Policy, u.Unit, u.policy = it.charge.Policy, it.unit, it.policy
	u.Known, u.Violated, u.byUser = it.known, it.over, it.byUser && named
	u.Remaining, u.ResetAfter, u.RetryAfter = it.status.Remaining, it.status.ResetAfter, it.status.RetryAfter
	u.excess, u.cost = 0, 0
	if it.made {
		u.cost = it.charge.Cost
	}
	// this node's share of a limit may be too small for a request that the limit allows
	if it.over && !it.concurrent && !it.local && it.charge.Cost > it.charge.Policy.most() {
		u.excess, u.RetryAfter = it.charge.Cost, 0
	}
}
