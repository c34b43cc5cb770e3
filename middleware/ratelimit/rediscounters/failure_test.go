package rediscounters_test

import (
	"context"
	"fmt"
	"strings"
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
)

func TestF07WhatRedisReads(t *testing.T) {
	t.Parallel()
	client := dial(t, redistest.URL(t))
	prefix := redistest.Prefix(t, client)
	c := counters(t, client, prefix)
	takes(t, c, charge("tier/3600/address/203.0.113.7/32", 5, 1), charge("tier/3600/user/ada@example.org", 5, 1))
	keys := redistest.Keys(t, client, prefix)
	if len(keys) != 2 {
		t.Fatalf("the keys are %q", keys)
	}
	for _, key := range keys {
		if strings.Contains(key, "203.0") || strings.Contains(key, "ada") || len(key) != len(prefix)+len("{tags}:")+22 {
			t.Errorf("the key %q tells whose it is", key)
		}
		if ttl := client.TTL(t.Context(), key).Val(); ttl <= 0 || ttl > time.Hour {
			t.Errorf("the key %q has %v to live", key, ttl)
		}
	}
}

func TestEngineCounterWithoutEnd(t *testing.T) {
	t.Parallel()
	client := dial(t, redistest.URL(t))
	prefix := redistest.Prefix(t, client)
	c := engine(t, client, prefix)
	for name, spent := range map[string]int{"below its limit": 1, "over its limit": 500} {
		takes(t, c, charge(name, 5, 1))
		key := newest(t, client, prefix)
		if err := client.Set(t.Context(), key, spent, 0).Err(); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Peek(t.Context(), []ratelimit.Charge{charge(name, 5, 1)}, nil); err != nil || client.TTL(t.Context(), key).Val() != -1 {
			t.Errorf("%s: Peek has written, or failed: %v", name, err)
		}
		if d := takes(t, c, charge(name, 5, 1)); d.Allowed != (spent < 5) {
			t.Errorf("%s: %+v", name, d)
		}
		if ttl := client.TTL(t.Context(), key).Val(); ttl < time.Hour-time.Minute || ttl > time.Hour {
			t.Errorf("%s: it has %v to live", name, ttl)
		}
		client.Del(t.Context(), key)
	}
}

// newest is the one counter that there is.
func newest(t *testing.T, client *redis.Client, prefix string) string {
	t.Helper()
	keys := redistest.Keys(t, client, prefix)
	if len(keys) != 1 {
		t.Fatalf("the keys are %q, want one", keys)
	}
	return keys[0]
}

func TestEngineRefund(t *testing.T) {
	t.Parallel()
	client := dial(t, redistest.URL(t))
	key := redistest.Prefix(t, client) + "x"
	if err := rediscounters.Refund(t.Context(), client, key, 5); err != nil || client.Exists(t.Context(), key).Val() != 0 {
		t.Errorf("a refund of what is gone has made a counter: %v", err)
	}
	for _, step := range []struct{ spent, back, want int64 }{{7, 5, 2}, {3, 5, 0}, {0, 5, 0}} {
		client.Set(t.Context(), key, step.spent, time.Hour)
		if err := rediscounters.Refund(t.Context(), client, key, step.back); err != nil {
			t.Error(err)
		}
		n, _ := client.Get(t.Context(), key).Int64()
		ttl := client.TTL(t.Context(), key).Val() // negative: nothing was left, and there is no counter
		if n != step.want || step.want > 0 && ttl < time.Hour-time.Minute || step.want == 0 && ttl >= 0 {
			t.Errorf("%d of %d: %d, for %v", step.back, step.spent, n, ttl)
		}
	}
}

func TestEngineWrongType(t *testing.T) {
	t.Parallel()
	client := dial(t, redistest.URL(t))
	prefix := redistest.Prefix(t, client)
	c := engine(t, client, prefix)
	takes(t, c, charge("a", 5, 1))
	key := newest(t, client, prefix)
	client.Del(t.Context(), key)
	client.RPush(t.Context(), key, "x")
	if d, err := c.Take(t.Context(), []ratelimit.Charge{charge("a", 5, 1)}, nil); err == nil || !strings.Contains(err.Error(), "WRONGTYPE") {
		t.Errorf("Take: %+v, %v", d, err)
	}
}

func TestF29FlushedScripts(t *testing.T) {
	t.Parallel()
	client := dial(t, redistest.Start(t).URL())
	c := counters(t, client, "x")
	var callers sync.WaitGroup
	for range 16 {
		callers.Go(func() {
			for range 200 {
				if _, err := c.Take(t.Context(), []ratelimit.Charge{charge("a", 1600, 1)}, nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { callers.Wait(); close(done) }()
	for flushes := 0; ; flushes++ {
		select {
		case <-done:
			if flushes < 10 {
				t.Errorf("the scripts were flushed %d times only", flushes)
			}
			return
		default:
			if err := client.ScriptFlush(t.Context()).Err(); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestF25ServerThatComesLater(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	server.Kill()
	c := counters(t, dial(t, server.URL()), "x")
	try := func() (ratelimit.Decision, error) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		return c.Take(ctx, []ratelimit.Charge{charge("a", 5, 1)}, nil)
	}
	for range 50 { // more than a pool has connections
		if d, err := try(); err == nil {
			t.Fatalf("without a server: %+v", d)
		}
	}
	if !server.Run(t) {
		t.Fatal("the server does not start")
	}
	if !redistest.Eventually(t, func() bool { d, err := try(); return err == nil && d.Allowed }) {
		t.Error("the counters do not recover")
	}
}

func TestF24SilentServer(t *testing.T) {
	t.Parallel()
	proxy := proxytest.Start(t, redistest.Start(t).Addr)
	c := counters(t, dial(t, "redis://"+proxy.Addr), "x")
	takes(t, c, charge("a", 5, 1))
	proxy.Silence(true)
	for range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		begun := time.Now()
		d, err := c.Take(ctx, []ratelimit.Charge{charge("a", 5, 1)}, nil)
		cancel()
		if took := time.Since(begun); err == nil || took > 3*time.Second {
			t.Errorf("Take: %+v, %v after %v", d, err, took)
		}
	}
}

func TestF27EngineLostReply(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	proxy := proxytest.Start(t, server.Addr)
	c, direct := engine(t, dial(t, "redis://"+proxy.Addr), "lost"), dial(t, server.URL())
	takes(t, c, charge("a", 5, 1))
	proxy.CutReply(0, "lost:")
	if d, err := c.Take(t.Context(), []ratelimit.Charge{charge("a", 5, 1)}, nil); err == nil {
		t.Errorf("Take: %+v", d)
	}
	if spent := direct.Get(t.Context(), newest(t, direct, "lost:")).Val(); spent != "2" || proxy.Hits() != 1 {
		t.Errorf("it was sent %d times, and %s are spent", proxy.Hits(), spent)
	}
}

// A server that loses everything causes no errors. A node remembers the callers
// that it has refused, so only requests that were under way are admitted anew.
func TestFlushedServer(t *testing.T) {
	t.Parallel()
	const limit, callersAtOnce = 20, 16
	client := dial(t, redistest.Start(t).URL())
	c := counters(t, client, "x")
	var admitted atomic.Int64
	var callers sync.WaitGroup
	for range callersAtOnce {
		callers.Go(func() {
			for i := range 200 {
				d, err := c.Take(t.Context(), []ratelimit.Charge{charge("a", limit, 1)}, nil)
				if err != nil {
					t.Error(err)
				}
				if d.Allowed {
					admitted.Add(1)
				}
				if i%50 == 49 { // every caller was refused by now
					if err := client.FlushAll(t.Context()).Err(); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	callers.Wait()
	if n := admitted.Load(); n < limit || n > limit+callersAtOnce-1 {
		t.Errorf("%d were let in, want %d and %d who were under way at most", n, limit, callersAtOnce-1)
	}
}

// What a server has lost is the limit once more, and not a charge beyond it; what
// nodes know by themselves they go on knowing.
func TestWhatAFlushForgets(t *testing.T) {
	t.Parallel()
	const limit = 20
	client := dial(t, redistest.Start(t).URL())
	clock := countertest.NewClock()
	node := func(t *testing.T, prefix string, lease int64) ratelimit.Counters {
		t.Helper()
		return lending(t, client, prefix, lease, clock, clock)
	}
	// all that a node lets in, until it refuses
	all := func(t *testing.T, c ratelimit.Counters, a ratelimit.Algorithm) (n int) {
		t.Helper()
		for takes(t, c, by(a, charge("a", limit, 1))).Allowed {
			n++
		}
		return n
	}
	flush := func(t *testing.T) {
		t.Helper()
		if err := client.FlushAll(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
	}
	for _, a := range algorithms {
		for _, lease := range []int64{0, 5} {
			name := fmt.Sprintf("%v, leases of %d", a, lease)
			one, other := node(t, name, lease), node(t, name, lease)
			for range 4 {
				takes(t, one, by(a, charge("a", limit, 1)))
			}
			ahead := 0
			if lease > 0 { // with the second five were charged ahead, of which two are spent
				ahead = 3
			}
			flush(t)
			if n := all(t, one, a) + all(t, other, a); n != limit+ahead {
				t.Errorf("%s: after a flush %d were let in, want %d", name, n, limit+ahead)
			}
			flush(t)
			if n := all(t, one, a) + all(t, other, a); n != 0 {
				t.Errorf("%s: %d were let in by nodes that had refused", name, n)
			}
			newcomer := node(t, name, lease)
			if n := all(t, newcomer, a); n != limit {
				t.Errorf("%s: %d were let in by a node that knew nothing, want %d", name, n, limit)
			}
			// with the counters the number of the last Reset is lost: a node that had heard of
			// one takes it for another, and forgets refusals
			if err := newcomer.Reset(t.Context(), []ratelimit.Charge{charge("b", limit, 1)}); err != nil {
				t.Fatal(err)
			}
			if n := all(t, newcomer, a); n != 0 {
				t.Errorf("%s: %d were let in after somebody else's Reset", name, n)
			}
			flush(t)
			if n := all(t, newcomer, a); n != 0 {
				t.Errorf("%s: %d were let in before there was a word of the server", name, n)
			}
			takes(t, newcomer, charge("b", limit, 1))
			if n := all(t, newcomer, a); n != limit {
				t.Errorf("%s: %d were let in after a word of the server, want %d", name, n, limit)
			}
		}
	}
}
