package ratelimit

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/sallyport-go/sallyport/internal/requestcopy"
	"github.com/sallyport-go/sallyport/internal/unread"
)

// CheckLimit counts a request under all of its policies, or under none if one of
// them rejects it. It writes nothing.
//
// If the error is nil, the caller must serve the Request of the Pass, and call
// Done on the Pass afterwards. Otherwise the error is an *Error, or the Refusal
// of one of the host's functions, the Pass is nil, and the request must not be
// served.
func (l *Limiter) CheckLimit(r *http.Request) (*Pass, error) {
	n := l.newRecord(r)
	if err := l.decide(n); err != nil {
		l.recycle(n)
		return nil, err
	}
	return n.pass(), nil
}

// CheckLimitIn is CheckLimit for a request whose context has the Pass: see [Pass.In].
// The caller must serve that request.
func (l *Limiter) CheckLimitIn(p *Pass, r *http.Request) error {
	n := l.newRecord(r)
	n.outer = passOf(p.context)
	if err := l.decide(n); err != nil {
		l.recycle(n)
		return err
	}
	p.mu.Lock()
	p.record = n
	p.mu.Unlock()
	return nil
}

// decide counts the request of a record, or returns its rejection, and tells it.
func (l *Limiter) decide(n *record) error {
	err := l.decision(n)
	if l.config.Decided != nil {
		l.tell(n, err)
	}
	return err
}

// decision counts the request of a record, or returns its rejection.
func (l *Limiter) decision(n *record) error {
	cost, err := costOf(n.subject.now.route.Cost, n.subject.request, 1)
	if err != nil {
		return l.refusal(&n.subject, err)
	}
	if cost == 0 {
		n.exempt, n.at = true, l.config.Now()
		return nil
	}
	if err := l.identify(&n.subject); err != nil {
		return l.unknown(n, err)
	}
	ctx, cancel := l.deadline(n.subject.request.Context())
	defer cancel()
	items, err := l.items(ctx, &n.subject, cost, n.items)
	if err != nil {
		return l.unknown(n, err)
	}
	n.items, n.at = n.outside(items), l.config.Now() // when the host's functions have returned
	if err := l.charge(ctx, n); err != nil {
		return err
	}
	if overLimit(n.items) {
		return l.refuse(ctx, n)
	}
	n.keep()
	return nil
}

// Limit counts requests, sets headers with the quota, and rejects the requests
// that are over a limit. It counts every request, whatever its method and its
// headers. To answer the preflight requests of browsers without counting them,
// mount the CORS middleware in front of it.
//
// The headers with the quota are those of this limit, if next is an
// httputil.ReverseProxy whose upstream sends some too: see [DropQuota].
func (l *Limiter) Limit(next http.Handler) http.Handler {
	next = WithOwnQuota(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, err := l.CheckLimit(r)
		if err != nil {
			unread.Discard(r)
			l.refused(w, r, err)
			return
		}
		defer p.Release()
		p.setHeader(w.Header()) // without the lock: nothing else has the Pass yet
		served := p.record.subject.request
		defer requestcopy.Carry(r, served)
		next.ServeHTTP(w, served)
	})
}

// record is the state of a request while it is counted and served.
type record struct {
	limiter *Limiter
	subject subject
	outer   *Pass // of the Limiter further out
	into    *Pass // outer, if that has all that this Limiter counts
	at      time.Time
	items   []item // one for each policy
	batch   batch
	done    bool
	exempt  bool // the request costs nothing
	listed  bool // the headers have the lists of the Pass
}

// newRecord returns the record of a request.
func (l *Limiter) newRecord(r *http.Request) *record {
	n, ok := l.records.Get().(*record)
	if !ok {
		n = &record{items: make([]item, 0, 2)}
	}
	n.limiter, n.outer = l, passOf(r.Context())
	n.subject.request, n.subject.now = r, l.settings()
	return n
}

// recycle makes the record available to another request. Counters in memory keep
// no reference to it; other counters may, so their requests get new records.
func (l *Limiter) recycle(n *record) {
	if l.memory == nil {
		return
	}
	n.limiter, n.subject, n.outer, n.into = nil, subject{}, nil, nil
	n.items, n.done, n.exempt, n.listed = n.items[:0], false, false, false // the items have hashes and policies, nothing of the request
	l.records.Put(n)
}

type passKey struct{}

// passContext is the context of a Pass, and a part of it.
type passContext Pass

// Deadline is that of the request's context.
func (c *passContext) Deadline() (time.Time, bool) { return c.context.Deadline() }

// Done is that of the request's context.
func (c *passContext) Done() <-chan struct{} { return c.context.Done() }

// Err is that of the request's context.
func (c *passContext) Err() error { return c.context.Err() }

// Value returns the pass, and the values of the request's context.
func (c *passContext) Value(key any) any {
	if key == (passKey{}) {
		return (*Pass)(c)
	}
	return c.context.Value(key)
}

func passOf(ctx context.Context) *Pass {
	p, _ := ctx.Value(passKey{}).(*Pass)
	return p
}

// served is a Pass and the request that has it in its context, in one piece of memory.
type served struct {
	pass    Pass
	request http.Request
}

// pass returns the Pass of an admitted request.
func (n *record) pass() *Pass {
	if len(n.items) == 0 || n.subject.now.route.NoContext {
		return &Pass{record: n}
	}
	s, r := new(served), n.subject.request
	s.pass.record, s.pass.context = n, r.Context()
	s.request = *r.WithContext((*passContext)(&s.pass))
	n.subject.request = &s.request
	return &s.pass
}

// outside returns the parts of the items that the outer Limiters have not
// counted.
func (n *record) outside(items []item) []item {
	if n.outer == nil {
		return items
	}
	n.outer.mu.Lock()
	defer n.outer.mu.Unlock()
	had := n.outer.record
	if had == nil || had.done || had.limiter.core != n.limiter.core {
		return items
	}
	n.into = n.outer
	rest := items[:0]
	for i := range items {
		it := &items[i]
		if old := had.same(it); old != nil {
			if it.charge.Cost -= old.charge.Cost; it.charge.Cost <= 0 || it.late || it.concurrent || old.local || old.failed {
				continue
			}
		}
		rest = append(rest, *it)
	}
	return rest
}

// keep adds the items to those of the outer Limiter, if that has all that this
// one counts.
func (n *record) keep() {
	if n.into == nil {
		return
	}
	n.into.mu.Lock()
	defer n.into.mu.Unlock()
	had := n.into.record
	if had == nil || had.done { // its request has been answered meanwhile
		n.into = nil
		return
	}
	for i := range n.items {
		it := &n.items[i]
		if old := had.same(it); old != nil && it.made && it.local == old.local {
			old.charge.Cost += it.charge.Cost
			old.status = it.status
			continue
		}
		had.items = append(had.items, *it)
	}
	n.items = n.items[:0]
}

// same returns the record's item for the same counter, or nil.
func (n *record) same(it *item) *item {
	for i := range n.items {
		old := &n.items[i]
		if old.over {
			continue // in shadow mode, and not charged: an inner limit that is enforced must be
		}
		a, b := &old.charge, &it.charge
		if a.Key == b.Key && old.hashed == it.hashed && a.Policy.Window == b.Policy.Window && a.Policy.Algorithm == b.Policy.Algorithm && old.concurrent == it.concurrent {
			return old
		}
	}
	return nil
}

// clock is the default of Config.Now. It reads the time of day once a second, and
// otherwise the monotonic clock alone, which takes half the time. It is therefore at most
// a second behind when the time of day is set.
type clock struct{ read atomic.Pointer[time.Time] }

func (c *clock) now() time.Time {
	if read := c.read.Load(); read != nil {
		if since := time.Since(*read); since < time.Second { //nolint:forbidigo // the default clock
			return read.Add(since)
		}
	}
	now := time.Now() //nolint:forbidigo // the default clock
	c.read.Store(&now)
	return now
}
