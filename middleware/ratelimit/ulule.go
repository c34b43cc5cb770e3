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

	"github.com/sallyport-go/sallyport/internal/fieldvalue"
)

// sweepEvery is how often the expired counters in memory are deleted, during a
// request.
const sweepEvery = time.Minute

// UluleMemory returns Counters in the memory of this process, on the memory
// driver of ulule/limiter, for hosts that require that. They count exact fixed
// windows only, and start no goroutine. A counter lives as long as its window and
// up to a minute more, and their number is not limited. Use [Memory] instead if
// you can. The limitations of [FromLimiter] apply.
func UluleMemory() Counters {
	return engine{
		store: &sweptStore{cache: memory.NewCache(0)},
		end:   func(reset int64) time.Time { return time.Unix(0, reset+1) },
		least: 50 * time.Millisecond,
	}
}

// sweptStore is ulule's memory driver without two of its defects: its cleaner
// cannot be stopped, and it deletes a counter that a request has just renewed.
// Reset in its results is the last nanosecond of the window.
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

// lasting returns how long the cache must keep a counter of this rate: the
// nanosecond in which it expires is part of the window.
func lasting(rate limiter.Rate) time.Duration { return rate.Period - 1 }

func exactly(rate limiter.Rate, expires time.Time, value int64) limiter.Context {
	c := common.GetContextFromState(time.Time{}, rate, expires, value)
	c.Reset = expires.UnixNano()
	return c
}

// begin reports whether the caller must sweep now.
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

// FromLimiter returns Counters on a ulule limiter.Store. They count fixed windows
// only. The store counts by its own clock, in whole seconds; what it rounds down
// is rounded up here. Its Increment is called once for each charge, and once more
// for a charge that is taken back. In the last two seconds of a window nothing is
// taken back, because that could become a credit in the next window.
//
// The groups have separate counters, but no capacity of their own, because a
// limiter.Store knows neither groups nor sources: a caller who fills its memory
// fills it for all callers, and the number of counters of one Source is not
// limited. A counter of which all is refunded stays until its window ends.
func FromLimiter(s limiter.Store) Counters {
	return engine{
		store: s,
		end:   func(reset int64) time.Time { return time.Unix(reset+1, 0) },
		least: 2 * time.Second, // one of them may have been added by end
	}
}

type engine struct {
	store limiter.Store
	end   func(reset int64) time.Time // of a window, never too early
	least time.Duration               // this long before its end nothing is taken back
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
			// the state after the refund, and that of the charges behind it
			return e.refused(ctx, charges, i, d.Status)
		}
	}
	return d, nil
}

// refused returns the decision for charges of which the one at i was over its
// limit.
func (e engine) refused(ctx context.Context, charges []Charge, i int, dst []Status) (Decision, error) {
	d, err := e.Peek(ctx, charges, dst)
	if err != nil {
		return Decision{}, err
	}
	d.Allowed = false
	if s := &d.Status[i]; s.Allowed { // its window has ended, or another caller was refunded
		s.Allowed = false
		s.RetryAfter = time.Second
	}
	return d, nil
}

// refund takes charges back. A window that may have ended meanwhile is skipped:
// there the refund would be a credit in the next one.
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

// Refund gives back at most what was charged, as far as a limiter.Store can
// determine it: two concurrent refunds of one counter may give back too much.
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

// Close does nothing: the store belongs to its creator.
func (engine) Close() error { return nil }

// name returns the counter's name in a limiter.Store, which takes the length of a
// window from the first charge in it.
func (c Charge) name() string {
	name := strconv.FormatInt(fieldvalue.Seconds(c.Policy.Window), 10) + "/" + c.Key
	if c.Group != GroupCallers {
		name = c.Group.String() + "/" + name
	}
	return name
}

func (c Charge) rate() limiter.Rate {
	return limiter.Rate{Period: c.Policy.Window, Limit: c.Policy.Limit}
}

// Check accepts fixed windows only, because a limiter.Store has no others.
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
