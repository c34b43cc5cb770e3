package ratelimit

import (
	"context"
	"errors"
)

// batch is what the counters are asked, and what they answer: the charges of some
// items. It can be used again and again, and then allocates nothing.
type batch struct {
	items   []*item
	charges []Charge
	status  []Status
}

// batch returns a batch to be used for one request. Counters in memory keep
// nothing of what they are asked, so a batch can be used again; other counters may.
func (l *Limiter) batch() *batch {
	if b, ok := l.batches.Get().(*batch); ok {
		return b
	}
	return new(batch)
}

// release gives a batch back.
func (l *Limiter) release(b *batch) {
	if l.inMemory {
		clear(b.items[:cap(b.items)])
		clear(b.charges[:cap(b.charges)])
		l.batches.Put(b)
	}
}

// of makes it the batch of some of the items.
func (b *batch) of(items []item, some func(*item) bool) {
	b.items, b.charges = b.items[:0], b.charges[:0]
	for i := range items {
		if it := &items[i]; some(it) {
			b.add(it)
		}
	}
}

func (b *batch) add(it *item) {
	b.items, b.charges = append(b.items, it), append(b.charges, it.charge)
}

func isCounted(it *item) bool { return !it.concurrent }
func isLate(it *item) bool    { return !it.concurrent && it.late }
func isDue(it *item) bool     { return !it.concurrent && !it.late }

var errConfused = errors.New("ratelimit: the counters answered something else than they were asked")

// peek asks how the items stand.
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
// Late items are only peeked at. Items in shadow mode are left out if they are over
// their limit.
func (b *batch) take(ctx context.Context, counters Counters, items []item) error {
	b.of(items, isLate)
	if err := b.peek(ctx, counters); err != nil {
		return err
	}
	for _, it := range b.items {
		it.over = !it.status.Allowed
	}
	if overLimit(items) {
		return nil
	}
	for b.of(items, isDue); len(b.charges) > 0; {
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
