package ratelimit

import (
	"context"
	"net/http"
	"slices"
	"sync"
)

// Pass is a request that CheckLimit has admitted. The caller of CheckLimit must
// call Done when the response has been written, also after a panic. Its methods
// are safe for concurrent use.
type Pass struct {
	context context.Context //nolint:containedctx // a passContext is one
	mu      sync.Mutex
	record  *record    // nil: the request was answered, and another has the record
	lists   valueLists // for the first call of SetHeader
}

// In returns a context with the new Pass p, for a request that CheckLimitIn is to count.
// It is for a middleware that puts more into the context of a request, and can so make
// one copy of it. Until the request is counted, the Pass is as one that was released.
func (p *Pass) In(ctx context.Context) context.Context {
	p.context = ctx
	return (*passContext)(p)
}

// Request returns the request to serve. [AddCost] needs its context.
// It returns nil after Release.
func (p *Pass) Request() *http.Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.record == nil {
		return nil
	}
	return p.record.subject.request
}

// Quota returns the quota of the caller after this request.
func (p *Pass) Quota() (q Quota) {
	p.counted(func(n *record) { q = n.quota(nil) })
	return q
}

// counted calls f with the record in which the request is counted: that of the
// outer Limiter, if there is one. If the outer request was answered already, as
// with an http.TimeoutHandler between the two, there is none.
func (p *Pass) counted(f func(*record)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.record == nil:
	case p.record.into != nil:
		p.record.into.counted(f)
	default:
		f(p.record)
	}
}

// quota returns the quota of the caller. dst is reused for the Usage.
func (n *record) quota(dst []Usage) Quota {
	q := Quota{At: n.at, form: n.limiter.config.Headers, Usage: slices.Grow(dst, len(n.items))}
	for i := range n.items {
		it := &n.items[i]
		q.silent = q.silent || it.local || it.failed
		if !it.shadow {
			last := len(q.Usage)
			q.Usage = q.Usage[:last+1]
			it.describe(&q.Usage[last], n.subject.User != "")
		}
	}
	return q
}

// SetHeader sets the headers with the quota: see [Quota.SetHeader].
func (p *Pass) SetHeader(h http.Header) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.setHeader(h)
}

// setHeader is SetHeader for a caller that has the lock.
func (p *Pass) setHeader(h http.Header) {
	n := p.record
	if n == nil {
		return
	}
	lists := &p.lists
	if n.listed {
		lists = nil
	}
	n.listed = true
	if n.into != nil {
		n.into.counted(func(outer *record) { outer.setHeader(h, lists) })
		return
	}
	n.setHeader(h, lists)
}

// setHeader sets the headers with the quota. lists are as in Quota.setHeader. A request
// under one policy, as most are, needs no Quota for it.
func (n *record) setHeader(h http.Header, lists *valueLists) {
	if len(n.items) == 1 {
		it := &n.items[0]
		plain := !it.shadow && !it.local && !it.failed && !it.over
		if plain && n.limiter.config.Headers.isSingle(it.policy, it.charge.Policy.Limit) {
			it.texts.setHeader(h, it.status.Remaining, it.status.ResetAfter, resetAt(n.at, it.status.ResetAfter), lists)
			return
		}
	}
	var buffer [2]Usage // enough for most requests
	q := n.quota(buffer[:0])
	q.setHeader(h, lists)
}

// AddCost adds a cost to a request while it is served, under the policy with this
// name: rows, bytes, or 1 for a failed login. The cost is charged when the
// handler has returned, even over the limit. A negative n gives back up to what
// the request was charged before, for example the cost of a response that failed
// because of the host.
//
// It returns false, and does nothing, if the request in ctx is not counted under
// such a policy, or behind a Limiter with LimitConfig.NoContext. It is safe for
// concurrent use.
func AddCost(ctx context.Context, policy string, n int64) bool {
	for p := passOf(ctx); p != nil; {
		added, outer := p.add(policy, n)
		if added {
			return true
		}
		p = outer
	}
	return false
}

func (p *Pass) add(policy string, n int64) (added bool, outer *Pass) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.record == nil && p.context == nil:
		return false, nil
	case p.record == nil:
		return false, passOf(p.context)
	}
	for i := range p.record.items {
		if it := &p.record.items[i]; it.charge.Policy.Name == policy && !it.concurrent && !p.record.done {
			it.added = saturated(it.added, n)
			return true, nil
		}
	}
	return false, p.record.outer
}

func saturated(a, b int64) int64 {
	const most = 1 << 40 // far from an overflow, and more than the maximum charge
	return min(max(a+min(max(b, -most), most), -most), most)
}

// Done ends the request: it frees its places among the concurrent requests, and
// charges the costs of AddCost. A second call does nothing. If the counters fail,
// that is reported as EventCounterFailure.
func (p *Pass) Done() { p.finish(false) }

// Release is Done for a caller that does not use the Pass afterwards, such as an
// adapter for a framework: the memory of the Pass is used for another request. A Pass
// that was released has no Request, an empty Quota and no headers, and AddCost does
// not find it in the request's context.
func (p *Pass) Release() { p.finish(true) }

func (p *Pass) finish(last bool) {
	b := p.closed(last)
	if b != nil {
		b.pay() // without the lock: it calls the host's Events
	}
}

// closed ends the request, and returns what it owes, or nil if that is nothing.
func (p *Pass) closed(last bool) (owed *bill) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.record
	if n == nil {
		return nil
	}
	if !n.done {
		n.done = true
		n.limiter.inflight.leave(n.items)
		for i := range n.items {
			if it := &n.items[i]; it.added != 0 && !it.failed {
				owed = n.bill()
				break
			}
		}
	}
	if last {
		p.record = nil
		n.limiter.recycle(n)
	}
	return owed
}

// bill is the costs of AddCost of one request. It keeps nothing of the record, whose
// memory another request may have when it is paid.
type bill struct {
	limiter *Limiter
	subject subject
	owed    [2]struct{ more, less []Charge } // by the counters, by those of FailLocal
}

// bill returns the costs of AddCost.
func (n *record) bill() *bill {
	b := &bill{limiter: n.limiter, subject: n.subject}
	since := n.limiter.config.Now().Sub(n.at)
	for i := range n.items {
		it := &n.items[i]
		if it.failed || it.added == 0 {
			continue
		}
		owed := &b.owed[0]
		if it.local {
			owed = &b.owed[1]
		}
		c := it.asked()
		if c.hashed != nil {
			hashed := *c.hashed
			c.hashed = &hashed
		}
		c.Cost, c.Done = min(it.added, maxCost), true
		switch {
		case it.added > 0:
			owed.more = append(owed.more, c)
		case it.made && since < it.status.ResetAfter: // otherwise it was in another window
			c.Cost, c.Done = min(-it.added, it.charge.Cost), false
			owed.less = append(owed.less, c)
		}
	}
	return b
}

// pay charges the costs.
func (b *bill) pay() {
	l := b.limiter
	ctx, cancel := l.deadline(b.subject.request.Context())
	defer cancel()
	for i, local := range []bool{false, true} {
		more, less := b.owed[i].more, b.owed[i].less
		var err error
		if len(more) > 0 {
			_, err = l.countersFor(local).Take(ctx, more, nil)
		}
		if err == nil && len(less) > 0 {
			err = l.countersFor(local).Refund(ctx, less)
		}
		if err != nil {
			l.report(&b.subject, EventCounterFailure, append(more, less...)[0].Policy.Name, err)
		}
	}
}

// refund takes back what the request was charged, when it is refused further in, and
// appends its items to those of the refusal.
func (p *Pass) refund(ctx context.Context, refused []item) ([]item, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.record
	if n == nil {
		return refused, nil
	}
	var failed error
	since := n.limiter.config.Now().Sub(n.at)
	for _, local := range []bool{false, true} {
		var charges []Charge
		for i := range n.items {
			it := &n.items[i]
			if !it.made || it.concurrent || it.local != local || since >= it.status.ResetAfter {
				continue
			}
			it.made = false
			it.status.Remaining += it.charge.Cost
			charges = append(charges, it.asked())
		}
		if len(charges) == 0 || failed != nil {
			continue
		}
		failed = n.limiter.countersFor(local).Refund(ctx, charges)
	}
	for i := range refused {
		if old := n.same(&refused[i]); old != nil {
			refused[i].charge.Cost += old.charge.Cost // what the request costs altogether
		}
	}
	return append(slices.Clone(n.items), refused...), failed
}
