package ratelimit

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Pass is a request that CheckLimit has admitted. The caller of CheckLimit must call
// Done when the request has been answered, also after a panic.
type Pass struct {
	limiter *Limiter
	request *http.Request // with the pass in its context
	into    *Pass         // of the Limits further out, which has all that this one counts
	outer   *Pass         // of a Limiter with other counters
	caller  Caller
	at      time.Time

	mu    sync.Mutex
	items []item // one for each policy
	done  bool

	context passContext // the request's
	buffer  [2]item     // for the items, which suffices for most
	lists   valueLists  // of the headers, for the first to ask for them
	listed  bool
}

// Request is the request to answer, whose context [AddCost] knows.
func (p *Pass) Request() *http.Request { return p.request }

// Quota is how the caller stands after this request.
func (p *Pass) Quota() Quota {
	if p.into != nil {
		return p.into.Quota()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.limiter.quota(p.at, p.items, nil)
}

// quota returns the quota of the caller. dst is reused for the Usage.
func (l *Limiter) quota(at time.Time, items []item, dst []Usage) Quota {
	q := Quota{At: at, form: l.config.Headers, Usage: slices.Grow(dst, len(items))}
	for i := range items {
		it := &items[i]
		q.silent = q.silent || it.local || it.failed
		if !it.shadow {
			q.Usage = append(q.Usage, it.usage())
		}
	}
	return q
}

// SetHeader sets the headers that tell what is left: see [Quota.SetHeader].
func (p *Pass) SetHeader(h http.Header) {
	if p.into != nil {
		p.into.SetHeader(h)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var buffer [4]Usage
	lists := &p.lists
	if p.listed {
		lists = nil
	}
	p.listed = true
	p.limiter.quota(p.at, p.items, buffer[:0]).setHeader(h, lists)
}

// AddCost tells, while a request is being answered, what else it costs under
// the policy of this name: rows, bytes, or 1 for a login that has failed. The
// cost is charged when the handler has returned, over the limit if need be. Below
// 0 it gives back, up to what the request was charged before, for instance the
// cost of an answer that failed by the host's own fault.
//
// It reports whether the request in ctx is counted under such a policy. It is
// safe for concurrent use.
func AddCost(ctx context.Context, policy string, n int64) bool {
	for p := passOf(ctx); p != nil; p = p.outer {
		if p.add(policy, n) {
			return true
		}
	}
	return false
}

func (p *Pass) add(policy string, n int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.items {
		if it := &p.items[i]; it.charge.Policy.Name == policy && !it.concurrent && !p.done {
			it.added = saturated(it.added, n)
			return true
		}
	}
	return false
}

func saturated(a, b int64) int64 {
	const most = 1 << 40 // far from any overflow, and more than one charge can be
	return min(max(a+min(max(b, -most), most), -most), most)
}

// Done gives back the request's places among those in flight, and charges what
// AddCost has told. A second call does nothing.
func (p *Pass) Done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.done {
		return
	}
	p.done = true
	p.limiter.inflight.leave(p.items)
	if slices.ContainsFunc(p.items, func(it item) bool { return it.added != 0 && !it.failed }) {
		p.settle()
	}
}

// settle charges what AddCost has told.
func (p *Pass) settle() {
	ctx, cancel := p.limiter.deadline(p.request.Context())
	defer cancel()
	for _, local := range []bool{false, true} {
		var more, less []Charge
		for i := range p.items {
			it := &p.items[i]
			if it.local != local || it.failed || it.added == 0 {
				continue
			}
			c := it.charge
			c.Cost, c.Done = min(it.added, maxCost), true
			switch {
			case it.added > 0:
				more = append(more, c)
			case it.made && p.limiter.config.Now().Sub(p.at) < it.status.ResetAfter: // else it was in another window
				c.Cost, c.Done = min(-it.added, it.charge.Cost), false
				less = append(less, c)
			}
		}
		var err error
		if len(more) > 0 {
			_, err = p.limiter.countersFor(local).Take(ctx, more, nil)
		}
		if err == nil && len(less) > 0 {
			err = p.limiter.countersFor(local).Refund(ctx, less)
		}
		if err != nil {
			p.limiter.report(&subject{p.caller, p.request}, EventCounterFailure, append(more, less...)[0].Policy.Name, err)
		}
	}
}

// refund takes back what the request was charged, when it is refused further in.
func (p *Pass) refund(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	since := p.limiter.config.Now().Sub(p.at)
	for _, local := range []bool{false, true} {
		var charges []Charge
		for i := range p.items {
			it := &p.items[i]
			if !it.made || it.concurrent || it.local != local || since >= it.status.ResetAfter {
				continue
			}
			it.made = false
			it.status.Remaining += it.charge.Cost
			charges = append(charges, it.charge)
		}
		if len(charges) == 0 {
			continue
		}
		if err := p.limiter.countersFor(local).Refund(ctx, charges); err != nil {
			return err
		}
	}
	return nil
}
