package middleware

import (
	"context"
	"errors"
	"math"
	"sync"
	"time"

	"github.com/ulule/limiter/v3"
	"github.com/ulule/limiter/v3/drivers/store/common"
	"github.com/ulule/limiter/v3/drivers/store/memory"
)

// sweepEvery is how often the expired counters in memory are forgotten, on the
// back of a request.
const sweepEvery = time.Minute

// Memory returns Counters in the memory of this process: exact fixed windows
// that begin with the first request, on the engine of ulule/limiter. They start
// no goroutine. A counter lives as long as its window and up to a minute more,
// and their number has no bound: for callers without an account, who are counted
// by address, put a limit on new connections in front.
func Memory() Counters { return FromLimiter(&sweptStore{cache: memory.NewCache(0)}) }

// sweptStore is ulule's memory driver without its two traps: a cleaner that
// nobody can stop, and that forgets a counter which a request has just revived.
type sweptStore struct {
	cache *memory.CacheWrapper
	mu    sync.RWMutex // held for writing while expired counters are deleted
	swept time.Time    // under mu
}

func (s *sweptStore) Get(ctx context.Context, key string, rate limiter.Rate) (limiter.Context, error) {
	return s.Increment(ctx, key, 1, rate)
}

func (s *sweptStore) Increment(_ context.Context, key string, count int64, rate limiter.Rate) (limiter.Context, error) {
	now := time.Now()
	s.mu.RLock()
	due := now.Sub(s.swept) >= sweepEvery
	value, expires := s.cache.Increment(key, count, rate.Period)
	s.mu.RUnlock()
	if due {
		s.sweep(now)
	}
	return common.GetContextFromState(now, rate, expires, value), nil
}

func (s *sweptStore) sweep(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Sub(s.swept) < sweepEvery {
		return
	}
	s.swept = now
	s.cache.Clean()
}

func (s *sweptStore) Peek(_ context.Context, key string, rate limiter.Rate) (limiter.Context, error) {
	value, expires := s.cache.Get(key, rate.Period)
	return common.GetContextFromState(time.Now(), rate, expires, value), nil
}

func (s *sweptStore) Reset(_ context.Context, key string, rate limiter.Rate) (limiter.Context, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	value, expires := s.cache.Reset(key, rate.Period)
	return common.GetContextFromState(time.Now(), rate, expires, value), nil
}

// FromLimiter makes Counters of a ulule limiter.Store. The store counts by its
// own clock, in whole seconds; whatever it rounds down is rounded up here. Its
// Increment is called once a charge, and once more for a charge that has to be
// taken back. In the last two seconds of a window nothing is taken back, for it
// could end up as a credit in the next one.
func FromLimiter(s limiter.Store) Counters { return engine{s} }

type engine struct{ store limiter.Store }

func (e engine) Take(ctx context.Context, charges []Charge) (Decision, error) {
	d := Decision{Allowed: true, Status: make([]Status, len(charges))}
	for i, c := range charges {
		if err := check(c); err != nil {
			return Decision{}, errors.Join(err, e.refund(ctx, charges[:i], d.Status))
		}
		state, err := e.store.Increment(ctx, c.Key, c.Cost, c.rate())
		if err != nil {
			// it may have been counted, so it is not given back
			return Decision{}, errors.Join(err, e.refund(ctx, charges[:i], d.Status))
		}
		d.Status[i] = status(state, time.Now(), c)
		if state.Reached {
			d.Allowed = false
			if err := e.refund(ctx, charges[:i+1], d.Status); err != nil {
				return Decision{}, err
			}
			// what the refund has changed, and what comes behind, as they are now
			return e.refused(ctx, charges, i)
		}
	}
	return d, nil
}

// refused describes charges of which the one at i was over its limit.
func (e engine) refused(ctx context.Context, charges []Charge, i int) (Decision, error) {
	d, err := e.Peek(ctx, charges)
	if err != nil {
		return Decision{}, err
	}
	d.Allowed = false
	if s := &d.Status[i]; s.Allowed { // its window has ended, or somebody else was refunded
		s.Allowed = false
		s.RetryAfter = time.Second
	}
	return d, nil
}

// refund takes charges back. A window that may have ended in the meantime is
// left alone: there the refund would be a credit in the next one.
func (e engine) refund(ctx context.Context, charges []Charge, status []Status) error {
	for i, c := range charges {
		// ResetAfter was rounded up by a second
		if status[i].ResetAfter < 2*time.Second {
			continue
		}
		if _, err := e.store.Increment(ctx, c.Key, -c.Cost, c.rate()); err != nil {
			return err
		}
	}
	return nil
}

func (e engine) Peek(ctx context.Context, charges []Charge) (Decision, error) {
	d := Decision{Allowed: true, Status: make([]Status, len(charges))}
	for i, c := range charges {
		if err := check(c); err != nil {
			return Decision{}, err
		}
		state, err := e.store.Peek(ctx, c.Key, c.rate())
		if err != nil {
			return Decision{}, err
		}
		state.Reached = state.Reached || state.Remaining < c.Cost
		d.Status[i] = status(state, time.Now(), c)
		d.Allowed = d.Allowed && d.Status[i].Allowed
	}
	return d, nil
}

func (e engine) Reset(ctx context.Context, charges []Charge) error {
	for _, c := range charges {
		if _, err := e.store.Reset(ctx, c.Key, c.rate()); err != nil {
			return err
		}
	}
	return nil
}

// Close has nothing to give back: the store is its maker's to close.
func (engine) Close() error { return nil }

func (c Charge) rate() limiter.Rate {
	return limiter.Rate{Period: c.Policy.Window, Limit: c.Policy.Limit}
}

var errCharge = errors.New("middleware: a charge wants a key, a cost of 1 or more and a window of whole seconds")

func check(c Charge) error {
	if c.Key == "" || c.Cost < 1 || c.Cost > math.MaxInt32 || c.Policy.Window < time.Second || c.Policy.Window%time.Second != 0 {
		return errCharge
	}
	return nil
}

func status(state limiter.Context, now time.Time, c Charge) Status {
	s := Status{Allowed: !state.Reached, Remaining: max(state.Remaining, 0)}
	// the engine has cut the end of the window to the second
	s.ResetAfter = min(max(time.Unix(state.Reset+1, 0).Sub(now), 0), c.Policy.Window)
	if !s.Allowed {
		s.RetryAfter = s.ResetAfter
	}
	return s
}
