package echov4_test

import (
	"context"
	"sync"
	"time"

	"github.com/sallyport-go/sallyport/middleware/ratelimit"
)

// ledger is ratelimit.Counters by the house's own clock: what a header says of
// a limit does not depend on when the test runs.
type ledger struct {
	now     func() time.Time
	failure error

	mu      sync.Mutex
	windows map[string]window
}

type window struct {
	ends  time.Time
	spent int64
}

func (l *ledger) Take(_ context.Context, charges []ratelimit.Charge, _ []ratelimit.Status) (ratelimit.Decision, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	d, err := l.peek(charges)
	if err != nil || !d.Allowed {
		return d, err
	}
	for i, c := range charges {
		w := l.window(c)
		w.spent += c.Cost
		l.windows[c.Key] = w
		d.Status[i].Remaining -= c.Cost
	}
	return d, nil
}

func (l *ledger) Peek(_ context.Context, charges []ratelimit.Charge, _ []ratelimit.Status) (ratelimit.Decision, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.peek(charges)
}

func (l *ledger) Reset(_ context.Context, charges []ratelimit.Charge) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range charges {
		delete(l.windows, c.Key)
	}
	return l.failure
}

func (l *ledger) Refund(_ context.Context, charges []ratelimit.Charge) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range charges {
		w := l.window(c)
		w.spent = max(w.spent-c.Cost, 0)
		l.windows[c.Key] = w
	}
	return l.failure
}

func (l *ledger) Check(p ratelimit.Policy) error { return p.Check() }

func (l *ledger) Close() error { return nil }

func (l *ledger) peek(charges []ratelimit.Charge) (ratelimit.Decision, error) {
	d := ratelimit.Decision{Allowed: true}
	for _, c := range charges {
		w := l.window(c)
		s := ratelimit.Status{Allowed: w.spent+c.Cost <= c.Policy.Limit, Remaining: max(c.Policy.Limit-w.spent, 0), ResetAfter: w.ends.Sub(l.now())}
		if !s.Allowed {
			s.RetryAfter = s.ResetAfter
		}
		d.Status = append(d.Status, s)
		d.Allowed = d.Allowed && s.Allowed
	}
	return d, l.failure
}

func (l *ledger) window(c ratelimit.Charge) window {
	if w, ok := l.windows[c.Key]; ok && l.now().Before(w.ends) {
		return w
	}
	return window{ends: l.now().Add(c.Policy.Window)}
}

// keys are the counters that anything was charged to.
func (l *ledger) keys() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.windows)
}
