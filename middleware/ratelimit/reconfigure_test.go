package ratelimit_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/internal/configtest"
	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
)

// journal keeps the events of a Limiter.
type journal struct {
	mu  sync.Mutex
	all []ratelimit.Event
}

func (j *journal) note(_ context.Context, e ratelimit.Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.all = append(j.all, e)
}

func (j *journal) take() []ratelimit.Event {
	j.mu.Lock()
	defer j.mu.Unlock()
	all := j.all
	j.all = nil
	return all
}

// watched is a Limiter of callers who all have the tier, and the events of it.
func watched(tb testing.TB, tier string, c ratelimit.Config) (*ratelimit.Limiter, *journal) {
	tb.Helper()
	events := &journal{}
	c.ClientIP, c.Events = clientip.RemoteAddr, events.note
	c.Identify = func(*http.Request) (ratelimit.Caller, error) {
		return ratelimit.Caller{User: "ada", Tier: tier, Seats: 1}, nil
	}
	l, err := ratelimit.New(c)
	if err != nil {
		tb.Fatal(err)
	}
	return l, events
}

func send(tb testing.TB, h http.Handler) *httptest.ResponseRecorder {
	tb.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(tb.Context(), http.MethodGet, "/", http.NoBody))
	return w
}

var nothing = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})

func hourly(limit int64) ratelimit.Tier { return ratelimit.Tier{Limit: limit, Period: time.Hour} }

func TestReconfigure(t *testing.T) {
	t.Parallel()
	status := func(t *testing.T, h http.Handler, want int) {
		t.Helper()
		if w := send(t, h); w.Code != want {
			t.Errorf("status %d, want %d", w.Code, want)
		}
	}

	t.Run("a limit changes at once, and what was spent stays", func(t *testing.T) {
		t.Parallel()
		l, events := watched(t, "free", ratelimit.Config{Tiers: ratelimit.Tiers{"free": hourly(2), "gold": hourly(9)}})
		h := l.Limit(nothing)
		for _, want := range []int{200, 200, 429} {
			status(t, h, want)
		}
		events.take()
		if err := l.Reconfigure(t.Context(), ratelimit.Settings{Tiers: ratelimit.Tiers{"free": hourly(3), "silver": hourly(5)}, FallbackTier: "free"}); err != nil {
			t.Fatal(err)
		}
		for _, want := range []int{200, 429} {
			status(t, h, want)
		}
		all := events.take()
		if want := `FallbackTier, Tiers["free"], Tiers["gold"], Tiers["silver"]`; len(all) != 2 || all[0].Kind != ratelimit.EventReconfigured || sorted(all[0].Changed) != want {
			t.Errorf("events %+v, want one that names %s", all, want)
		}
	})

	t.Run("what is wrong changes nothing, and has no event", func(t *testing.T) {
		t.Parallel()
		l, events := watched(t, "free", ratelimit.Config{Tiers: ratelimit.Tiers{"free": hourly(2)}})
		err := l.Reconfigure(t.Context(), ratelimit.Settings{Tiers: ratelimit.Tiers{"free": hourly(1), "bad": hourly(-1)}, Limit: &ratelimit.LimitConfig{NearLimit: 101}})
		const want = "ratelimit: Settings.Tiers[\"bad\"].Limit: must be 0 or more, got -1\nratelimit: Settings.Limit.NearLimit: must be 1 to 100 per cent, got 101"
		if err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
		h := l.Limit(nothing)
		for _, want := range []int{200, 200, 429} {
			status(t, h, want)
		}
		if all := events.take(); len(all) != 1 || all[0].Kind != ratelimit.EventLimited {
			t.Errorf("events %+v", all)
		}
	})

	t.Run("rules change with the LimitConfig, and the event names them", func(t *testing.T) {
		t.Parallel()
		rule := func(name string, limit int64) ratelimit.Rule {
			return ratelimit.Rule{Name: name, Limit: limit, Period: time.Hour}
		}
		l, events := watched(t, "free", ratelimit.Config{
			Tiers: ratelimit.Tiers{"free": hourly(100)},
			Limit: ratelimit.LimitConfig{Rules: []ratelimit.Rule{rule("a", 1), rule("b", 50)}},
		})
		h := l.WithRefuse(func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusTooManyRequests) }).Limit(nothing)
		for _, want := range []int{200, 429} {
			status(t, h, want)
		}
		events.take()
		if err := l.Reconfigure(t.Context(), ratelimit.Settings{Limit: &ratelimit.LimitConfig{Rules: []ratelimit.Rule{rule("a", 2), rule("c", 50)}, NearLimit: 90}}); err != nil {
			t.Fatal(err)
		}
		for _, want := range []int{200, 429} {
			status(t, h, want)
		}
		if all := events.take(); sorted(all[0].Changed) != `Limit, Limit.Rules["a"], Limit.Rules["b"], Limit.Rules["c"]` {
			t.Errorf("events %+v", all)
		}
	})

	t.Run("the Limiters of one New share the tiers, and each has its LimitConfig", func(t *testing.T) {
		t.Parallel()
		l, events := watched(t, "free", ratelimit.Config{Tiers: ratelimit.Tiers{"free": hourly(1)}})
		route, err := l.Limits(ratelimit.LimitConfig{})
		if err != nil {
			t.Fatal(err)
		}
		if err := route.Reconfigure(t.Context(), ratelimit.Settings{Tiers: ratelimit.Tiers{"free": hourly(5)}}); err == nil {
			t.Error("a Limiter of Limits replaces the tiers of all")
		}
		if err := l.Reconfigure(t.Context(), ratelimit.Settings{Tiers: ratelimit.Tiers{"free": hourly(2)}}); err != nil {
			t.Fatal(err)
		}
		for _, want := range []int{200, 200, 429} {
			status(t, route.Limit(nothing), want)
		}
		if err := route.Reconfigure(t.Context(), ratelimit.Settings{Limit: &ratelimit.LimitConfig{Cost: func(*http.Request) int64 { return 0 }}}); err != nil {
			t.Fatal(err)
		}
		status(t, route.Limit(nothing), 200)
		status(t, l.Limit(nothing), 429)
		if all := events.take(); len(all) != 4 || all[2].Changed != "Limit" {
			t.Errorf("events %+v", all)
		}
	})

	t.Run("what is as it was has no event", func(t *testing.T) {
		t.Parallel()
		l, events := watched(t, "free", ratelimit.Config{Tiers: ratelimit.Tiers{"free": hourly(1)}})
		if err := l.Reconfigure(t.Context(), ratelimit.Settings{Tiers: ratelimit.Tiers{"free": hourly(1)}, Limit: &ratelimit.LimitConfig{}}); err != nil || len(events.take()) > 0 {
			t.Errorf("%v, or an event", err)
		}
	})

	t.Run("the caller's Settings can be changed afterwards", func(t *testing.T) {
		t.Parallel()
		l, _ := watched(t, "free", ratelimit.Config{Tiers: ratelimit.Tiers{"free": hourly(1)}})
		s := ratelimit.Settings{Tiers: ratelimit.Tiers{"free": hourly(9)}, Limit: &ratelimit.LimitConfig{Rules: []ratelimit.Rule{{Name: "a", Limit: 9, Period: time.Hour}}}}
		if err := l.Reconfigure(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		s.Tiers["free"], s.Limit.Rules[0].Limit = hourly(0), 0
		status(t, l.Limit(nothing), 200)
	})
}

// sorted is a list that Changed has, in the order of the alphabet.
func sorted(changed string) string {
	all := strings.Split(changed, ", ")
	slices.Sort(all)
	return strings.Join(all, ", ")
}

func TestEachFieldOfSettingsIsChecked(t *testing.T) {
	t.Parallel()
	type of = configtest.Case[ratelimit.Settings]
	l := must(ratelimit.New(goodConfig()))
	good := func() ratelimit.Settings {
		c := goodConfig()
		return ratelimit.Settings{Tiers: c.Tiers, FallbackTier: "free", Limit: &c.Limit}
	}
	cases := []of{
		{Name: "nothing", Path: "Settings.Tiers", Got: "is required", Edit: func(s *ratelimit.Settings) { *s = ratelimit.Settings{} }, Alone: true},
		{Name: "no tier", Path: "Settings.Tiers", Got: "at least one", Edit: func(s *ratelimit.Settings) { s.Tiers, s.FallbackTier = ratelimit.Tiers{}, "" }, Alone: true},
		{Name: "no tiers to fall back to", Path: "Settings.FallbackTier", Got: `got "free"`, Edit: func(s *ratelimit.Settings) { s.Tiers = nil }, Alone: true},
		{Name: "a tier that is not there", Path: "Settings.FallbackTier", Got: `got "gold"`, Edit: func(s *ratelimit.Settings) { s.FallbackTier = "gold" }},
		{Name: "less than nothing", Path: `Settings.Tiers["free"].Limit`, Got: "got -1", Edit: func(s *ratelimit.Settings) { s.Tiers["free"] = ratelimit.Tier{Limit: -1, Period: time.Hour} }},
		{Name: "no number of processes", Path: "Settings.Limit.OnCounterFailure", Got: "without Config.Nodes", Edit: func(s *ratelimit.Settings) { s.Limit.OnCounterFailure = ratelimit.FailLocal }, Alone: true},
	}
	cases = append(cases, wrongLimits("Settings.Limit.", func(s *ratelimit.Settings) *ratelimit.LimitConfig { return s.Limit })...)
	configtest.Run(t, "ratelimit", good, func(s ratelimit.Settings) error { return l.Reconfigure(t.Context(), s) }, cases)
}

// Requests are decided by the old settings or by the new ones. Tiers and rules are
// replaced in pairs here, and no request sees one without the other.
func TestReconfigureIsAtomicUnderRequests(t *testing.T) {
	t.Parallel()
	settings := func(name string) ratelimit.Settings {
		return ratelimit.Settings{
			Tiers: ratelimit.Tiers{"free": {Limit: 1 << 40, Period: time.Hour, Also: []ratelimit.Window{{Name: "tier-" + name, Limit: 1 << 40, Period: time.Minute}}}},
			Limit: &ratelimit.LimitConfig{Rules: []ratelimit.Rule{{Name: "rule-" + name, Limit: 1 << 40, Period: time.Hour}}},
		}
	}
	first := settings("a")
	l, _ := watched(t, "free", ratelimit.Config{Tiers: first.Tiers, Limit: *first.Limit})
	stop := make(chan struct{})
	var changes, requests sync.WaitGroup
	changes.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			if err := l.Reconfigure(t.Context(), settings([]string{"b", "a"}[i%2])); err != nil {
				t.Error(err)
			}
		}
	})
	for range 4 {
		requests.Go(func() {
			for range 500 {
				p, err := l.CheckLimit(httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody))
				if err != nil {
					t.Error(err)
					return
				}
				u := p.Quota().Usage
				if tier, rule := u[1].Policy.Name, u[2].Policy.Name; tier[len("tier-"):] != rule[len("rule-"):] {
					t.Errorf("%s with %s", tier, rule)
				}
				p.Done()
			}
		})
	}
	requests.Wait()
	close(stop)
	changes.Wait()
}

func TestFaultC2ATierThatIsNoMoreCountsUnderTheFallback(t *testing.T) {
	t.Parallel()
	tiers := ratelimit.Tiers{ratelimit.Anonymous: hourly(1), "basic": hourly(2)}
	for _, tier := range []string{"gold", "", ratelimit.Anonymous} {
		t.Run("the tier "+tier, func(t *testing.T) {
			t.Parallel()
			l, events := watched(t, tier, ratelimit.Config{Tiers: tiers, FallbackTier: "basic"})
			h := l.Limit(nothing)
			for i, want := range []int{200, 200, 429} {
				w := send(t, h)
				if w.Code != want {
					t.Errorf("request %d: status %d, want %d", i, w.Code, want)
				}
				all := events.take()
				if e := all[0]; e.Kind != ratelimit.EventUnknownTier || e.Policy != "basic" || e.Err == nil || e.Caller.User != "ada" {
					t.Errorf("request %d: events %+v", i, all)
				}
			}
			q, err := l.Inspect(t.Context(), ratelimit.Caller{User: "ada", Tier: tier})
			if err != nil || q.Usage[0].Policy.Name != "basic" || len(events.take()) > 0 {
				t.Errorf("Inspect: %+v, %v, or an event", q, err)
			}
		})
	}

	t.Run("without a fallback it is the host's fault", func(t *testing.T) {
		t.Parallel()
		l, events := watched(t, "gold", ratelimit.Config{Tiers: tiers})
		if w := send(t, l.Limit(nothing)); w.Code != http.StatusInternalServerError {
			t.Errorf("status %d", w.Code)
		}
		if all := events.take(); len(all) != 1 || all[0].Kind != ratelimit.EventFault {
			t.Errorf("events %+v", all)
		}
	})

	t.Run("the fallback must be a tier for users", func(t *testing.T) {
		t.Parallel()
		for _, name := range []string{"gold", ratelimit.Anonymous} {
			c := goodConfig()
			c.Tiers, c.FallbackTier = tiers, name
			if _, err := ratelimit.New(c); err == nil || err.Error() != `ratelimit: Config.FallbackTier: must be the name of a tier in Tiers other than "anonymous", got "`+name+`"` {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func TestFaultC14ACostThatCanNeverBeMetIsToldSo(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		tier ratelimit.Tier
		want string
	}{
		"a fixed window":        {hourly(10), "The request costs 20 requests, and the plan free never allows more than 10 at once\n"},
		"a rolling window":      {ratelimit.Tier{Limit: 10, Period: time.Hour, Algorithm: ratelimit.Rolling}, "The request costs 20 requests, and the plan free never allows more than 10 at once\n"},
		"a bucket":              {ratelimit.Tier{Limit: 100, Period: time.Hour, Algorithm: ratelimit.GCRA, Burst: 5}, "The request costs 20 requests, and the plan free never allows more than 5 at once\n"},
		"one of several":        {ratelimit.Tier{Limit: 100, Period: time.Hour, Also: []ratelimit.Window{{Limit: 10, Period: time.Minute}}}, "The request costs 20 requests, and the plan free never allows more than 10 at once\n"},
		"what can still be had": {hourly(20), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, events := watched(t, "free", ratelimit.Config{
				Tiers: ratelimit.Tiers{"free": test.tier},
				Limit: ratelimit.LimitConfig{Cost: func(*http.Request) int64 { return 20 }},
			})
			w := send(t, l.Limit(nothing))
			all := events.take()
			if test.want == "" {
				if w.Code != http.StatusOK || len(all) > 0 {
					t.Errorf("status %d, events %+v", w.Code, all)
				}
				return
			}
			if w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") != "" || w.Body.String() != test.want {
				t.Errorf("%d %v %q", w.Code, w.Header(), w.Body)
			}
			if len(all) != 1 || all[0].Kind != ratelimit.EventCostAboveLimit || all[0].Err == nil {
				t.Errorf("events %+v", all)
			}
		})
	}

	t.Run("a route that costs more than its group has left over is told so", func(t *testing.T) {
		t.Parallel()
		l, events := watched(t, "free", ratelimit.Config{Tiers: ratelimit.Tiers{"free": hourly(10)}})
		route, err := l.Limits(ratelimit.LimitConfig{Cost: func(*http.Request) int64 { return 11 }})
		if err != nil {
			t.Fatal(err)
		}
		w := send(t, l.Limit(route.Limit(nothing)))
		if all := events.take(); w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") != "" || len(all) != 1 || all[0].Kind != ratelimit.EventCostAboveLimit {
			t.Errorf("%d %v, events %+v", w.Code, w.Header(), all)
		}
	})

	t.Run("a limit that is reached still has a Retry-After", func(t *testing.T) {
		t.Parallel()
		l, events := watched(t, "free", ratelimit.Config{Tiers: ratelimit.Tiers{"free": hourly(1)}})
		h := l.Limit(nothing)
		send(t, h)
		if w := send(t, h); w.Header().Get("Retry-After") == "" || events.take()[0].Kind != ratelimit.EventLimited {
			t.Errorf("%v", w.Header())
		}
	})
}

// A rejection that is no limit's is an event too.
func TestFaultC1ARefusalThatIsNoLimitsIsAnEvent(t *testing.T) {
	t.Parallel()
	suspended := &ratelimit.Error{Reason: ratelimit.ReasonUnauthenticated, Description: "The account is suspended"}
	for name, x := range map[string]struct {
		edit func(*ratelimit.Config)
		want ratelimit.EventKind
	}{
		"no tier for anonymous callers": {func(*ratelimit.Config) {}, ratelimit.EventRefused},
		"Identify rejects": {func(c *ratelimit.Config) {
			c.Identify = func(*http.Request) (ratelimit.Caller, error) { return ratelimit.Caller{}, suspended }
		}, ratelimit.EventRefused},
		"TierOf rejects": {func(c *ratelimit.Config) {
			c.Identify = func(*http.Request) (ratelimit.Caller, error) { return ratelimit.Caller{User: "u", Tier: "free"}, nil }
			c.TierOf = func(context.Context, ratelimit.Caller) (string, int, error) { return "", 0, suspended }
		}, ratelimit.EventRefused},
		"a key is missing": {func(c *ratelimit.Config) {
			c.Limit.Rules = []ratelimit.Rule{{Name: "device", Limit: 1, Period: time.Hour, By: ratelimit.ByKey(func(*http.Request) (string, error) { return "", nil })}}
			c.Limit.WithoutTier = true
		}, ratelimit.EventFault},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var all []ratelimit.Event
			c := ratelimit.Config{
				Tiers: ratelimit.Tiers{"free": {Limit: 1, Period: time.Hour}}, ClientIP: clientip.RemoteAddr,
				Events: func(_ context.Context, e ratelimit.Event) { all = append(all, e) },
			}
			x.edit(&c)
			l, err := ratelimit.New(c)
			if err != nil {
				t.Fatal(err)
			}
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
			if _, err := l.CheckLimit(r); err == nil {
				t.Error("CheckLimit admits the request")
			}
			if _, err := l.CheckQuota(r); err == nil {
				t.Error("CheckQuota returns a quota")
			}
			if len(all) != 2 || all[0].Kind != x.want || all[1].Kind != x.want || all[0].Err == nil {
				t.Errorf("events %+v, want two of %s with a cause", all, x.want)
			}
		})
	}
}
