package otelauth_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	meternoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"

	"github.com/sallyport-go/sallyport/middleware/otelauth"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/ratelimit/countertest"
	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/memstore"
	"github.com/sallyport-go/sallyport/store/passwords"
	"github.com/sallyport-go/sallyport/store/storetest"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

var encoder = attribute.DefaultEncoder()

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestEachEventIsCountedByItsKind(t *testing.T) {
	t.Parallel()
	h := open(t)
	pair := h.login(t, "ada")
	h.want(t, 200, "POST /refresh\n\ngrant_type=refresh_token&refresh_token="+pair.member("refresh_token"))
	h.want(t, 400, "POST /refresh\n\ngrant_type=refresh_token&refresh_token="+pair.member("refresh_token"))
	h.want(t, 400, "POST /refresh\n\ngrant_type=refresh_token&refresh_token=sp_rt_x")
	h.want(t, 400, "POST /login\n\ngrant_type=password&username=ada&password=wrong")
	h.want(t, 400, "POST /login\n\ngrant_type=password&username=grace&password=correct+horse+%26+battery")
	h.want(t, 401, "GET /me\n\n")
	h.want(t, 401, "GET /me\nAuthorization: Bearer x\n\n")
	h.wantSeries(t, "sallyport.events", map[string]float64{
		"sallyport.event.kind=login":                                      1,
		"sallyport.event.kind=login_step":                                 1,
		"sallyport.event.kind=refresh":                                    1,
		"sallyport.event.kind=reuse":                                      1,
		"sallyport.event.kind=refresh_refused,sallyport.reason=refresh":   1,
		"sallyport.event.kind=login_refused,sallyport.reason=credentials": 1,
		"sallyport.event.kind=bearer_refused,sallyport.reason=bearer":     1,
		"sallyport.event.kind=bearer_refused,sallyport.reason=no_bearer":  1,
	})
}

func TestEachVerifiedTokenIsCountedByItsOutcome(t *testing.T) {
	t.Parallel()
	h := open(t)
	good := "Authorization: Bearer " + h.login(t, "ada").member("access_token")
	for range 3 {
		h.want(t, 200, "GET /me\n"+good+"\n\n")
	}
	h.want(t, 200, "GET /search\n\n")
	h.want(t, 200, "GET /search\n"+good+"\n\n")
	h.want(t, 401, "GET /search\nAuthorization: Bearer x\n\n")
	h.want(t, 400, "GET /me\n"+good+"\n"+good+"\n\n")
	h.wantSeries(t, "sallyport.bearer.checks", map[string]float64{
		"sallyport.outcome=accepted": 4, "sallyport.outcome=anonymous": 1, "sallyport.outcome=bearer": 1, "sallyport.outcome=two_bearers": 1,
	})
	h.wantSeries(t, "sallyport.limit.decisions", map[string]float64{
		"sallyport.outcome=admitted,sallyport.tier=free": 4, "sallyport.outcome=admitted,sallyport.tier=anonymous": 1,
	})
}

func TestEachDecisionIsCountedByTierPolicyAndOutcome(t *testing.T) {
	t.Parallel()
	h := open(t)
	for _, v := range []ratelimit.Verdict{
		{Tier: "free"}, {Tier: "free"}, {Tier: "free", Uncounted: true},
		{Tier: "free", Policy: "free-minute", Err: &ratelimit.Error{Reason: ratelimit.ReasonLimited}},
		{Err: &ratelimit.Error{Reason: ratelimit.ReasonUnauthenticated}},
		{Err: &ratelimit.Error{Reason: ratelimit.ReasonUnavailable}},
		{Err: &ratelimit.Error{Reason: ratelimit.ReasonAddress}},
		{Err: fmt.Errorf("wrapped: %w", &ratelimit.Error{Reason: ratelimit.ReasonMisconfigured})},
		{Tier: "free", Err: &wire.Error{Reason: wire.ReasonForbidden}},
	} {
		h.Decided(t.Context(), v)
	}
	h.wantSeries(t, "sallyport.limit.decisions", map[string]float64{
		"sallyport.outcome=admitted,sallyport.tier=free":                             2,
		"sallyport.outcome=uncounted,sallyport.tier=free":                            1,
		"sallyport.outcome=limited,sallyport.policy=free-minute,sallyport.tier=free": 1,
		"sallyport.outcome=unauthenticated":                                          1,
		"sallyport.outcome=unavailable":                                              1,
		"sallyport.outcome=malformed":                                                1,
		"sallyport.outcome=misconfigured":                                            1,
		"sallyport.outcome=refused,sallyport.tier=free":                              1,
	})
}

func TestEachCallIsMeasuredAndItsFailureNamed(t *testing.T) {
	t.Parallel()
	h := open(t)
	pair := h.login(t, "ada")
	h.want(t, 400, "POST /login\n\ngrant_type=password&username=ada&password=wrong")
	h.want(t, 200, "GET /me\nAuthorization: Bearer "+pair.member("access_token")+"\n\n")
	h.broken.Store(true)
	h.want(t, 503, "POST /login\n\ngrant_type=password&username=ada&password=wrong")
	h.want(t, 503, "GET /me\nAuthorization: Bearer "+pair.member("access_token")+"\n\n")
	values := series(h.collect(t))
	for name, want := range map[string]float64{
		"sallyport.store.operation.duration{sallyport.operation=authenticate}":                    2,
		"sallyport.store.operation.duration{error.type=_OTHER,sallyport.operation=authenticate}":  1,
		"sallyport.store.operation.duration{sallyport.operation=create_session}":                  1,
		"sallyport.store.operation.duration{sallyport.operation=session_denied}":                  2,
		"sallyport.counters.operation.duration{error.type=circuit_open,sallyport.operation=take}": 1,
		"sallyport.bearer.checks{sallyport.outcome=accepted}":                                     2,
		"sallyport.limit.decisions{sallyport.outcome=unavailable,sallyport.tier=free}":            1,
		"sallyport.events{sallyport.event.kind=store_failure}":                                    1,
		"sallyport.events{sallyport.event.kind=counter_failure,sallyport.policy=free}":            1,
	} {
		if values[name] != want {
			t.Errorf("%s = %v, want %v", name, values[name], want)
		}
	}
	if t.Failed() {
		for _, name := range sortedKeys(values) {
			t.Log(name, values[name])
		}
	}
}

// stub is a store, counters, a deny list and keys that answer with an error.
type stub struct {
	store.Store
	ratelimit.Counters

	err error
}

func (s stub) User(context.Context, string) (store.User, error) { return store.User{}, s.err }

func (s stub) Refund(context.Context, []ratelimit.Charge) error { return s.err }

func TestAnAnswerOfTheStoreIsNoFailure(t *testing.T) {
	t.Parallel()
	h := open(t)
	for _, err := range []error{
		nil, store.ErrNotFound, fmt.Errorf("wrapped: %w", store.ErrConflict), store.ErrBadCredentials, &store.FaultError{},
		&store.RefusalError{}, fmt.Errorf("wrapped: %w", &store.SecondFactorError{}),
		store.ErrBusy, context.DeadlineExceeded, fmt.Errorf("wrapped: %w", context.Canceled), errDriver,
	} {
		if _, got := h.Store(stub{err: err}).User(t.Context(), "u"); !errors.Is(got, err) {
			t.Errorf("the error is %v, want %v", got, err)
		}
	}
	h.wantSeries(t, "sallyport.store.operation.duration", map[string]float64{
		"sallyport.operation=user": 7, "error.type=busy,sallyport.operation=user": 1, "error.type=timeout,sallyport.operation=user": 1,
		"error.type=canceled,sallyport.operation=user": 1, "error.type=_OTHER,sallyport.operation=user": 1,
	})
	for _, err := range []error{nil, ratelimit.ErrBusy, ratelimit.ErrCircuitOpen, context.DeadlineExceeded, errDriver} {
		if got := h.Counters(stub{err: err}).Refund(t.Context(), nil); !errors.Is(got, err) {
			t.Errorf("the error is %v, want %v", got, err)
		}
	}
	h.wantSeries(t, "sallyport.counters.operation.duration", map[string]float64{
		"sallyport.operation=refund": 1, "error.type=busy,sallyport.operation=refund": 1, "error.type=circuit_open,sallyport.operation=refund": 1,
		"error.type=timeout,sallyport.operation=refund": 1, "error.type=_OTHER,sallyport.operation=refund": 1,
	})
}

// broken is a store and counters that panic.
type broken struct{ store.Store }

func (broken) User(context.Context, string) (store.User, error) { panic(errDriver) }

type brokenCounters struct{ ratelimit.Counters }

func (brokenCounters) Refund(context.Context, []ratelimit.Charge) error { panic(errDriver) }

func TestFaultAPanicIsNoSuccess(t *testing.T) {
	t.Parallel()
	h := open(t)
	for _, call := range []func(){
		func() { _, _ = h.Store(broken{}).User(t.Context(), "u") },
		func() { _ = h.Counters(brokenCounters{}).Refund(t.Context(), nil) },
	} {
		func() {
			defer func() {
				if err, _ := recover().(error); !errors.Is(err, errDriver) {
					t.Errorf("the panic of the host became %v", err)
				}
			}()
			call()
		}()
	}
	h.wantSeries(t, "sallyport.store.operation.duration", map[string]float64{"error.type=panic,sallyport.operation=user": 1})
	h.wantSeries(t, "sallyport.counters.operation.duration", map[string]float64{"error.type=panic,sallyport.operation=refund": 1})
	for _, s := range h.spans.GetSpans() {
		if s.Status.Code != codes.Error || s.Status.Description != "" {
			t.Errorf("the span %q has the status %v", s.Name, s.Status)
		}
	}
}

func TestCountingMakesNoGarbage(t *testing.T) { //nolint:paralleltest // it counts allocations
	quiet, err := otelauth.New(otelauth.Config{Tiers: ratelimit.Tiers{"free": {Limit: 1, Period: time.Hour}}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, hook := t.Context(), quiet.Events(nil)
	if n := testing.AllocsPerRun(100, func() {
		hook(ctx, events.Event{Kind: events.Login})
		quiet.Verified(ctx, tokens.Principal{Subject: "u-1"}, nil)
		quiet.Decided(ctx, ratelimit.Verdict{Tier: "free"})
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// Hooks that meet a value for the first time at once count each.
func TestHooksAreConcurrent(t *testing.T) {
	t.Parallel()
	h := open(t)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for _, kind := range events.Kinds() {
				h.Events(nil)(t.Context(), events.Event{Kind: kind})
			}
		})
	}
	all.Wait()
	want := map[string]float64{}
	for _, kind := range events.Kinds() {
		want["sallyport.event.kind="+string(kind)] = 8
	}
	h.wantSeries(t, "sallyport.events", want)
}

func TestTheAgeOfTheSigningKeyIsReported(t *testing.T) {
	t.Parallel()
	h := open(t)
	age := series(h.collect(t))["sallyport.signing_key.age{}"]
	if age < 3600 || age > 3700 {
		t.Errorf("age = %v s, want an hour", age)
	}
	h.CounterWaited(3 * time.Millisecond)
	h.wantSeries(t, "sallyport.counters.connection.wait", map[string]float64{"": 1})
}

// unusable is a source without keys.
type unusable struct{ err error }

func (u unusable) KeySet(context.Context, string) (*keys.Set, error) { return nil, u.err }

func TestWhatHasNoAgeIsNotReported(t *testing.T) {
	t.Parallel()
	unscheduled, err := keys.NewSet(keys.Key{Algorithm: "HS256", Secret: keys.NewSecret()})
	if err != nil {
		t.Fatal(err)
	}
	for name, source := range map[string]keys.Source{"a key without a schedule": unscheduled, "no keys": unusable{errDriver}, "neither keys nor an error": unusable{}, "an empty set": new(keys.Set)} {
		reader := newReader()
		if _, err := otelauth.New(otelauth.Config{MeterProvider: reader.provider, Keys: source}); err != nil {
			t.Fatal(err)
		}
		if got := series(reader.collect(t)); len(got) > 0 {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestWithoutProvidersNothingIsReported(t *testing.T) {
	t.Parallel()
	quiet, err := otelauth.New(otelauth.Config{})
	if err != nil {
		t.Fatal(err)
	}
	called := false
	quiet.Events(func(context.Context, events.Event) { called = true })(t.Context(), events.Event{Kind: events.Login})
	quiet.Events(nil)(t.Context(), events.Event{Kind: events.Login})
	quiet.Verified(t.Context(), tokens.Principal{}, nil)
	quiet.Decided(t.Context(), ratelimit.Verdict{})
	quiet.CounterWaited(time.Second)
	quiet.Handler("GET /", http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", http.NoBody))
	if !called {
		t.Error("the next hook was not called")
	}
}

// refusing is a MeterProvider that makes no counter.
type refusing struct{ meternoop.MeterProvider }

type refusingMeter struct{ meternoop.Meter }

func (refusing) Meter(string, ...metric.MeterOption) metric.Meter { return refusingMeter{} }

func (refusingMeter) Int64Counter(string, ...metric.Int64CounterOption) (metric.Int64Counter, error) {
	return nil, errDriver
}

func TestNewReturnsTheErrorsOfTheProvider(t *testing.T) {
	t.Parallel()
	if _, err := otelauth.New(otelauth.Config{MeterProvider: refusing{}}); !errors.Is(err, errDriver) {
		t.Errorf("error = %v", err)
	}
}

// Whatever callers and the host's functions send, the number of series stays that of the
// code and the configuration.
func TestFaultAFloodOfValuesMakesNoSeries(t *testing.T) {
	t.Parallel()
	h := open(t)
	flood := func(n int) {
		for i := range n {
			text := fmt.Sprintf("made-up-%d", i)
			h.Events(nil)(t.Context(), events.Event{
				Kind: events.Kind(text), Policy: text, UserID: text, Account: text, ClientID: text, KeyID: text, SessionID: text, LoginPseudonym: text, Reason: text,
			})
			h.Events(nil)(t.Context(), events.Event{Kind: events.AccessRefused, Policy: text, Err: &wire.Error{Reason: wire.Reason(text)}})
			h.Events(nil)(t.Context(), events.Event{Kind: events.LoginRefused, Err: &store.RefusalError{Code: text, Description: text}})
			h.Decided(t.Context(), ratelimit.Verdict{Tier: text, Policy: text})
			h.Decided(t.Context(), ratelimit.Verdict{Tier: text, Policy: text, Err: errors.New(text)})
			h.Verified(t.Context(), tokens.Principal{Subject: text, Tier: text}, nil)
			h.Verified(t.Context(), tokens.Principal{}, &wire.Error{Reason: wire.Reason(text)})
			h.send(t, "POST /login\nUser-Agent: "+text+"\n\ngrant_type=password&username="+text+"&password="+text+"&client_id="+text+"&scope="+text)
			h.send(t, "POST /token\n\ngrant_type="+text+"&client_id="+text)
			h.send(t, "POST /refresh\n\ngrant_type=refresh_token&refresh_token=sp_rt_"+text)
			h.send(t, "GET /me?"+text+"\nAuthorization: Bearer "+text+"\nX-Forwarded-For: "+text+"\nHost: "+text+"\n\n")
			h.send(t, "POST /keys/"+text+"\nAuthorization: Bearer "+text+"\n\n")
			h.send(t, strings.ToUpper(strings.ReplaceAll(text, "-", ""))+" /me\n\n")
		}
	}
	flood(20)
	first := series(h.collect(t))
	flood(400)
	second := series(h.collect(t))
	for _, name := range sortedKeys(second) {
		if strings.Contains(name, "made-up") || strings.Contains(name, "192.0.2") {
			t.Errorf("a series has what was sent: %s", name)
		}
		late := strings.Contains(name, "throttled") || strings.Contains(name, "status_code=429") // the flood is, after a while
		if _, ok := first[name]; !ok && !late {
			t.Errorf("400 more values have made the series %s", name)
		}
	}
	if len(second) > 60 {
		t.Errorf("%d series", len(second))
	}
}

func TestTheBudgetsOfBruteForceProtectionAreKnown(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("../bruteforce.go")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^\tof\w+:\s+\{"(\w+)", Budget`).FindAllSubmatch(source, -1)
	if len(found) < 8 {
		t.Fatalf("found only %d budgets", len(found))
	}
	h := open(t)
	want := map[string]float64{}
	for _, m := range found {
		name := "bruteforce/" + strings.ToLower(string(m[1]))
		for _, suffix := range []string{"", "/56", "/48"} {
			h.Events(nil)(t.Context(), events.Event{Kind: events.Throttled, Policy: name + suffix})
			want["sallyport.event.kind=throttled,sallyport.policy="+name+suffix] = 1
		}
	}
	h.wantSeries(t, "sallyport.events", want)
}

// A request is one trace: its route, the calls below it, and its events.
func TestARequestIsATrace(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.want(t, 400, "POST /login\n\ngrant_type=password&username=ada&password=wrong")
	spans := h.spans.GetSpans()
	names := map[string]int{}
	var root trace.SpanContext
	for i := range spans {
		names[spans[i].Name]++
		if spans[i].Name == "POST /login" {
			root = spans[i].SpanContext
			if len(spans[i].Events) != 1 || spans[i].Events[0].Name != "sallyport.login_refused" || spans[i].SpanKind != trace.SpanKindServer {
				t.Errorf("the span of the request is %+v", spans[i])
			}
		}
	}
	for i := range spans {
		if s := &spans[i]; s.Name != "POST /login" && s.Parent.SpanID() != root.SpanID() {
			t.Errorf("the span %q is not below that of the request", s.Name)
		}
	}
	if names["store authenticate"] != 1 || names["counters take"] == 0 {
		t.Errorf("spans = %v", names)
	}
}

func TestTheSpanOfAnUnknownMethodIsNamedAsTheConventionsHaveIt(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.Handler("/a", http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("BREW", "/a", http.NoBody))
	if spans := h.spans.GetSpans(); len(spans) != 1 || spans[0].Name != "HTTP /a" || spans[0].SpanKind != trace.SpanKindServer {
		t.Errorf("%+v", spans)
	}
}

func TestHandlerMeasuresEachRequest(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, route, method string
		handler             http.HandlerFunc
		want                string
	}{
		{
			"a response without a status", "GET /a", http.MethodGet,
			func(http.ResponseWriter, *http.Request) {},
			"http.request.method=GET,http.response.status_code=200,http.route=/a,url.scheme=http",
		},
		{
			"a response with a body alone", "/a/{id}", http.MethodPost,
			func(w http.ResponseWriter, _ *http.Request) {
				_, _ = w.Write([]byte("x"))
				w.WriteHeader(http.StatusTeapot)
			},
			"http.request.method=POST,http.response.status_code=200,http.route=/a/{id},url.scheme=http",
		},
		{
			"the final status, after an early hint", "/a", http.MethodGet,
			func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusEarlyHints)
				w.WriteHeader(http.StatusNotFound)
			},
			"http.request.method=GET,http.response.status_code=404,http.route=/a,url.scheme=http",
		},
		{
			"a failure, and an unknown method", "/a", "BREW",
			func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
			"error.type=503,http.request.method=_OTHER,http.response.status_code=503,http.route=/a,url.scheme=http",
		},
		{
			"a status that an upstream has made up", "/a", http.MethodGet,
			func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(477) },
			"http.request.method=GET,http.response.status_code=400,http.route=/a,url.scheme=http",
		},
		{
			"a panic", "/a", http.MethodGet,
			func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
			"error.type=panic,http.request.method=GET,http.route=/a,url.scheme=http",
		},
		{
			"a status that is none, of a host that goes on", "/a", http.MethodGet,
			func(w http.ResponseWriter, _ *http.Request) {
				defer func() { _ = recover() }()
				w.WriteHeader(123456)
			},
			"http.request.method=GET,http.response.status_code=200,http.route=/a,url.scheme=http",
		},
		{
			"a response that is flushed", "/a", http.MethodGet,
			func(w http.ResponseWriter, _ *http.Request) {
				w.(http.Flusher).Flush()
				if http.NewResponseController(w).Flush() != nil {
					panic("cannot flush")
				}
				if _, _, err := w.(http.Hijacker).Hijack(); !errors.Is(err, http.ErrNotSupported) {
					panic("hijacked a recorder")
				}
			},
			"http.request.method=GET,http.response.status_code=200,http.route=/a,url.scheme=http",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			reader := newReader()
			telemetry, err := otelauth.New(otelauth.Config{MeterProvider: reader.provider})
			if err != nil {
				t.Fatal(err)
			}
			func() {
				defer func() { _ = recover() }()
				telemetry.Handler(test.route, test.handler).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(test.method, "/a", http.NoBody))
			}()
			got := series(reader.collect(t))
			if want := "http.server.request.duration{" + test.want + "}"; len(got) != 1 || got[want] != 1 {
				t.Errorf("series = %v, want %s", got, want)
			}
		})
	}
}

// A store and counters that are measured keep their contracts.
func TestWhatIsMeasuredKeepsItsContract(t *testing.T) {
	t.Parallel()
	telemetry, err := otelauth.New(otelauth.Config{MeterProvider: newReader().provider})
	if err != nil {
		t.Fatal(err)
	}
	t.Run("the store", func(t *testing.T) {
		t.Parallel()
		storetest.Run(t, func(t *testing.T) storetest.Fixture {
			t.Helper()
			hasher, err := passwords.New(passwords.Config{Memory: 8, Time: 1, Threads: 1, InsecureParameters: true})
			if err != nil {
				t.Fatal(err)
			}
			s, err := memstore.New(memstore.Config{Passwords: hasher})
			if err != nil {
				t.Fatal(err)
			}
			return storetest.Fixture{
				Store: telemetry.Store(s), APIKeys: telemetry.APIKeys(s), Revocations: telemetry.Revocations(s), Many: 1000, ForgetsExpired: true,
				AddUser: func(ctx context.Context, u store.User, password string) (store.User, error) {
					return u, s.AddUser(ctx, u, password)
				},
			}
		})
	})
	t.Run("the counters", func(t *testing.T) {
		t.Parallel()
		countertest.Run(t, func(t *testing.T) countertest.Fixture {
			t.Helper()
			clock := countertest.NewClock()
			c, err := ratelimit.NewMemory(ratelimit.MemoryConfig{Now: clock.Now})
			if err != nil {
				t.Fatal(err)
			}
			return countertest.Fixture{Counters: telemetry.Counters(c), Pass: clock.Pass}
		})
	})
}
