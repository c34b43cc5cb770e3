package soak_test

import (
	"context"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/internal/skip"
	"github.com/sallyport-go/sallyport/tokens/events"
)

// Many connections, on a machine that has few processors, to a host with the default
// settings: Redis is healthy, so no request gets 503, and no event tells of a failure.
// With SALLYPORT_CONNECTIONS=2000 it takes 10 s each, and needs a machine that does
// nothing else. Without it, it demands only that the circuit stays closed: a machine
// that does much else can be too busy for a hundred clients, too.
//
//nolint:paralleltest,tparallel // one after the other: each has all connections
func TestFaultC17ManyConnections(t *testing.T) {
	t.Parallel()
	skip.Long(t)
	connections, length, alone := 100, 300*time.Millisecond, false
	if text := os.Getenv("SALLYPORT_CONNECTIONS"); text != "" {
		var err error
		connections, err = strconv.Atoi(text)
		must(t, err)
		length, alone = 10*time.Second, true
	}
	s := newSoak(t, settings{groups: 1, people: 1, limit: 1 << 40, quiet: true, defaults: true})
	g, err := s.newGroup(t.Context(), countedRoute)
	must(t, err)
	p := newPerson(s, 0)
	defer p.http.CloseIdleConnections()
	p.group = g
	must(t, p.comesIn(t.Context()))
	for _, test := range []struct {
		name    string
		hangsUp int // every so many of the clients; 0: none
	}{
		{"all of them wait", 0},
		{"a quarter of them hang up", 4},
	} {
		t.Run(test.name, func(t *testing.T) {
			var counted, left, refused, other atomic.Int64
			until := time.Now().Add(length)
			var all sync.WaitGroup
			for n := range connections {
				leaves := test.hangsUp > 0 && n%test.hangsUp == 0
				all.Go(func() {
					one := newPerson(s, n)
					one.http.Timeout = 0
					defer one.http.CloseIdleConnections()
					for time.Now().Before(until) {
						ctx, cancel := context.WithCancel(t.Context())
						if leaves {
							ctx, cancel = context.WithTimeout(t.Context(), time.Duration(one.chance.IntN(20_000))*time.Microsecond)
						}
						a := one.post(ctx, n%len(s.nodes), countedRoute, p.session.access, nil)
						gone := ctx.Err() != nil
						cancel()
						switch {
						case a.status == http.StatusNoContent:
							counted.Add(1)
						case a.status == http.StatusServiceUnavailable:
							refused.Add(1)
						case gone:
							left.Add(1)
						default:
							other.Add(1)
						}
					}
				})
			}
			all.Wait()
			t.Logf("%d connections for %v: %d requests counted, %d left, %d got 503, %d otherwise", connections, length, counted.Load(), left.Load(), refused.Load(), other.Load())
			if counted.Load() == 0 || alone && refused.Load() > 0 || other.Load() > 0 {
				t.Error("not all were counted")
			}
			if s.ledger.mentions("circuit breaker") {
				t.Errorf("the circuit has opened: %v", s.ledger.causes)
			}
			for _, kind := range []events.Kind{events.StoreFailure, events.StoreBusy, events.CounterFailure, events.CountersBusy, events.Fault} {
				if n := s.ledger.count(kind); alone && n > 0 {
					t.Errorf("%d events %s: %v", n, kind, s.ledger.causes)
				}
			}
		})
	}
}
