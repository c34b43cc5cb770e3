package ratelimit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/ulule/limiter/v3"
	"github.com/ulule/limiter/v3/drivers/store/common"
	"github.com/ulule/limiter/v3/drivers/store/memory"
)

// sweepEvery is how often the expired counters in memory are forgotten, on the
// back of a request.
const sweepEvery = time.Minute

// UluleMemory returns Counters in the memory of this process, on the memory driver of
// ulule/limiter: exact fixed windows, and no other. They start no goroutine. A
// counter lives as long as its window and up to a minute more, and their number
// has no bound: it is for hosts that want the engine, and [Memory] is for the
// rest. What [FromLimiter] cannot promise they do not promise.
func UluleMemory() Counters {
	return engine{
		store: &sweptStore{cache: memory.NewCache(0)},
		end:   func(reset int64) time.Time { return time.Unix(0, reset+1) },
		least: 50 * time.Millisecond,
	}
}

// sweptStore is ulule's memory driver without its two traps: a cleaner that
// cannot be stopped, and that forgets a counter which a request has just renewed.
// What it calls Reset is the last nanosecond of the window.
type sweptStore struct {
	cache *memory.CacheWrapper
	mu    sync.RWMutex // held for writing while expired counters are deleted
	swept time.Time    // under mu
}

type counter = memory.Counter

func (s *sweptStore) Get(ctx context.Context, key string, rate limiter.Rate) (limiter.Context, error) {
	return s.Increment(ctx, key, 1, rate)
}

func (s *sweptStore) Increment(_ context.Context, key string, count int64, rate limiter.Rate) (limiter.Context, error) {
	now := time.Now()
	s.mu.RLock()
	due := now.Sub(s.swept) >= sweepEvery
	value, expires := s.cache.Increment(key, count, lasting(rate))
	s.mu.RUnlock()
	if due && s.begin(now) {
		s.forget(s.expired())
	}
	return exactly(rate, expires, value), nil
}

// lasting is how long the cache is to keep a counter of this rate: the
// nanosecond that it expires in is a part of the window.
func lasting(rate limiter.Rate) time.Duration { return rate.Period - 1 }

func exactly(rate limiter.Rate, expires time.Time, value int64) limiter.Context {
	c := common.GetContextFromState(time.Time{}, rate, expires, value)
	c.Reset = expires.UnixNano()
	return c
}

// begin reports whether a sweep is the caller's to make.
func (s *sweptStore) begin(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Sub(s.swept) < sweepEvery {
		return false
	}
	s.swept = now
	return true
}

// expired returns the keys of the counters whose window has ended.
func (s *sweptStore) expired() []string {
	var keys []string
	s.cache.Range(func(key string, c *counter) {
		if c.Expired() {
			keys = append(keys, key)
		}
	})
	return keys
}

// forget deletes the counters that no request has renewed. It holds the lock for
// at most 256 of them at a time.
func (s *sweptStore) forget(keys []string) {
	for some := range slices.Chunk(keys, 256) {
		s.mu.Lock()
		for _, key := range some {
			if c, ok := s.cache.Load(key); ok && c.Expired() {
				s.cache.Delete(key)
			}
		}
		s.mu.Unlock()
	}
}

func (s *sweptStore) Peek(_ context.Context, key string, rate limiter.Rate) (limiter.Context, error) {
	value, expires := s.cache.Get(key, lasting(rate))
	return exactly(rate, expires, value), nil
}

func (s *sweptStore) Reset(_ context.Context, key string, rate limiter.Rate) (limiter.Context, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	value, expires := s.cache.Reset(key, lasting(rate))
	return exactly(rate, expires, value), nil
}

// FromLimiter makes Counters of a ulule limiter.Store. The store counts by its
// own clock, in whole seconds; whatever it rounds down is rounded up here. Its
// Increment is called once a charge, and once more for a charge that has to be
// taken back. In the last two seconds of a window nothing is taken back, for it
// could end up as a credit in the next one.
//
// The groups have counters of their own, but no capacity of their own: a limiter.Store
// knows neither groups nor sources. A caller who fills its memory fills it for all
// callers. The number of counters of one Source is not bounded. A counter that has given back all that
// it had stays until its window ends, and the window does not begin anew.
func FromLimiter(s limiter.Store) Counters {
	return engine{
		store: s,
		end:   func(reset int64) time.Time { return time.Unix(reset+1, 0) },
		least: 2 * time.Second, // one of which end may have added
	}
}

type engine struct {
	store limiter.Store
	end   func(reset int64) time.Time // of a window, never too early
	least time.Duration               // before its end nothing is taken back any more
}

func (e engine) Take(ctx context.Context, charges []Charge, dst []Status) (Decision, error) {
	if err := e.check(charges); err != nil {
		return Decision{}, err
	}
	d := Decision{Allowed: true, Status: slices.Grow(dst[:0], len(charges))[:len(charges)]}
	for i, c := range charges {
		state, err := e.store.Increment(ctx, c.name(), c.Cost, c.rate())
		if err != nil {
			// it may have been counted, so it is not given back
			return Decision{}, errors.Join(err, e.refund(ctx, charges[:i], d.Status))
		}
		d.Status[i] = e.status(state, c)
		if state.Reached && !c.Done {
			d.Allowed = false
			if err := e.refund(ctx, charges[:i+1], d.Status); err != nil {
				return Decision{}, err
			}
			// what the refund has changed, and what comes behind, as they are now
			return e.refused(ctx, charges, i, d.Status)
		}
	}
	return d, nil
}

// refused describes charges of which the one at i was over its limit.
func (e engine) refused(ctx context.Context, charges []Charge, i int, dst []Status) (Decision, error) {
	d, err := e.Peek(ctx, charges, dst)
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
		if status[i].ResetAfter < e.least {
			continue
		}
		if _, err := e.store.Increment(ctx, c.name(), -c.Cost, c.rate()); err != nil {
			return err
		}
	}
	return nil
}

// Refund gives back what there is, as far as a limiter.Store can tell: of two
// that refund the same counter at once, more than they have charged, both may.
func (e engine) Refund(ctx context.Context, charges []Charge) error {
	if err := e.check(charges); err != nil {
		return err
	}
	for _, c := range charges {
		state, err := e.store.Peek(ctx, c.name(), c.rate())
		if err != nil {
			return err
		}
		c.Cost = min(c.Cost, state.Limit-state.Remaining)
		if c.Cost < 1 {
			continue
		}
		if err := e.refund(ctx, []Charge{c}, []Status{e.status(state, c)}); err != nil {
			return err
		}
	}
	return nil
}

func (e engine) Peek(ctx context.Context, charges []Charge, dst []Status) (Decision, error) {
	if err := e.check(charges); err != nil {
		return Decision{}, err
	}
	d := Decision{Allowed: true, Status: slices.Grow(dst[:0], len(charges))[:len(charges)]}
	for i, c := range charges {
		state, err := e.store.Peek(ctx, c.name(), c.rate())
		if err != nil {
			return Decision{}, err
		}
		state.Reached = state.Reached || state.Remaining < c.Cost
		d.Status[i] = e.status(state, c)
		d.Allowed = d.Allowed && (d.Status[i].Allowed || c.Done)
	}
	return d, nil
}

func (e engine) Reset(ctx context.Context, charges []Charge) error {
	if err := e.check(charges); err != nil {
		return err
	}
	for _, c := range charges {
		if _, err := e.store.Reset(ctx, c.name(), c.rate()); err != nil {
			return err
		}
	}
	return nil
}

// Close has nothing to give back: the store is its maker's to close.
func (engine) Close() error { return nil }

// name is what the counter is called in a limiter.Store, which takes the length
// of a window from the first charge in it.
func (c Charge) name() string {
	name := strconv.FormatInt(seconds(c.Policy.Window), 10) + "/" + c.Key
	if c.Group != GroupCallers {
		name = c.Group.String() + "/" + name
	}
	return name
}

func (c Charge) rate() limiter.Rate {
	return limiter.Rate{Period: c.Policy.Window, Limit: c.Policy.Limit}
}

// Check wants a fixed window: a limiter.Store has no other.
func (engine) Check(p Policy) error {
	if p.Algorithm != FixedWindow {
		return fmt.Errorf("ratelimit: a limiter.Store counts fixed windows only, and the policy %q has the algorithm %v", p.Name, p.Algorithm)
	}
	return p.Check()
}

func (e engine) check(charges []Charge) error {
	for _, c := range charges {
		if err := errors.Join(c.Check(), e.Check(c.Policy)); err != nil {
			return err
		}
	}
	return nil
}

func (e engine) status(state limiter.Context, c Charge) Status {
	s := Status{Allowed: !state.Reached, Remaining: min(max(state.Remaining, 0), max(c.Policy.Limit, 0))}
	s.ResetAfter = min(max(time.Until(e.end(state.Reset)), 0), c.Policy.Window)
	if !s.Allowed {
		s.RetryAfter = s.ResetAfter
	}
	return s
}
