package rediscounters_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/internal/proxytest"
	"github.com/sallyport-go/sallyport/internal/redistest"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/ratelimit/countertest"
	"github.com/sallyport-go/sallyport/middleware/ratelimit/rediscounters"
	"github.com/sallyport-go/sallyport/store/redisstore"
)

// crowd is how many ask at once.
const crowd = 256

// asker has counters that ask once in a second a server that does not answer, and
// can take the server away.
type asker struct {
	ratelimit.Counters

	proxy *proxytest.Proxy
	clock *countertest.Clock
	seen  counting
}

func newAsker(t *testing.T, server *redistest.Server, prefix string, c rediscounters.Config) *asker {
	t.Helper()
	a := &asker{proxy: proxytest.Start(t, server.Addr), clock: countertest.NewClock()}
	// More than will ever fail: once all connections of the pool have
	// failed, go-redis tries by itself, by a clock of its own.
	options, err := redisstore.Options("redis://" + a.proxy.Addr + "/0?pool_size=10000&pipeline_pool_size=10000")
	if err != nil {
		t.Fatal(err)
	}
	options.DialTimeout, options.ReadTimeout, options.WriteTimeout, options.PoolTimeout = patience, patience, patience, patience
	client := redis.NewClient(options)
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	client.AddHook(&a.seen)
	c.Now, c.ProbeEvery = a.clock.Now, time.Second
	a.Counters = configured(t, client, prefix, c)
	return a
}

func (a *asker) ask(ctx context.Context) error {
	_, err := a.Take(ctx, []ratelimit.Charge{charge("a", 1<<30, 1)}, nil)
	return err
}

// answers are what a crowd was told.
type answers struct{ fine, failed, notAsked int64 }

// all lets a crowd ask at once. Callers that wait for a silent server are cut off.
func (a *asker) all(t *testing.T) answers {
	t.Helper()
	var fine, failed, notAsked atomic.Int64
	var callers sync.WaitGroup
	for range crowd {
		callers.Go(func() {
			switch err := a.ask(t.Context()); {
			case err == nil:
				fine.Add(1)
			case errors.Is(err, ratelimit.ErrCircuitOpen):
				notAsked.Add(1)
			default:
				failed.Add(1)
			}
		})
	}
	told := func() answers { return answers{fine.Load(), failed.Load(), notAsked.Load()} }
	if !redistest.Eventually(t, func() bool {
		if all := told(); all.fine+all.failed+all.notAsked == crowd {
			return true
		}
		if a.proxy.Silent() {
			a.proxy.Cut()
		}
		return false
	}) {
		t.Fatalf("some of %d get no answer: %+v", crowd, told())
	}
	callers.Wait()
	// Requests of callers that were cut off may be counted late.
	if !redistest.Eventually(t, func() bool {
		if !a.proxy.Silent() {
			return true
		}
		a.proxy.Cut()
		return a.proxy.Conns() == 0
	}) {
		t.Fatal("the silent proxy keeps connections")
	}
	return told()
}

// reached says how many connections were tried, and how many requests were made,
// while something was done.
func (a *asker) reached(do func()) (dials, requests int64) {
	dials, requests = a.seen.dials.Load(), int64(a.proxy.Requests())
	do()
	return a.seen.dials.Load() - dials, int64(a.proxy.Requests()) - requests
}

// A server that does not answer is asked once in an interval, by one of all
// callers; the others know at once.
func TestF26Breaker(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	for name, trouble := range map[string]struct {
		begin, end func(t *testing.T, p *proxytest.Proxy)
	}{
		"a server that is gone": {
			func(_ *testing.T, p *proxytest.Proxy) { p.Down() },
			func(t *testing.T, p *proxytest.Proxy) {
				t.Helper()
				if err := p.Up(t.Context()); err != nil {
					t.Fatal(err)
				}
			},
		},
		"a server that is silent": {
			func(_ *testing.T, p *proxytest.Proxy) { p.Silence(true) },
			func(_ *testing.T, p *proxytest.Proxy) { p.Silence(false); p.Cut() },
		},
		"a server that hangs up": {
			func(_ *testing.T, p *proxytest.Proxy) { p.CutReply(0, "") },
			func(_ *testing.T, p *proxytest.Proxy) { p.CutReply(0) },
		},
	} {
		for how, c := range map[string]rediscounters.Config{"one by one": {}, "pipelined": {Pipeline: true}} {
			t.Run(name+", "+how, func(t *testing.T) {
				t.Parallel()
				most := int64(1)
				if c.Pipeline {
					most = 2 // the client tries a pool of its own for pipelines, and then the other
				}
				a := newAsker(t, server, name+how, c)
				if got := a.all(t); got != (answers{fine: crowd}) {
					t.Fatalf("before: %+v", got)
				}
				trouble.begin(t, a.proxy)
				if got := a.all(t); got.fine != 0 || got.failed < 1 {
					t.Fatalf("until it is open: %+v", got)
				}
				for interval := range 3 {
					dials, requests := a.reached(func() {
						if got := a.all(t); got != (answers{notAsked: crowd}) {
							t.Errorf("within interval %d: %+v", interval, got)
						}
					})
					if dials != 0 || requests != 0 {
						t.Errorf("within interval %d: %d connections, %d requests", interval, dials, requests)
					}
					a.clock.Pass(time.Second)
					dials, requests = a.reached(func() {
						if got := a.all(t); got != (answers{failed: 1, notAsked: crowd - 1}) {
							t.Errorf("after interval %d: %+v", interval, got)
						}
					})
					if dials > most || requests > most || dials+requests == 0 {
						t.Errorf("after interval %d: %d connections, %d requests", interval, dials, requests)
					}
				}
				trouble.end(t, a.proxy)
				if got := a.all(t); got != (answers{notAsked: crowd}) {
					t.Errorf("when it is back, within the interval: %+v", got)
				}
				a.clock.Pass(time.Second)
				if got := a.all(t); got.failed != 0 || got.fine == 0 {
					t.Errorf("when it is back: %+v", got)
				}
				if got := a.all(t); got != (answers{fine: crowd}) {
					t.Errorf("after a probe that succeeded: %+v", got)
				}
			})
		}
	}
}

// A caller who goes has learnt nothing of the server, neither that it is there nor
// that it is not.
func TestF26CallerWhoGoes(t *testing.T) {
	t.Parallel()
	a := newAsker(t, redistest.Start(t), "gone", rediscounters.Config{})
	if err := a.ask(t.Context()); err != nil {
		t.Fatal(err)
	}
	goes := func(want error) {
		t.Helper()
		ctx, cancel := context.WithCancel(t.Context())
		err := a.ask(context.WithValue(ctx, between{}, func(func() error) error {
			cancel()
			<-ctx.Done()
			return ctx.Err()
		}))
		cancel()
		if !errors.Is(err, want) {
			t.Errorf("a caller who goes: %v, want %v", err, want)
		}
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for range 20 { // which would open it
		goes(context.Canceled)
		if err := a.ask(gone); !errors.Is(err, context.Canceled) {
			t.Errorf("a caller who has gone: %v", err)
		}
	}
	if err := a.ask(t.Context()); err != nil {
		t.Errorf("callers who went have opened it: %v", err)
	}
	a.proxy.CutReply(0, "") // each call fails, and none shows that the server is gone
	for range 5 {
		goes(context.Canceled) // which would begin the count anew
		if err := a.ask(t.Context()); err == nil || errors.Is(err, ratelimit.ErrCircuitOpen) {
			t.Fatalf("before it is open: %v", err)
		}
	}
	goes(ratelimit.ErrCircuitOpen)
	for range 3 {
		a.clock.Pass(time.Second)
		if err := a.ask(gone); !errors.Is(err, context.Canceled) { // no probe
			t.Errorf("a caller who has gone: %v", err)
		}
		goes(context.Canceled) // a probe that shows nothing is none
		if got := a.all(t); got != (answers{failed: 1, notAsked: crowd - 1}) {
			t.Errorf("after a probe that went: %+v", got)
		}
		if got := a.all(t); got != (answers{notAsked: crowd}) {
			t.Errorf("within the interval of the next: %+v", got)
		}
	}
	a.proxy.CutReply(0)
	a.clock.Pass(time.Second)
	goes(context.Canceled)
	if err := a.ask(t.Context()); err != nil {
		t.Errorf("when it is back: %v", err)
	}
	if got := a.all(t); got != (answers{fine: crowd}) {
		t.Errorf("after a probe that succeeded: %+v", got)
	}
}
