package adaptertest

import (
	"context"
	"sync"
	"time"

	"github.com/sallyport-go/sallyport/middleware/ratelimit"
)

// fakeCounters implements ratelimit.Counters with the fixture's clock, so that
// rate limit headers do not depend on when the test runs.
type fakeCounters struct {
	now     func() time.Time
	Failure error

	mu      sync.Mutex
	windows map[string]window
}

type window struct {
	ends  time.Time
	spent int64
}

func (l *fakeCounters) Take(_ context.Context, charges []ratelimit.Charge, _ []ratelimit.Status) (ratelimit.Decision, error) {
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

func (l *fakeCounters) Peek(_ context.Context, charges []ratelimit.Charge, _ []ratelimit.Status) (ratelimit.Decision, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.peek(charges)
}

func (l *fakeCounters) Reset(_ context.Context, charges []ratelimit.Charge) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range charges {
		delete(l.windows, c.Key)
	}
	return l.Failure
}

func (l *fakeCounters) Refund(_ context.Context, charges []ratelimit.Charge) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range charges {
		w := l.window(c)
		w.spent = max(w.spent-c.Cost, 0)
		l.windows[c.Key] = w
	}
	return l.Failure
}

func (l *fakeCounters) Check(p ratelimit.Policy) error { return p.Check() }

func (l *fakeCounters) Close() error { return nil }

func (l *fakeCounters) peek(charges []ratelimit.Charge) (ratelimit.Decision, error) {
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
	return d, l.Failure
}

func (l *fakeCounters) window(c ratelimit.Charge) window {
	if w, ok := l.windows[c.Key]; ok && l.now().Before(w.ends) {
		return w
	}
	return window{ends: l.now().Add(c.Policy.Window)}
}

// Keys returns the number of counters that were charged.
func (l *fakeCounters) Keys() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.windows)
}
