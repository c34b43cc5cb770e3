package passwords_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/store/passwords"
)

// caller is who logs in, as WithCaller takes it.
type caller struct{ address, login string }

func (c caller) in(ctx context.Context) context.Context {
	address, _ := netip.ParseAddr(c.address)
	return passwords.WithCaller(ctx, address, c.login)
}

func TestFaultA4ALoginWaitsForFewOtherHashes(t *testing.T) {
	t.Parallel()
	const loops, most = 40, 10
	for name, x := range map[string]struct {
		others func(i int) caller
		ada    caller
	}{
		"while one account at another address logs in again and again": {
			func(int) caller { return caller{"192.0.2.1", "mallory"} }, caller{"192.0.2.2", "ada"},
		},
		"while one account at the same address does": {
			func(int) caller { return caller{"192.0.2.1", "mallory"} }, caller{"192.0.2.1", "ada"},
		},
		"while one account does from many addresses": {
			func(i int) caller { return caller{fmt.Sprintf("192.0.2.%d", i), "mallory"} }, caller{"198.51.100.1", "ada"},
		},
		"while one account does from many addresses, hers among them": {
			func(i int) caller { return caller{fmt.Sprintf("192.0.2.%d", i), "mallory"} }, caller{"192.0.2.7", "ada"},
		},
		"while one account does in many spellings of its login": {
			func(i int) caller { return caller{"192.0.2.1", []string{"mallory", "Mallory", "MALLORY"}[i%3]} }, caller{"192.0.2.1", "ada"},
		},
		"while one address tries many logins": {
			func(i int) caller { return caller{"192.0.2.1", fmt.Sprint("login", i)} }, caller{"192.0.2.2", "ada"},
		},
		"while one address tries passwords for her account": {
			func(int) caller { return caller{"192.0.2.1", "ada"} }, caller{"192.0.2.2", "ada"},
		},
		"while many addresses of one IPv6 network try many logins": {
			func(i int) caller { return caller{fmt.Sprintf("2001:db8:1:%x::1", i), fmt.Sprint("login", i)} }, caller{"2001:db8:2::1", "ada"},
		},
		"while something hashes of which nothing is known": {
			func(int) caller { return caller{} }, caller{"192.0.2.2", "ada"},
		},
		"while no address is known": {
			func(int) caller { return caller{login: "mallory"} }, caller{login: "ada"},
		},
	} {
		for _, places := range []int{1, 3} {
			t.Run(fmt.Sprintf("%s, with %d at once", name, places), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					h := newHasher(t, passwords.Config{Concurrent: places, Queue: loops})
					s := &stage{t: t, h: h, finish: make(chan struct{})}
					for i := range loops {
						go s.loop(x.others(i))
					}
					for range 20 {
						for range 7 { // others have their turns
							s.finish <- struct{}{}
							synctest.Wait()
						}
						if waited := s.waits(x.ada); waited > most {
							t.Errorf("ada waits for %d other hashes, want %d at most", waited, most)
						}
					}
					s.end()
				})
			})
		}
	}
}

// stage lets callers hash, one finish at a time.
type stage struct {
	t       *testing.T
	h       *passwords.Hasher
	finish  chan struct{}
	mu      sync.Mutex
	started int
	over    bool
}

// loop logs in until the end of the test.
func (s *stage) loop(c caller) {
	for s.turn(c) == nil {
		s.mu.Lock()
		over := s.over
		s.mu.Unlock()
		if over {
			return
		}
	}
}

// turn is one hash, which takes until the stage says finish.
func (s *stage) turn(c caller) error {
	if err := s.h.Occupy(c.in(s.t.Context())); err != nil {
		return err
	}
	s.mu.Lock()
	s.started++
	s.mu.Unlock()
	<-s.finish
	s.h.Vacate()
	return nil
}

// waits is how many hashes of others begin before a caller's does.
func (s *stage) waits(c caller) int {
	s.mu.Lock()
	before := s.started
	s.mu.Unlock()
	began := make(chan int, 1)
	go func() {
		if err := s.h.Occupy(c.in(s.t.Context())); err != nil {
			s.t.Errorf("got %v instead of a turn", err)
			began <- before
			return
		}
		s.mu.Lock()
		began <- s.started - before
		s.mu.Unlock()
		<-s.finish
		s.h.Vacate()
	}()
	for {
		synctest.Wait()
		select {
		case n := <-began:
			return n
		default:
			s.finish <- struct{}{}
		}
	}
}

// end lets the running hashes finish, and starts no others.
func (s *stage) end() {
	s.mu.Lock()
	s.over = true
	s.mu.Unlock()
	close(s.finish)
	synctest.Wait()
	if addresses, logins := s.h.Shares(); addresses != 0 || logins != 0 {
		s.t.Errorf("the queue remembers %d addresses and %d logins when it is empty", addresses, logins)
	}
}

func TestFaultA4AFullQueueRefusesWhoHoldsMostOfIt(t *testing.T) {
	t.Parallel()
	mallory := caller{"192.0.2.1", "mallory"}
	for name, x := range map[string]struct {
		others  func(i int) caller
		ada     caller
		refused string
	}{
		"one account of one address":                   {func(int) caller { return mallory }, caller{"192.0.2.2", "ada"}, "other"},
		"one account of her address":                   {func(int) caller { return mallory }, caller{"192.0.2.1", "ada"}, "other"},
		"one account of all addresses":                 {func(i int) caller { return caller{fmt.Sprintf("192.0.2.%d", i), "mallory"} }, caller{"192.0.2.2", "ada"}, "other"},
		"one address, any account":                     {func(i int) caller { return caller{"192.0.2.1", fmt.Sprint(i)} }, caller{"192.0.2.2", "ada"}, "other"},
		"one address, her account":                     {func(int) caller { return caller{"192.0.2.1", "ada"} }, caller{"192.0.2.2", "ada"}, "other"},
		"everybody, one place each":                    {func(i int) caller { return caller{fmt.Sprintf("192.0.2.%d", i), fmt.Sprint(i)} }, caller{"198.51.100.1", "ada"}, "ada"},
		"somebody else, when she has no place to lose": {func(int) caller { return caller{} }, mallory, "other"},
	} {
		t.Run("held by "+name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				const waiting = 8
				h := newHasher(t, passwords.Config{Concurrent: 1, Queue: waiting})
				if err := h.Occupy(caller{"203.0.113.1", "first"}.in(t.Context())); err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				others, adas := make(chan error, waiting), make(chan error, 1)
				for i := range waiting {
					go func() { others <- h.Occupy(x.others(i).in(ctx)) }()
					synctest.Wait()
				}
				go func() { adas <- h.Occupy(x.ada.in(ctx)) }()
				synctest.Wait()
				busy := others
				if x.refused == "ada" {
					busy = adas
				}
				if len(busy) != 1 || len(others)+len(adas) != 1 {
					t.Fatalf("%d of the others and %d of ada are refused, want one of %s", len(others), len(adas), x.refused)
				}
				if err := <-busy; !errors.Is(err, passwords.ErrBusy) {
					t.Errorf("got %v, want ErrBusy", err)
				}
				if got := h.Waiting(); got != waiting {
					t.Errorf("%d wait, want %d", got, waiting)
				}
			})
		})
	}
}

// retryAfter is what an error says of the time to wait, and -1 if it says
// nothing.
func retryAfter(err error) time.Duration {
	type retrier interface {
		error
		RetryAfter() time.Duration
	}
	if r, ok := errors.AsType[retrier](err); ok {
		return r.RetryAfter()
	}
	return -1
}

func TestErrBusySaysHowLongTheQueueTakes(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		config passwords.Config
		want   time.Duration
	}{
		"one at a time":                       {passwords.Config{Concurrent: 1, Queue: 9}, 10 * 100 * time.Millisecond},
		"two at a time":                       {passwords.Config{Concurrent: 2, Queue: 8}, 10 * 100 * time.Millisecond / 2},
		"four at a time, two by their memory": {passwords.Config{Concurrent: 4, Queue: 6, TotalMemory: 2 * 19456}, 10 * 100 * time.Millisecond / 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h := newHasher(t, x.config)
				for range 200 {
					if err := h.Occupy(t.Context()); err != nil {
						t.Fatal(err)
					}
					time.Sleep(100 * time.Millisecond)
					h.Vacate()
				}
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				for range 10 {
					go func() { _ = h.Occupy(ctx) }()
				}
				synctest.Wait()
				err := h.Occupy(ctx)
				if got := retryAfter(err); !errors.Is(err, passwords.ErrBusy) || got < x.want-time.Millisecond || got > x.want {
					t.Errorf("got %v, to be tried again after %v; want ErrBusy and %v", err, got, x.want)
				}
			})
		})
	}
	t.Run("to callers that waited in vain, too", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			h := newHasher(t, passwords.Config{Concurrent: 1})
			if err := h.Occupy(t.Context()); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := h.Hash(ctx, "secret")
			if got := retryAfter(err); !errors.Is(err, context.DeadlineExceeded) || got != h.Backlog() || got <= 0 {
				t.Errorf("got %v, to be tried again after %v; want DeadlineExceeded and %v", err, got, h.Backlog())
			}
		})
	})
}

func TestTheDefaultQueueTakesAHundredCallersAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHasher(t, passwords.Config{Concurrent: 1})
		var callers sync.WaitGroup
		began := time.Now()
		for i := range 101 {
			callers.Go(func() {
				if err := h.Occupy(caller{fmt.Sprintf("192.0.2.%d", i), fmt.Sprint(i)}.in(t.Context())); err != nil {
					t.Error(err)
					return
				}
				time.Sleep(25 * time.Millisecond)
				h.Vacate()
			})
		}
		callers.Wait()
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("they take %v, want 5 s at most: what a login waits", took)
		}
	})
}

// For the race detector, and for the bookkeeping: a caller that comes, waits,
// gives up or is refused leaves nothing behind.
func TestQueueForgetsCallersThatLeft(t *testing.T) {
	t.Parallel()
	h := newHasher(t, passwords.Config{Concurrent: 2, Queue: 5, Memory: 64, Time: 1, InsecureParameters: true, TotalMemory: 200})
	var callers sync.WaitGroup
	for range 30 {
		callers.Go(func() {
			for range 30 {
				c := caller{fmt.Sprintf("192.0.2.%d", rand.IntN(4)), fmt.Sprint(rand.IntN(4))}
				ctx, cancel := context.WithTimeout(c.in(t.Context()), time.Duration(rand.IntN(1000))*time.Microsecond)
				_, err := h.Hash(ctx, "secret")
				cancel()
				if err != nil && !errors.Is(err, passwords.ErrBusy) && !errors.Is(err, context.DeadlineExceeded) {
					t.Error(err)
				}
			}
		})
	}
	callers.Wait()
	if addresses, logins := h.Shares(); addresses != 0 || logins != 0 || h.Waiting() != 0 || h.Backlog() != 0 {
		t.Errorf("%d addresses, %d logins and %d callers are left", addresses, logins, h.Waiting())
	}
	if _, err := h.Hash(caller{"192.0.2.1", strings.Repeat("x", 1<<20)}.in(t.Context()), "secret"); err != nil {
		t.Error(err)
	}
}
