package middleware_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
)

// limits makes a Limiter of an Auth.
func (d *harness) limits(tb testing.TB, c ratelimit.LimitConfig) *ratelimit.Limiter {
	tb.Helper()
	l, err := d.Limits(c)
	if err != nil {
		tb.Fatal(err)
	}
	return l
}

// by sends a request of a user's through a handler; an anonymous one if u has no ID.
func (d *harness) by(tb testing.TB, u store.User, h http.Handler, method, path string) *httptest.ResponseRecorder {
	tb.Helper()
	r := httptest.NewRequestWithContext(tb.Context(), method, path, http.NoBody)
	if u.ID != "" {
		r = r.WithContext(tokens.WithPrincipal(r.Context(), principal(u)))
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func principal(u store.User) tokens.Principal {
	return tokens.Principal{Subject: u.ID, Account: u.Account, Tier: u.Tier, Seats: u.Seats}
}

// count sends n requests of a user's through a handler, and returns how many came
// through.
func (d *harness) count(tb testing.TB, u store.User, h http.Handler, n int) int {
	tb.Helper()
	let := 0
	for range n {
		switch w := d.by(tb, u, h, "GET", "/"); w.Code {
		case http.StatusOK:
			let++
		case http.StatusTooManyRequests:
		default:
			tb.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	return let
}

func ok(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }

var handler = http.HandlerFunc(ok)

func perHour(limit int64) ratelimit.Tier { return ratelimit.Tier{Limit: limit, Period: time.Hour} }

// F9: an upgrade counts at once, and so does a downgrade.
func TestF9AnotherLimitCountsAtOnceAndResetsNothing(t *testing.T) {
	t.Parallel()
	for name, override := range map[string]bool{"by TierOf": false, "by Override": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				big := false
				d := open(t, func(c *config) {
					c.auth.Tiers = ratelimit.Tiers{"free": perHour(100), "premium": perHour(200)}
					if override {
						c.auth.Override = func(_ context.Context, p tokens.Principal, own ratelimit.Tier) (ratelimit.Tier, error) {
							if big && p.Account == alice.Account {
								own.Limit = 200
							}
							return own, nil
						}
						return
					}
					c.auth.TierOf = func(context.Context, tokens.Principal) (string, int, error) {
						if big {
							return "premium", 1, nil
						}
						return "free", 1, nil
					}
				})
				h := d.Limit(handler)
				if n := d.count(t, alice, h, 10_100); n != 100 {
					t.Fatalf("%d were let in, want 100", n)
				}
				big = true
				if w := d.by(t, alice, h, "GET", "/"); w.Code != http.StatusOK || w.Header().Get("X-RateLimit-Remaining") != "99" {
					t.Errorf("after the upgrade: %d %v", w.Code, w.Header())
				}
				big = false
				w := d.by(t, alice, h, "GET", "/")
				wantStatus(t, w, http.StatusTooManyRequests)
				if w.Header().Get("X-RateLimit-Limit") != "100" {
					t.Errorf("after the downgrade: %v", w.Header())
				}
				big = true
				if n := d.count(t, alice, h, 200); n != 99 {
					t.Errorf("%d more were let in, want 99", n)
				}
			})
		})
	}
}

// F10: a request that is refused costs nothing, however dear it is.
func TestF10ARefusedRequestSpendsNothing(t *testing.T) {
	t.Parallel()
	d := open(t, func(c *config) {
		c.auth.Tiers = ratelimit.Tiers{"free": perHour(100)}
		c.auth.Limit.Cost = func(r *http.Request) int64 {
			n, _ := strconv.ParseInt(r.URL.Query().Get("cost"), 10, 64)
			return n
		}
	})
	h := d.Limit(handler)
	for _, step := range []struct {
		cost   string
		status int
		left   string
	}{
		{"95", http.StatusOK, "5"},
		{"10", http.StatusTooManyRequests, "5"},
		{"0", http.StatusOK, ""},
		{"1", http.StatusOK, "4"},
		{"1", http.StatusOK, "3"},
		{"1", http.StatusOK, "2"},
		{"1", http.StatusOK, "1"},
		{"1", http.StatusOK, "0"},
		{"1", http.StatusTooManyRequests, "0"},
		{"0", http.StatusOK, ""},
		{"-1", http.StatusInternalServerError, ""},
	} {
		w := d.by(t, alice, h, "GET", "/?cost="+step.cost)
		if w.Code != step.status || w.Header().Get("X-RateLimit-Remaining") != step.left {
			t.Errorf("cost %s: %d, %q left, want %d and %q", step.cost, w.Code, w.Header().Get("X-RateLimit-Remaining"), step.status, step.left)
		}
	}
}

// F11: windows of one tier are charged together or not at all.
func TestF11OneWindowThatRefusesLeavesTheOthersAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := open(t, func(c *config) {
			c.auth.Tiers = ratelimit.Tiers{"free": {Limit: 25, Period: time.Hour, Also: []ratelimit.Window{{Limit: 10, Period: time.Second}}}}
		})
		h := d.Limit(handler)
		for i, want := range []int{10, 10, 5, 0} {
			if n := d.count(t, alice, h, 100); n != want {
				t.Errorf("second %d: %d were let in, want %d", i+1, n, want)
			}
			q, err := d.Inspect(t.Context(), middleware.CallerOf(principal(alice)))
			if err != nil || len(q.Usage) != 2 {
				t.Fatal(q, err)
			}
			if left := q.Usage[1].Remaining; left != int64(10-want) {
				t.Errorf("second %d: %d are left of the second's, want %d", i+1, left, 10-want)
			}
			pass(time.Second)
		}
	})
}

// F18: a caller that waits for Retry-After gets in, whichever window it is
// that they wait for.
func TestF18ACallerThatWaitsForSeveralWindowsGetsIn(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []ratelimit.Algorithm{ratelimit.FixedWindow, ratelimit.GCRA, ratelimit.Rolling} {
		for name, wait := range waits {
			t.Run(algorithm.String()+", "+name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					d := open(t, func(c *config) {
						c.auth.Tiers = ratelimit.Tiers{"free": {
							Limit: 25, Period: time.Hour, Algorithm: algorithm,
							Also: []ratelimit.Window{{Limit: 10, Period: 7 * time.Second, Algorithm: algorithm}},
						}}
					})
					h := d.Limit(handler)
					for range 8 {
						pass(300*time.Millisecond + 1)
						d.count(t, alice, h, 30)
						w := d.by(t, alice, h, "GET", "/")
						wantStatus(t, w, http.StatusTooManyRequests)
						pass(wait(w.Header()))
						wantStatus(t, d.by(t, alice, h, "GET", "/"), http.StatusOK)
					}
				})
			})
		}
	}
}

// F20: stacked Limits send one value of each X- header and one list of all
// policies, and a refusal further in gives back what was spent further out.
func TestF20StackedLimitsAreOne(t *testing.T) {
	t.Parallel()
	d := open(t, func(c *config) { c.auth.Tiers = ratelimit.Tiers{"free": perHour(100)} })
	search := d.limits(t, ratelimit.LimitConfig{Rules: []ratelimit.Rule{{Name: "search", Limit: 3, Period: time.Minute, By: ratelimit.ByUser()}}})
	dear := d.limits(t, ratelimit.LimitConfig{Cost: func(*http.Request) int64 { return 10 }})
	group := d.Limit
	stacked := group(search.Limit(handler))
	if n := d.count(t, alice, stacked, 50); n != 3 {
		t.Errorf("%d were let in, want 3", n)
	}
	w := d.by(t, dave, stacked, "GET", "/") // of alice's account, with a user of his own
	for name, values := range w.Header() {
		if len(values) != 1 {
			t.Errorf("%s = %q", name, values)
		}
	}
	if got, want := w.Header().Get("RateLimit-Policy"), `"free";q=100;w=3600, "search";q=3;w=60`; got != want {
		t.Errorf("RateLimit-Policy = %s, want %s", got, want)
	}
	if got, want := w.Header().Get("RateLimit"), `"search";r=2;t=60`; got != want {
		t.Errorf("RateLimit = %s, want %s", got, want)
	}
	w = d.by(t, alice, stacked, "GET", "/")
	wantStatus(t, w, http.StatusTooManyRequests)
	if !strings.Contains(w.Body.String(), `"violated-policies":["search"]`) {
		t.Errorf("body = %s", w.Body)
	}
	w = d.by(t, alice, group(dear.Limit(handler)), "GET", "/")
	if got := w.Header().Get("X-RateLimit-Remaining"); got != "86" { // four that were let in, and ten
		t.Errorf("%s are left, want 86", got)
	}
}

// F22: a preflight is free where the CORS middleware in front of Limit answers it,
// and nowhere else.
func TestF22PreflightIsFreeInFrontOfLimitOnly(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		method  string
		headers []string
	}{
		"a preflight":               {"OPTIONS", []string{"Origin", "Access-Control-Request-Method"}},
		"OPTIONS without an origin": {"OPTIONS", []string{"Access-Control-Request-Method"}},
		"OPTIONS without a method":  {"OPTIONS", []string{"Origin"}},
		"a GET that looks like one": {"GET", []string{"Origin", "Access-Control-Request-Method"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := open(t, one)
			ask := func(h http.Handler) *httptest.ResponseRecorder {
				r := httptest.NewRequestWithContext(t.Context(), test.method, "/", http.NoBody)
				for _, name := range test.headers {
					r.Header.Set(name, "x")
				}
				w := httptest.NewRecorder()
				h.ServeHTTP(w, r)
				return w
			}
			cors := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
			for range 3 { // the CORS middleware does not call Limit
				wantStatus(t, ask(cors), http.StatusNoContent)
			}
			wantStatus(t, ask(d.Limit(handler)), http.StatusOK)
			for range 3 {
				wantStatus(t, ask(d.Limit(handler)), http.StatusTooManyRequests)
			}
		})
	}
}

// F32: nodes whose counters fail admit the limit together, and no more.
func TestF32LocalSharesAdmitTheLimitTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const nodes = 3
		for _, test := range []struct{ limit, want int64 }{{100, 99}, {3, 3}, {2, 0}} {
			let := int64(0)
			for range nodes {
				d := open(t, func(c *config) {
					c.auth.Tiers = ratelimit.Tiers{"free": perHour(test.limit)}
					c.auth.Counters, c.auth.OnCounterFailure, c.auth.Nodes = stuck{}, ratelimit.FailLocal, nodes
				})
				h := d.Limit(handler)
				let += int64(d.count(t, alice, h, 200))
				w := d.by(t, alice, h, "GET", "/")
				wantStatus(t, w, http.StatusTooManyRequests)
				if w.Header().Get("Retry-After") != "3600" || w.Header().Get("RateLimit") != "" {
					t.Errorf("header = %v", w.Header())
				}
				if !strings.Contains(w.Body.String(), `"violated-policies":["free"]`) {
					t.Errorf("body = %s", w.Body)
				}
			}
			if let != test.want {
				t.Errorf("%d were let in of %d, want %d", let, test.limit, test.want)
			}
		}
	})
}

func TestEachRouteHasItsFailurePolicy(t *testing.T) {
	t.Parallel()
	d := open(t, func(c *config) {
		c.auth.Counters, c.auth.OnCounterFailure, c.auth.Nodes = stuck{}, ratelimit.FailOpen, 1
	})
	for policy, want := range map[ratelimit.FailurePolicy]int{
		ratelimit.FailDefault: 200, ratelimit.FailOpen: 200, ratelimit.FailClosed: 503, ratelimit.FailLocal: 200,
	} {
		w := d.by(t, alice, d.limits(t, ratelimit.LimitConfig{OnCounterFailure: policy}).Limit(handler), "GET", "/")
		wantStatus(t, w, want)
		if w.Header().Get("RateLimit-Policy") != "" {
			t.Errorf("header = %v", w.Header())
		}
	}
}

// A TierOf that fails is a failure of the counters too; with a local
// share the token says it.
func TestFailLocalBelievesTheToken(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func(*middleware.Config){
		"where TierOf fails": func(c *middleware.Config) {
			c.TierOf = func(context.Context, tokens.Principal) (string, int, error) { return "", 0, errDriver }
		},
		"where Override fails": func(c *middleware.Config) {
			c.Override = func(context.Context, tokens.Principal, ratelimit.Tier) (ratelimit.Tier, error) {
				return ratelimit.Tier{}, errDriver
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := open(t, func(c *config) { edit(&c.auth); c.auth.Nodes = 2 })
			for policy, want := range map[ratelimit.FailurePolicy]int{ratelimit.FailClosed: 503, ratelimit.FailOpen: 200} {
				wantStatus(t, d.by(t, alice, d.limits(t, ratelimit.LimitConfig{OnCounterFailure: policy}).Limit(handler), "GET", "/"), want)
			}
			w := d.by(t, alice, d.limits(t, ratelimit.LimitConfig{OnCounterFailure: ratelimit.FailLocal}).Limit(handler), "GET", "/")
			wantStatus(t, w, http.StatusOK)
			if got := w.Header().Get("X-RateLimit-Remaining"); got != "499" { // the counters work
				t.Errorf("%s are left, want 499", got)
			}
		})
	}
}

// F37: a place in flight is given back whatever becomes of the request.
func TestF37PlacesInFlightAreGivenBack(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]http.HandlerFunc{
		"a handler that returns": ok,
		"a handler that panics":  func(http.ResponseWriter, *http.Request) { panic("boom") },
		"a handler that aborts":  func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"a handler that hijacks": func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				panic(err)
			}
			_ = conn.Close()
		},
		"a client that hangs up": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := open(t, func(c *config) {
				c.auth.Tiers = ratelimit.Tiers{"anonymous": {Limit: 100, Period: time.Hour, Concurrent: 1}}
			})
			inside, left := make(chan struct{}, 1), make(chan struct{}, 1)
			h := d.Limit(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				inside <- struct{}{}
				end(w, r)
			}))
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				defer func() {
					left <- struct{}{}
					if recover() != nil {
						panic(http.ErrAbortHandler) // which is not logged
					}
				}()
				h.ServeHTTP(w, r)
			}))
			defer server.Close()
			server.Config.SetKeepAlivesEnabled(false) // a client tries again where a connection that it kept ends
			for i := range 3 {
				ctx, hangUp := context.WithCancel(t.Context())
				r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, http.NoBody)
				if err != nil {
					t.Fatal(err)
				}
				answered := make(chan struct{})
				go func() {
					defer close(answered)
					if res, err := server.Client().Do(r); err == nil {
						_ = res.Body.Close()
					}
				}()
				select {
				case <-inside:
				case <-left:
					t.Fatalf("request %d was not let in: the place of the one before was not given back", i+1)
				}
				if name == "a client that hangs up" {
					hangUp()
				}
				<-left
				<-answered
				hangUp()
			}
		})
	}
}

// panicking counters are a host's own that have a bug.
type panicking struct{ stuck }

func (panicking) Take(context.Context, []ratelimit.Charge, []ratelimit.Status) (ratelimit.Decision, error) {
	panic("boom")
}

func TestF37CountersThatPanicKeepNoPlace(t *testing.T) {
	t.Parallel()
	d := open(t, func(c *config) {
		c.auth.Tiers = ratelimit.Tiers{"free": {Limit: 100, Period: time.Hour, Concurrent: 1}}
		c.auth.Counters = panicking{}
	})
	for range 3 {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the request did not reach the counters")
				}
			}()
			d.by(t, alice, d.Limit(handler), "GET", "/")
		}()
	}
}

func TestRequestsInFlight(t *testing.T) {
	t.Parallel()
	d := open(t, func(c *config) {
		c.auth.Tiers = ratelimit.Tiers{"free": {Limit: 100, Period: time.Hour, Concurrent: 2}}
	})
	inside, finish := make(chan struct{}), make(chan struct{})
	h := d.Limit(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { inside <- struct{}{}; <-finish }))
	ended := make(chan int)
	for range 2 {
		go func() { ended <- d.by(t, alice, h, "GET", "/").Code }()
		<-inside
	}
	w := d.by(t, dave, h, "GET", "/")
	wantAnswer(t, w, http.StatusTooManyRequests, `Cache-Control: no-store
Content-Type: application/problem+json
Pragma: no-cache
Ratelimit-Policy: "free";q=100;w=3600, "free-concurrent";q=2;qu="concurrent-requests"
Ratelimit: "free-concurrent";r=0;t=1
Retry-After: 1
X-Content-Type-Options: nosniff
X-Ratelimit-Limit: 2
X-Ratelimit-Remaining: 0
X-Ratelimit-Reset: `+w.Header().Get("X-RateLimit-Reset"),
		`{"type":"https://iana.org/assignments/http-problem-types#quota-exceeded","title":"Quota exceeded","status":429,`+
			`"detail":"The limit of 2 requests at once of the plan free is reached","violated-policies":["free-concurrent"],"retry_after":1}`)
	wantStatus(t, d.by(t, carol, d.limits(t, ratelimit.LimitConfig{WithoutTier: true, Rules: []ratelimit.Rule{{Name: "r", Concurrent: 1}}}).Limit(handler), "GET", "/"), 200)
	close(finish)
	<-ended
	<-ended
	q, err := d.Inspect(t.Context(), middleware.CallerOf(principal(alice)))
	if err != nil || q.Usage[0].Remaining != 98 || q.Usage[1].Remaining != 2 { // who was refused has spent nothing
		t.Errorf("%+v, %v", q, err)
	}
}

func TestShadow(t *testing.T) {
	t.Parallel()
	d := open(t, func(c *config) {
		c.auth.Tiers = ratelimit.Tiers{"free": perHour(5), "premium": {Limit: 1, Period: time.Hour, Concurrent: 1, Shadow: true}}
		c.auth.Limit.Rules = []ratelimit.Rule{{Name: "trial", Limit: 2, Period: time.Minute, Shadow: true}}
	})
	h := d.Limit(handler)
	for i := range 5 {
		w := d.by(t, alice, h, "GET", "/")
		wantStatus(t, w, http.StatusOK)
		if got := w.Header().Get("RateLimit-Policy") + w.Header().Get("X-RateLimit-Remaining"); got != `"free";q=5;w=3600`+strconv.Itoa(4-i) {
			t.Errorf("header = %s", got)
		}
	}
	told := d.journal.WantKinds(t, events.ShadowLimited, events.ShadowLimited, events.ShadowLimited)
	if e := told[0]; e.Policy != "trial" || e.Account != alice.Account {
		t.Errorf("event = %+v", e)
	}
	w := d.by(t, alice, h, "GET", "/")
	wantStatus(t, w, http.StatusTooManyRequests)
	if strings.Contains(w.Body.String(), "trial") {
		t.Errorf("body = %s", w.Body)
	}
	d.journal.WantKinds(t, events.Limited)
	if n := d.count(t, carol, h, 3); n != 3 {
		t.Errorf("%d were let in, want 3", n)
	}
}

func TestNearLimit(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		percent int
		cost    int64
		want    int // which request it is that is reported; 0 is none
	}{
		{"80 per cent of ten are eight", 80, 1, 8},
		{"half of ten, three at a time", 50, 3, 2},
		{"1 per cent of ten is one", 1, 1, 1},
		{"all of them", 100, 1, 10},
		{"nothing is reported unless it is asked for", 0, 1, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d := open(t, func(c *config) {
				c.auth.Tiers = ratelimit.Tiers{"free": perHour(10)}
				c.auth.Limit = ratelimit.LimitConfig{NearLimit: test.percent, Cost: func(*http.Request) int64 { return test.cost }}
			})
			h := d.Limit(handler)
			for i := range 12 {
				d.by(t, alice, h, "GET", "/")
				near := 0
				for _, e := range d.journal.Take() {
					if e.Kind == events.NearLimit {
						near++
					}
				}
				if want := i+1 == test.want; (near == 1) != want || near > 1 {
					t.Errorf("request %d: %d events", i+1, near)
				}
			}
		})
	}
}

func TestQuota(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // at midnight UTC 2000-01-01
		d := open(t, func(c *config) {
			c.auth.Tiers = ratelimit.Tiers{"free": {Limit: 3, Period: time.Hour, Also: []ratelimit.Window{{Name: "burst", Limit: 2, Period: time.Second}}, Concurrent: 4}}
		})
		h := d.Limit(handler)
		d.by(t, alice, h, "GET", "/")
		for range 5 { // which cost nothing
			w := d.by(t, alice, http.HandlerFunc(d.Quota), "GET", "/quota")
			wantAnswer(t, w, http.StatusOK, `Cache-Control: no-store
Content-Type: application/json
Ratelimit-Policy: "free";q=3;w=3600, "burst";q=2;w=1, "free-concurrent";q=4;qu="concurrent-requests"
Ratelimit: "burst";r=1;t=1
X-Content-Type-Options: nosniff
X-Ratelimit-Limit: 2
X-Ratelimit-Remaining: 1
X-Ratelimit-Reset: 946684801`,
				`{"policies":[{"name":"free","limit":3,"used":1,"remaining":2,"window":3600,"reset":946688400},`+
					`{"name":"burst","limit":2,"used":1,"remaining":1,"window":1,"reset":946684801},`+
					`{"name":"free-concurrent","unit":"concurrent-requests","limit":4,"used":0,"remaining":4}]}`)
		}
	})
	t.Run("where the counters fail it is refused, whatever the policy", func(t *testing.T) {
		t.Parallel()
		d := open(t, func(c *config) { c.auth.Counters, c.auth.OnCounterFailure = stuck{}, ratelimit.FailOpen })
		wantStatus(t, d.by(t, alice, http.HandlerFunc(d.Quota), "GET", "/"), http.StatusServiceUnavailable)
		d.journal.WantKinds(t, events.CounterFailure)
	})
	t.Run("an anonymous caller gets 401 if there is no anonymous tier", func(t *testing.T) {
		t.Parallel()
		d := open(t, noAnonymous)
		wantStatus(t, d.by(t, store.User{}, http.HandlerFunc(d.Quota), "GET", "/"), http.StatusUnauthorized)
	})
}

func noAnonymous(c *config) { c.auth.Tiers = ratelimit.Tiers{"free": perHour(10)} }

func TestSupport(t *testing.T) {
	t.Parallel()
	d := open(t, func(c *config) { c.auth.Tiers = ratelimit.Tiers{"free": perHour(10), "anonymous": perHour(10)} })
	h := d.Limit(handler)
	ctx, who := t.Context(), middleware.CallerOf(principal(alice))
	left := func() int64 {
		t.Helper()
		q, err := d.Inspect(ctx, who)
		if err != nil || len(q.Usage) != 1 {
			t.Fatal(q, err)
		}
		return q.Usage[0].Remaining
	}
	d.count(t, alice, h, 10)
	if err := d.Grant(ctx, who, "free", 4); err != nil || left() != 4 {
		t.Errorf("after a grant of 4 there are %d, %v", left(), err)
	}
	if err := d.Grant(ctx, who, "free", 1<<40); err != nil || left() != 10 {
		t.Errorf("after a grant of more than was spent there are %d, %v", left(), err)
	}
	d.count(t, alice, h, 3)
	if err := d.Reset(ctx, who); err != nil || left() != 10 {
		t.Errorf("after a reset there are %d, %v", left(), err)
	}
	if d.Grant(ctx, who, "gone", 1) == nil || d.Grant(ctx, who, "free", 0) == nil {
		t.Error("a grant under no policy, or of nothing, is no error")
	}
	if _, err := d.Inspect(ctx, middleware.CallerOf(tokens.Principal{Subject: "x", Tier: "gone"})); err == nil {
		t.Error("a tier that is not there is no error")
	}
	if _, err := d.Inspect(ctx, ratelimit.Caller{}); err == nil {
		t.Error("an anonymous caller without an address is no error")
	}
}

// Support staff inspects a customer in a request of its own, whose context has the
// principal of the staff.
func TestInspectAsksForTheTierOfTheCallerThatItIsGiven(t *testing.T) {
	t.Parallel()
	asked := make(chan string, 2)
	d := open(t, func(c *config) {
		c.auth.Tiers = ratelimit.Tiers{"free": perHour(10), "premium": perHour(20)}
		c.auth.TierOf = func(_ context.Context, p tokens.Principal) (string, int, error) {
			asked <- p.Subject
			return p.Tier, p.Seats, nil
		}
		c.auth.Override = func(_ context.Context, p tokens.Principal, tier ratelimit.Tier) (ratelimit.Tier, error) {
			asked <- p.Subject
			return tier, nil
		}
	})
	staff := tokens.WithPrincipal(t.Context(), principal(alice))
	q, err := d.Inspect(staff, middleware.CallerOf(principal(carol)))
	if err != nil || q.Usage[0].Policy.Name != "premium" {
		t.Errorf("quota = %+v, %v", q, err)
	}
	if tierOf, override := <-asked, <-asked; tierOf != carol.ID || override != carol.ID {
		t.Errorf("TierOf was asked about %s and Override about %s, want %s", tierOf, override, carol.ID)
	}
}

func TestAddCost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := open(t, func(c *config) { c.auth.Tiers = ratelimit.Tiers{"free": perHour(100)} })
		bytes := d.limits(t, ratelimit.LimitConfig{Rules: []ratelimit.Rule{{Name: "bytes", Limit: 1000, Period: time.Minute, Late: true, Unit: "content-bytes"}}})
		spending := func(n, back int64) http.Handler {
			return bytes.Limit(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				if !ratelimit.AddCost(r.Context(), "bytes", n) || !ratelimit.AddCost(r.Context(), "free", back) || ratelimit.AddCost(r.Context(), "gone", 1) {
					t.Error("AddCost does not know what is counted")
				}
			}))
		}
		left := func() [2]int64 {
			t.Helper()
			q, err := bytes.Inspect(t.Context(), middleware.CallerOf(principal(alice)))
			if err != nil {
				t.Fatal(err)
			}
			return [2]int64{q.Usage[0].Remaining, q.Usage[1].Remaining}
		}
		d.by(t, alice, spending(400, 0), "GET", "/")
		if got := left(); got != [2]int64{99, 600} {
			t.Errorf("%v are left", got)
		}
		d.by(t, alice, spending(0, -5), "GET", "/") // gives back its own one, and no more
		if got := left(); got != [2]int64{99, 600} {
			t.Errorf("%v are left", got)
		}
		w := d.by(t, alice, spending(5000, 0), "GET", "/") // over the limit, once
		wantStatus(t, w, http.StatusOK)
		if got, want := w.Header().Get("RateLimit-Policy"), `"free";q=100;w=3600, "bytes";q=1000;w=60;qu="content-bytes"`; got != want {
			t.Errorf("RateLimit-Policy = %s, want %s", got, want)
		}
		wantStatus(t, d.by(t, alice, spending(1, 0), "GET", "/"), http.StatusTooManyRequests)
		if got := left(); got != [2]int64{98, 0} {
			t.Errorf("%v are left", got)
		}
		if ratelimit.AddCost(t.Context(), "bytes", 1) {
			t.Error("a context without a request is counted")
		}
	})
}

func TestWhoseLimit(t *testing.T) {
	t.Parallel()
	tenant := func(r *http.Request) (string, error) {
		switch id := r.URL.Query().Get("tenant"); id {
		case "broken":
			return "", errors.New("MARKER")
		case "banned":
			return "", &wire.Error{Reason: wire.ReasonForbidden}
		default:
			return id, nil
		}
	}
	for _, test := range []struct {
		name   string
		by     ratelimit.By
		second store.User
		path   string
		status int
	}{
		{"nothing said is by account", ratelimit.By{}, dave, "/", 429},
		{"by account, a user of the same", ratelimit.ByAccount(), dave, "/", 429},
		{"by account, another account", ratelimit.ByAccount(), bob, "/", 200},
		{"by user, the same", ratelimit.ByUser(), alice, "/", 429},
		{"by user, another of the same account", ratelimit.ByUser(), dave, "/", 200},
		{"by session, where there is none, by user", ratelimit.BySession(), alice, "/", 429},
		{"by session, where there is none, not by account", ratelimit.BySession(), dave, "/", 200},
		{"by address, for every caller", ratelimit.ByAddress(), bob, "/", 429},
		{"by network, for every caller", ratelimit.ByNetwork(8, 32), bob, "/", 429},
		{"by user, without a user", ratelimit.ByUser(), store.User{}, "/", 200},
		{"by the host's key, the same", ratelimit.ByKey(tenant), bob, "/?tenant=a", 429},
		{"by the host's key, another", ratelimit.ByKey(tenant), alice, "/?tenant=b", 200},
		{"by the host's key, none", ratelimit.ByKey(tenant), alice, "/", 500},
		{"by the host's key, that cannot be told", ratelimit.ByKey(tenant), alice, "/?tenant=broken", 500},
		{"by the host's key, refused", ratelimit.ByKey(tenant), alice, "/?tenant=banned", 403},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d := open(t)
			h := d.limits(t, ratelimit.LimitConfig{WithoutTier: true, Rules: []ratelimit.Rule{{Name: "r", Limit: 1, Period: time.Hour, By: test.by}}}).Limit(handler)
			wantStatus(t, d.by(t, alice, h, "GET", "/?tenant=a"), 200)
			w := d.by(t, test.second, h, "GET", test.path)
			wantStatus(t, w, test.status)
			if strings.Contains(w.Body.String(), "MARKER") {
				t.Errorf("body = %s", w.Body)
			}
		})
	}
}

// An API key has a limit of its own, and its user's sessions have theirs.
func TestEachAPIKeyHasItsLimit(t *testing.T) {
	t.Parallel()
	d := open(t)
	h := d.Bearer(d.limits(t, ratelimit.LimitConfig{
		Rules: []ratelimit.Rule{{Name: "key", Limit: 1, Period: time.Hour, By: ratelimit.BySession()}},
	}).Limit(handler))
	exchange := func(key string) tokens.Secret {
		p, err := d.tokens.ExchangeKey(t.Context(), tokens.KeyRequest{Key: tokens.Secret(key)})
		if err != nil {
			t.Fatal(err)
		}
		return p.AccessToken
	}
	one, two := d.apiKey(t), d.apiKey(t)
	for i, step := range []struct {
		token  tokens.Secret
		status int
	}{{exchange(one), 200}, {exchange(one), 429}, {exchange(two), 200}, {d.login(t, alice).AccessToken, 200}} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
		r.Header.Set("Authorization", "Bearer "+string(step.token))
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != step.status {
			t.Errorf("step %d: %d, want %d", i+1, w.Code, step.status)
		}
	}
}

func TestLimitConfig(t *testing.T) {
	t.Parallel()
	d := open(t)
	_, err := d.Limits(ratelimit.LimitConfig{
		NearLimit: 101, OnCounterFailure: ratelimit.FailLocal,
		Rules: []ratelimit.Rule{
			{},
			{Name: "a", Limit: -1, Period: time.Millisecond, By: ratelimit.ByNetwork(0, 129), Unit: `"`, Concurrent: -1},
			{Name: "a", Limit: 1, Concurrent: 1},
			{Name: "b", Limit: 1, Period: time.Second, Late: true, Cost: func(*http.Request) int64 { return 1 }, By: ratelimit.ByKey(nil)},
			{Name: "c", Limit: 1, Period: time.Second, Burst: 1},
		},
	})
	want := `ratelimit: LimitConfig.Rules[0].Name: must have a name of 1 to 64 printable ASCII characters without quotes and backslashes, got ""
ratelimit: LimitConfig.Rules[0].Period: is required, or Concurrent
ratelimit: LimitConfig.Rules[1].Limit: must be 0 or more, got -1
ratelimit: LimitConfig.Rules[1].Period: must be whole seconds, got 1ms
ratelimit: LimitConfig.Rules[1].By: must be 1 to 32 bits of IPv4 and 1 to 128 of IPv6, got 0 and 129
ratelimit: LimitConfig.Rules[1].Unit: must be up to 64 printable ASCII characters without quotes and backslashes, got "\""
ratelimit: LimitConfig.Rules[1].Concurrent: must be 0 or more, got -1
ratelimit: LimitConfig.Rules[2].Period: is required for Limit, Algorithm, Burst, Late and Unit
ratelimit: LimitConfig.Rules[2].Name: must be unique, got "a" twice
ratelimit: LimitConfig.Rules[3].By: must have a function in ByKey, got nil
ratelimit: LimitConfig.Rules[3].Cost: must be nil with Late: AddCost tells the cost
ratelimit: LimitConfig.Rules[4].Burst: must be 0 unless the Algorithm is GCRA, got 1 for a fixed window
ratelimit: LimitConfig.NearLimit: must be 1 to 100 per cent, got 101
ratelimit: LimitConfig.OnCounterFailure: must not be FailLocal without Config.Nodes`
	if err == nil || err.Error() != want {
		t.Errorf("error =\n%v\nwant\n%s", err, want)
	}
	if _, err := d.Limits(ratelimit.LimitConfig{WithoutTier: true}); err == nil || !strings.Contains(err.Error(), "LimitConfig.Rules: must have at least one rule") {
		t.Errorf("error = %v", err)
	}
}

// Rules of the same name share their counters.
func TestAShadowRuleDoesNotSwitchOffAnInnerRuleOfItsName(t *testing.T) {
	t.Parallel()
	d := open(t, func(c *config) { c.auth.Tiers = ratelimit.Tiers{"free": perHour(100)} })
	rule := ratelimit.Rule{Name: "export", Limit: 2, Period: time.Hour}
	inner := d.limits(t, ratelimit.LimitConfig{WithoutTier: true, Rules: []ratelimit.Rule{rule}})
	rule.Shadow = true
	outer := d.limits(t, ratelimit.LimitConfig{WithoutTier: true, Rules: []ratelimit.Rule{rule}})
	if n := d.count(t, alice, outer.Limit(inner.Limit(handler)), 5); n != 2 {
		t.Errorf("%d were let in, want 2", n)
	}
}

func TestAReleaseAfterDoneForgetsTheRequest(t *testing.T) {
	t.Parallel()
	d := open(t)
	r := httptest.NewRequestWithContext(tokens.WithPrincipal(t.Context(), principal(alice)), http.MethodGet, "/", http.NoBody)
	p, err := d.CheckLimit(r)
	if err != nil {
		t.Fatal(err)
	}
	p.Done()
	p.Release()
	if p.Request() != nil || len(p.Quota().Usage) != 0 {
		t.Errorf("it has %v, %+v", p.Request(), p.Quota())
	}
}
