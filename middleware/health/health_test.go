package health_test

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/sallyport-go/sallyport/configerror"
	"github.com/sallyport-go/sallyport/middleware/health"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/memstore"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// errDriver has what a driver may say, and a probe must not be told.
var errDriver = errors.New(`dial "postgres://app:s3cret@10.0.0.7/app": connection refused`)

func open(tb testing.TB, c health.Config) *health.Health {
	tb.Helper()
	h, err := health.New(c)
	if err != nil {
		tb.Fatal(err)
	}
	return h
}

func ask(tb testing.TB, handler http.HandlerFunc, method string) *httptest.ResponseRecorder {
	tb.Helper()
	w := httptest.NewRecorder()
	handler(w, httptest.NewRequestWithContext(tb.Context(), method, "/", http.NoBody))
	return w
}

func want(tb testing.TB, w *httptest.ResponseRecorder, status int, body string) {
	tb.Helper()
	if w.Code != status || w.Body.String() != body {
		tb.Errorf("answered %d %s\nwant     %d %s", w.Code, w.Body, status, body)
	}
}

// stub is each thing that is checked, and fails.
type stub struct {
	store.Store
	store.Revocations
	ratelimit.Counters

	err error
}

func (s stub) Session(context.Context, string) (store.Session, error) { return store.Session{}, s.err }
func (s stub) SessionDenied(context.Context, string) (bool, error)    { return false, s.err }
func (s stub) KeySet(context.Context, string) (*keys.Set, error)      { return nil, s.err }
func (s stub) Peek(context.Context, []ratelimit.Charge, []ratelimit.Status) (ratelimit.Decision, error) {
	return ratelimit.Decision{}, s.err
}

func TestReadyWhileEverythingWorks(t *testing.T) {
	t.Parallel()
	users, err := memstore.New(memstore.Config{})
	if err != nil {
		t.Fatal(err)
	}
	ring, err := keys.NewRing(keys.Key{Algorithm: "HS256", Secret: keys.NewSecret()})
	if err != nil {
		t.Fatal(err)
	}
	h := open(t, health.Config{Checks: []health.Check{health.Store(users), health.Revocations(users), health.Counters(ratelimit.Memory()), health.Keys(ring)}})
	const ready = `{"status":"ready","checks":[{"name":"store","status":"ok"},{"name":"revocations","status":"ok"},{"name":"counters","status":"ok"},{"name":"keys","status":"ok"}]}`
	w := ask(t, h.Ready, http.MethodGet)
	want(t, w, http.StatusOK, ready)
	if w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("header = %v", w.Header())
	}
	want(t, ask(t, h.Live, http.MethodGet), http.StatusOK, `{"status":"live"}`)
	if w := ask(t, h.Ready, http.MethodPost); w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: %d %v", w.Code, w.Header())
	}

	h.Drain()
	want(t, ask(t, h.Ready, http.MethodGet), http.StatusServiceUnavailable, `{"status":"draining"}`)
	want(t, ask(t, h.Live, http.MethodGet), http.StatusOK, `{"status":"live"}`)
}

func TestAFailureHasAReasonAndNoText(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		err    error
		reason string
	}{
		{"a driver's error", errDriver, "unavailable"},
		{"a deadline", context.DeadlineExceeded, "timeout"},
		{"a store without a free connection", store.ErrBusy, "busy"},
		{"counters without a free connection", ratelimit.ErrBusy, "busy"},
		{"an open circuit breaker", ratelimit.ErrCircuitOpen, "circuit_open"},
	} {
		for name, check := range map[string]health.Check{
			"store": health.Store(stub{err: test.err}), "revocations": health.Revocations(stub{err: test.err}),
			"counters": health.Counters(stub{err: test.err}), "keys": health.Keys(stub{err: test.err}),
		} {
			var told error
			h := open(t, health.Config{Checks: []health.Check{check}, Failed: func(_ context.Context, name string, err error) {
				told = err
				if name != check.Name {
					t.Errorf("told of %q, want %q", name, check.Name)
				}
			}})
			want(t, ask(t, h.Ready, http.MethodGet), http.StatusServiceUnavailable, `{"status":"not_ready","checks":[{"name":"`+name+`","status":"failed","reason":"`+test.reason+`"}]}`)
			if !errors.Is(told, test.err) {
				t.Errorf("%s: the host was told %v", test.name, told)
			}
			told = nil
			ask(t, h.Ready, http.MethodGet)
			if told != nil {
				t.Errorf("%s: the host was told twice within MaxAge", test.name)
			}
		}
	}
	want(t, ask(t, open(t, health.Config{Checks: []health.Check{health.Keys(stub{})}}).Ready, http.MethodGet),
		http.StatusServiceUnavailable, `{"status":"not_ready","checks":[{"name":"keys","status":"failed","reason":"no_keys"}]}`)
	for _, ends := range []func(){func() { panic(errDriver) }, runtime.Goexit} {
		check := health.Check{Name: "p", Do: func(context.Context) error { ends(); return nil }}
		want(t, ask(t, open(t, health.Config{Checks: []health.Check{check}}).Ready, http.MethodGet),
			http.StatusServiceUnavailable, `{"status":"not_ready","checks":[{"name":"p","status":"failed","reason":"unavailable"}]}`)
	}
}

func TestAnOptionalFailureLeavesTheProcessReady(t *testing.T) {
	t.Parallel()
	counters := health.Counters(stub{err: errDriver})
	counters.Optional = true
	h := open(t, health.Config{Checks: []health.Check{counters, health.Store(stub{err: store.ErrNotFound})}})
	want(t, ask(t, h.Ready, http.MethodGet), http.StatusOK,
		`{"status":"ready","checks":[{"name":"counters","status":"failed","reason":"unavailable","optional":true},{"name":"store","status":"ok"}]}`)
}

// However many probes there are, and whether or not they hang up, the store is asked once
// in MaxAge.
func TestFaultAFloodOfProbesIsOneCallOfTheStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		slow := health.Check{Name: "store", Do: func(ctx context.Context) error {
			calls.Add(1)
			select {
			case <-time.After(100 * time.Millisecond):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}}
		h := open(t, health.Config{Checks: []health.Check{slow}, MaxAge: 5 * time.Second})
		flood := func() {
			var all sync.WaitGroup
			for i := range 200 {
				all.Go(func() {
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					if i%2 == 0 {
						cancel()
					}
					w := httptest.NewRecorder()
					h.Ready(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/", http.NoBody))
					if w.Code != http.StatusOK {
						t.Errorf("%d %s", w.Code, w.Body)
					}
				})
			}
			all.Wait()
		}
		flood()
		flood()
		time.Sleep(4 * time.Second)
		flood()
		if n := calls.Load(); n != 1 {
			t.Errorf("600 probes within MaxAge made %d calls, want 1", n)
		}
		time.Sleep(2 * time.Second)
		flood()
		if n := calls.Load(); n != 2 {
			t.Errorf("after MaxAge there were %d calls, want 2", n)
		}
	})
}

func TestACheckThatDoesNotReturnIsATimeoutAndRunsOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		hold := make(chan struct{})
		stuck := health.Check{Name: "stuck", Do: func(context.Context) error {
			calls.Add(1)
			<-hold
			return nil
		}}
		h := open(t, health.Config{Checks: []health.Check{stuck, health.Store(stub{err: store.ErrNotFound})}})
		const failed = `{"status":"not_ready","checks":[{"name":"stuck","status":"failed","reason":"timeout"},{"name":"store","status":"ok"}]}`
		began := time.Now()
		want(t, ask(t, h.Ready, http.MethodGet), http.StatusServiceUnavailable, failed)
		if took := time.Since(began); took != 750*time.Millisecond {
			t.Errorf("the first probe took %v", took)
		}
		for range 3 {
			time.Sleep(2 * time.Second)
			want(t, ask(t, h.Ready, http.MethodGet), http.StatusServiceUnavailable, failed)
		}
		if n := calls.Load(); n != 1 {
			t.Errorf("%d calls of a check that does not return, want 1", n)
		}
		close(hold)
		time.Sleep(2 * time.Second)
		if w := ask(t, h.Ready, http.MethodGet); w.Code != http.StatusOK {
			t.Errorf("after it has returned: %d %s", w.Code, w.Body)
		}
	})
}

// A hook of the host's that panics, or does not return, must not keep a process that works
// out of its load balancer.
func TestFaultAHookThatFailsStopsNoProbe(t *testing.T) {
	t.Parallel()
	hold := make(chan struct{})
	for name, test := range map[string]struct {
		failed func()
		calls  int64 // of three failures
	}{
		"one that panics is called again":                {func() { panic("no disk") }, 3},
		"one that does not return is called once":        {func() { <-hold }, 1},
		"one that ends its goroutine is called again":    {runtime.Goexit, 3},
		"one that returns is called for each new result": {func() {}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var calls atomic.Int64
			now := clock{at: time.Now()}
			optional := health.Counters(stub{err: errDriver})
			optional.Optional = true
			h := open(t, health.Config{Checks: []health.Check{optional}, Now: now.now, Failed: func(context.Context, string, error) {
				calls.Add(1)
				test.failed()
			}})
			server := httptest.NewUnstartedServer(http.HandlerFunc(h.Ready))
			server.Config.ErrorLog = log.New(io.Discard, "", 0)
			server.Start()
			for range 3 {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				r, _ := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, http.NoBody)
				r.Close = true
				answer, err := server.Client().Do(r)
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(answer.Body)
				if err := errors.Join(err, answer.Body.Close()); err != nil || answer.StatusCode != http.StatusOK || !strings.Contains(string(body), "unavailable") {
					t.Errorf("%d %s %v", answer.StatusCode, body, err)
				}
				cancel()
				now.advance(2 * time.Second)
			}
			if name == "one that does not return is called once" {
				close(hold)
			}
			server.Close()
			if n := calls.Load(); n != test.calls {
				t.Errorf("%d calls, want %d", n, test.calls)
			}
		})
	}
}

// clock is a clock that a test sets.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func TestFaultAClockThatPanicsStopsNoOtherProbe(t *testing.T) {
	t.Parallel()
	for _, bad := range []int64{1, 2} { // after the checks, and when their result is looked at
		synctest.Test(t, func(t *testing.T) {
			var asked atomic.Int64
			h := open(t, health.Config{
				Checks: []health.Check{{Name: "c", Do: func(context.Context) error { return nil }}},
				Now: func() time.Time {
					if asked.Add(1) == bad {
						panic("no clock")
					}
					return time.Now()
				},
			})
			func() {
				defer func() {
					if recover() == nil {
						t.Error("the panic is not told")
					}
				}()
				for range 2 {
					ask(t, h.Ready, http.MethodGet)
				}
			}()
			if w := ask(t, h.Ready, http.MethodGet); w.Code != http.StatusOK {
				t.Errorf("the next probe: %d %s", w.Code, w.Body)
			}
		})
	}
}

func TestAClockThatIsSetBackMakesANewResult(t *testing.T) {
	t.Parallel()
	now, calls := time.Now(), 0
	h := open(t, health.Config{
		Checks: []health.Check{{Name: "c", Do: func(context.Context) error { calls++; return nil }}},
		Now:    func() time.Time { return now },
	})
	for i, shift := range []time.Duration{0, time.Millisecond, -time.Hour} {
		now = now.Add(shift)
		if w := ask(t, h.Ready, http.MethodHead); w.Code != http.StatusOK {
			t.Errorf("%d: %d", i, w.Code)
		}
	}
	if calls != 2 {
		t.Errorf("%d calls, want 2", calls)
	}
}

func TestNewReturnsAllThatIsWrong(t *testing.T) {
	t.Parallel()
	_, err := health.New(health.Config{Timeout: -1, MaxAge: -1})
	_, second := health.New(health.Config{Checks: []health.Check{{Name: "A"}, {Name: "a", Do: func(context.Context) error { return nil }}, {Name: "a"}}})
	var paths []string
	for e := range configerror.All(errors.Join(err, second)) {
		paths = append(paths, e.Path)
	}
	const all = "Config.Checks Config.Timeout Config.MaxAge Config.Checks[0].Name Config.Checks[0].Do Config.Checks[2].Name Config.Checks[2].Do"
	if got := strings.Join(paths, " "); got != all {
		t.Errorf("wrong are %s\nwant      %s", got, all)
	}
}
