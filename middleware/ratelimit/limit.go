package ratelimit

import (
	"context"
	"net/http"

	"github.com/sallyport-go/sallyport/internal/unread"
)

// CheckLimit counts a request under all of its policies, or under none if one of
// them refuses it: then the error is an *Error, or the Refusal of one of the
// host's functions. The caller of CheckLimit answers the Request of the Pass, and
// calls its Done afterwards.
func (l *Limiter) CheckLimit(r *http.Request) (*Pass, error) {
	p := &Pass{limiter: l, request: r, outer: passOf(r.Context()), at: l.config.Now()}
	cost, err := costOf(l.route.Cost, r, 1)
	if err != nil {
		return nil, l.refusal(&subject{request: r}, err)
	}
	if cost == 0 {
		return p, nil
	}
	s, err := l.identify(r)
	p.caller = s.Caller
	if err != nil {
		return p, l.unknown(&s, err)
	}
	ctx, cancel := l.deadline(r.Context())
	defer cancel()
	items, err := l.items(ctx, &s, cost, p.buffer[:0])
	if err != nil {
		return p, l.unknown(&s, err)
	}
	items = p.rest(items)
	if err := l.charge(ctx, &s, items); err != nil {
		return nil, err
	}
	if overLimit(items) {
		return nil, l.refuse(ctx, p, &s, items)
	}
	p.keep(items)
	return p, nil
}

// Limit counts requests, sets headers that tell what is left, and refuses the
// requests that are over a limit. Every request that reaches it is counted,
// whatever its method and its headers say. To answer the preflight requests of
// browsers without counting them, mount the CORS middleware in front of it.
func (l *Limiter) Limit(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, err := l.CheckLimit(r)
		if err != nil {
			unread.Discard(r)
			l.refused(w, r, err)
			return
		}
		defer p.Done()
		p.SetHeader(w.Header())
		next.ServeHTTP(w, p.Request())
	})
}

type passKey struct{}

// passContext is a context that knows its pass.
type passContext struct {
	context.Context //nolint:containedctx // it is one

	pass *Pass
}

func (c *passContext) Value(key any) any {
	if key == (passKey{}) {
		return c.pass
	}
	return c.Context.Value(key)
}

func passOf(ctx context.Context) *Pass {
	p, _ := ctx.Value(passKey{}).(*Pass)
	return p
}

// rest is what of the items was not counted by Limiters further out.
func (p *Pass) rest(items []item) []item {
	if p.outer == nil || p.outer.limiter.core != p.limiter.core {
		return items
	}
	p.into, p.outer = p.outer, p.outer.outer
	p.into.mu.Lock()
	defer p.into.mu.Unlock()
	rest := items[:0]
	for _, it := range items {
		if had := p.into.same(&it); had != nil {
			if it.charge.Cost -= had.charge.Cost; it.charge.Cost <= 0 || it.late || it.concurrent || had.local || had.failed {
				continue
			}
		}
		rest = append(rest, it)
	}
	return rest
}

// keep keeps what the request was charged: in the pass of the Limiter further out, if
// there is one.
func (p *Pass) keep(items []item) {
	if p.into == nil {
		p.items = items
		p.context = passContext{p.request.Context(), p}
		p.request = p.request.WithContext(&p.context)
		return
	}
	p.into.mu.Lock()
	defer p.into.mu.Unlock()
	for _, it := range items {
		if had := p.into.same(&it); had != nil {
			had.charge.Cost += it.charge.Cost
			had.status = it.status
			continue
		}
		p.into.items = append(p.into.items, it)
	}
}

// same is p's item for the same counter, nil if it has none.
func (p *Pass) same(it *item) *item {
	for i := range p.items {
		had := &p.items[i]
		a, b := &had.charge, &it.charge
		if a.Key == b.Key && a.Policy.Window == b.Policy.Window && a.Policy.Algorithm == b.Policy.Algorithm && had.concurrent == it.concurrent {
			return had
		}
	}
	return nil
}
