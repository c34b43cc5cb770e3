package middleware

import (
	"context"
	"errors"
)

// tally is what the counters are asked, and what they answer: the charges of some
// items. It can be used again and again, and then allocates nothing.
type tally struct {
	items   []*item
	charges []Charge
	status  []Status
}

// tally returns one to be used for a while. Counters in memory keep nothing of what
// they are asked, so that one can be used again; of others nobody knows.
func (a *Auth) tally() *tally {
	if t, ok := a.tallies.Get().(*tally); ok {
		return t
	}
	return new(tally)
}

// clear is for whoever needs a tally no more.
func (a *Auth) clear(t *tally) {
	if a.inMemory {
		clear(t.items[:cap(t.items)])
		clear(t.charges[:cap(t.charges)])
		a.tallies.Put(t)
	}
}

// of makes it the tally of some of the items.
func (t *tally) of(items []item, some func(*item) bool) {
	t.items, t.charges = t.items[:0], t.charges[:0]
	for i := range items {
		if it := &items[i]; some(it) {
			t.add(it)
		}
	}
}

func (t *tally) add(it *item) {
	t.items, t.charges = append(t.items, it), append(t.charges, it.charge)
}

func isCounted(it *item) bool { return !it.concurrent }
func isLate(it *item) bool    { return !it.concurrent && it.late }
func isDue(it *item) bool     { return !it.concurrent && !it.late }

var errConfused = errors.New("middleware: the counters answered something else than they were asked")

// peek asks how the items stand.
func (t *tally) peek(ctx context.Context, counters Counters) error {
	if len(t.charges) == 0 {
		return nil
	}
	d, err := counters.Peek(ctx, t.charges, t.status)
	if err == nil && len(d.Status) != len(t.charges) {
		err = errConfused
	}
	if err != nil {
		return err
	}
	t.status = d.Status
	for i, it := range t.items {
		it.status, it.known = d.Status[i], true
	}
	return nil
}

// take makes the charges of the items, or none of them if one is over its limit.
// The late ones are only looked at, and those that cast a shadow are left out
// where they are over their limit.
func (t *tally) take(ctx context.Context, counters Counters, items []item) error {
	t.of(items, isLate)
	if err := t.peek(ctx, counters); err != nil {
		return err
	}
	for _, it := range t.items {
		it.over = !it.status.Allowed
	}
	if overLimit(items) {
		return nil
	}
	for t.of(items, isDue); len(t.charges) > 0; {
		d, err := counters.Take(ctx, t.charges, t.status)
		if err == nil && len(d.Status) != len(t.charges) {
			err = errConfused
		}
		if err != nil {
			return err
		}
		t.status = d.Status
		asked := t.items
		t.items, t.charges = t.items[:0], t.charges[:0]
		for i, it := range asked {
			it.status, it.known, it.made, it.over = d.Status[i], true, d.Allowed, !d.Allowed && !d.Status[i].Allowed
			if !it.over {
				t.add(it)
			}
		}
		switch {
		case d.Allowed, overLimit(items):
			return nil
		case len(t.items) == len(asked):
			return errConfused
		}
	}
	return nil
}
