package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ulule/limiter/v3"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
)

// spend calls a route as often as it lets the caller, and returns how often that
// was and the first refusal.
func (d *door) spend(tb testing.TB, path string, token tokens.Secret, address string) (int64, *httptest.ResponseRecorder) {
	tb.Helper()
	for n := int64(0); ; n++ {
		w := d.call(tb, path, token, address)
		switch w.Code {
		case http.StatusOK:
		case http.StatusTooManyRequests:
			return n, w
		default:
			tb.Fatalf("call %d: %d %s", n+1, w.Code, w.Body)
		}
		if n > 20000 {
			tb.Fatal("there is no limit")
		}
	}
}

// D174: the tiers of the first seed.
func TestEachTierHasItsLimit(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		user  *store.User
		limit int64
	}{
		{"request 101 of an anonymous address is refused", nil, 100},
		{"request 501 of a free account with one seat is refused", &alice, 500},
		{"request 1501 of a free account with three seats is refused", &bob, 1500},
		{"request 10001 of a premium account with two seats is refused", &carol, 10000},
		{"a free account with twelve seats has 5000", &store.User{Tier: "free", Seats: 12}, 5000},
		{"a free account with no seats has one", &store.User{Tier: "free"}, 500},
		{"a free account with fewer than no seats has one", &store.User{Tier: "free", Seats: -3}, 500},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				d := open(t)
				var token tokens.Secret
				path := "/search"
				if test.user != nil {
					u := alice
					u.Tier, u.Seats = test.user.Tier, test.user.Seats
					if err := d.store.memory.SetUser(t.Context(), u); err != nil {
						t.Fatal(err)
					}
					token, path = d.login(t, alice).AccessToken, "/me"
				}
				n, w := d.spend(t, path, token, "")
				if n != test.limit || w.Header().Get("X-RateLimit-Limit") != strconv.FormatInt(test.limit, 10) {
					t.Errorf("%d were let in of %s, want %d", n, w.Header().Get("X-RateLimit-Limit"), test.limit)
				}
			})
		})
	}
}

func TestWhoSharesALimit(t *testing.T) {
	t.Parallel()
	small := func(c *config) {
		c.door.Tiers = middleware.Tiers{"anonymous": {Limit: 2, Period: time.Hour}, "free": {Limit: 2, Period: time.Hour}}
	}
	strangers := func(address string) func(*testing.T, *door) (tokens.Secret, string) {
		return func(*testing.T, *door) (tokens.Secret, string) { return "", address }
	}
	member := func(u store.User) func(*testing.T, *door) (tokens.Secret, string) {
		return func(t *testing.T, d *door) (tokens.Secret, string) {
			t.Helper()
			return d.login(t, u).AccessToken, ""
		}
	}
	for _, test := range []struct {
		name          string
		first, second func(*testing.T, *door) (tokens.Secret, string)
		share         bool
	}{
		{"two users of one account share", member(alice), member(dave), true},
		{"two accounts do not", member(alice), member(bob), false},
		{"an account and a stranger do not", member(alice), strangers("192.0.2.1:9"), false},
		{"two ports of one address share", strangers("192.0.2.7:1"), strangers("192.0.2.7:2"), true},
		{"two IPv4 addresses do not", strangers("192.0.2.7:1"), strangers("192.0.2.8:1"), false},
		{"two IPv6 addresses of one /64 share", strangers("[2001:db8::1]:1"), strangers("[2001:db8::ffff:1]:1"), true},
		{"two /64 do not", strangers("[2001:db8::1]:1"), strangers("[2001:db8:0:1::1]:1"), false},
		{"an IPv4 address in IPv6 is the same address", strangers("192.0.2.7:1"), strangers("[::ffff:192.0.2.7]:1"), true},
		{"an address in two zones is the same address", strangers("[fe80::1%eth0]:1"), strangers("[fe80::1%eth1]:1"), true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				d := open(t, small)
				token, address := test.first(t, d)
				d.spend(t, "/search", token, address)
				token, address = test.second(t, d)
				want := http.StatusOK
				if test.share {
					want = http.StatusTooManyRequests
				}
				wantStatus(t, d.call(t, "/search", token, address), want)
			})
		})
	}
}

// An account and a user without one may have the same name.
func TestAnAccountIsNoUserOfThatName(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := open(t, func(c *config) { c.door.Tiers = middleware.Tiers{"free": {Limit: 1, Period: time.Hour}} })
		loner := dave
		loner.Account = ""
		owner := alice
		owner.Account = dave.ID
		for _, u := range []store.User{loner, owner} {
			if err := d.store.memory.SetUser(t.Context(), u); err != nil {
				t.Fatal(err)
			}
		}
		d.spend(t, "/me", d.login(t, dave).AccessToken, "")
		wantStatus(t, d.call(t, "/me", d.login(t, alice).AccessToken, ""), http.StatusOK)
	})
}

// D173, P40: nobody who is not trusted says where a request comes from.
func TestForgedHeadersDoNotChangeTheAddress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := open(t)
		for i := range 101 {
			w := d.ask(t, fmt.Sprintf("GET /search\nX-Forwarded-For: 198.51.100.%d\nX-Real-IP: 198.51.100.%d\nForwarded: for=198.51.100.%d\nCF-Connecting-IP: 198.51.100.%d", i, i, i, i))
			if want := http.StatusOK; i < 100 && w.Code != want || i == 100 && w.Code != http.StatusTooManyRequests {
				t.Fatalf("call %d: %d", i+1, w.Code)
			}
		}
	})
}

func TestATierChange(t *testing.T) {
	t.Parallel()
	small := middleware.Tiers{"free": {Limit: 2, Period: time.Hour}, "premium": {Limit: 5, Period: time.Hour}}

	t.Run("shows at the next refresh, and keeps what was spent", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			d := open(t, func(c *config) { c.door.Tiers = small })
			p := d.login(t, alice)
			d.spend(t, "/me", p.AccessToken, "")
			upgraded := alice
			upgraded.Tier = "premium"
			if err := d.store.memory.SetUser(t.Context(), upgraded); err != nil {
				t.Fatal(err)
			}
			wantStatus(t, d.call(t, "/me", p.AccessToken, ""), http.StatusTooManyRequests)
			p, err := d.tokens.Refresh(t.Context(), tokens.RefreshRequest{Token: p.RefreshToken})
			if err != nil {
				t.Fatal(err)
			}
			if n, _ := d.spend(t, "/me", p.AccessToken, ""); n != 3 {
				t.Errorf("%d more were let in, want 3", n)
			}
		})
	})

	t.Run("shows at once with TierOf, in both directions", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			tier, seats := "free", 1
			d := open(t, func(c *config) {
				c.door.Tiers = middleware.Tiers{"free": {Limit: 2, Period: time.Hour}, "premium": {Limit: 2, Period: time.Hour, PerSeat: true}}
				c.door.TierOf = func(_ context.Context, p tokens.Principal) (string, int, error) {
					if p.Subject != alice.ID {
						return "", 0, errors.New("another principal")
					}
					return tier, seats, nil
				}
			})
			token := d.login(t, alice).AccessToken
			if n, _ := d.spend(t, "/me", token, ""); n != 2 {
				t.Errorf("%d were let in, want 2", n)
			}
			for range 1000 { // which count for nothing
				d.call(t, "/me", token, "")
			}
			tier, seats = "premium", 2
			if n, _ := d.spend(t, "/me", token, ""); n != 2 {
				t.Errorf("%d more were let in, want 2", n)
			}
			tier = "free"
			wantStatus(t, d.call(t, "/me", token, ""), http.StatusTooManyRequests)
		})
	})
}

// waits are the ways in which a client is told how long to wait.
var waits = map[string]func(http.Header) time.Duration{
	"as long as Retry-After says": func(h http.Header) time.Duration { return number(h.Get("Retry-After")) },
	"until X-RateLimit-Reset": func(h http.Header) time.Duration {
		return time.Until(time.Unix(0, 0).Add(number(h.Get("X-RateLimit-Reset"))))
	},
	"as long as t says": func(h http.Header) time.Duration {
		_, t, _ := strings.Cut(h.Get("RateLimit"), ";t=")
		return number(t)
	},
}

// limits by clock: whoever waits as long as they are told gets in.
func TestWhoeverWaitsGetsIn(t *testing.T) {
	t.Parallel()
	for name, wait := range waits {
		for _, offset := range []time.Duration{0, 1, 400 * time.Millisecond, 999999999} {
			t.Run(fmt.Sprintf("%s, begun %v into a second", name, offset), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					d := open(t)
					pass(offset)
					d.spend(t, "/search", "", "")
					pass(300 * time.Millisecond)
					w := d.call(t, "/search", "", "")
					wantStatus(t, w, http.StatusTooManyRequests)
					pass(wait(w.Header()))
					wantStatus(t, d.call(t, "/search", "", ""), http.StatusOK)
				})
			})
		}
	}
}

// number reads seconds.
func number(s string) time.Duration {
	d, err := time.ParseDuration(s + "s")
	if err != nil {
		return -1
	}
	return d
}

func TestLimitHeaders(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // at midnight UTC 2000-01-01
		d := open(t)
		token := d.login(t, bob).AccessToken
		pass(250 * time.Millisecond)
		d.call(t, "/me", token, "")
		pass(12 * time.Second)
		wantAnswer(t, d.call(t, "/me", token, ""), http.StatusOK, `Content-Type: text/plain; charset=utf-8
Ratelimit-Policy: "free";q=1500;w=3600
Ratelimit: "free";r=1498;t=3588
X-Ratelimit-Limit: 1500
X-Ratelimit-Remaining: 1498
X-Ratelimit-Reset: 946688401`, "hello u-bob")

		_, w := d.spend(t, "/me", token, "")
		wantAnswer(t, w, http.StatusTooManyRequests, `Cache-Control: no-store
Content-Type: application/problem+json
Pragma: no-cache
Ratelimit-Policy: "free";q=1500;w=3600
Ratelimit: "free";r=0;t=3588
Retry-After: 3588
X-Content-Type-Options: nosniff
X-Ratelimit-Limit: 1500
X-Ratelimit-Remaining: 0
X-Ratelimit-Reset: 946688401`,
			`{"type":"https://iana.org/assignments/http-problem-types#quota-exceeded","title":"Quota exceeded","status":429,`+
				`"detail":"The limit of 1500 requests per hour of the plan free is reached","violated-policies":["free"],"retry_after":3588}`)
	})
}

func TestStackedLimitsSendOneValueOfEachHeader(t *testing.T) {
	t.Parallel()
	d := open(t)
	w := httptest.NewRecorder()
	d.Limit(d.Limit(http.HandlerFunc(d.hello))).ServeHTTP(w, request(t, "GET /"))
	for name, values := range w.Header() {
		if len(values) != 1 {
			t.Errorf("%s = %q", name, values)
		}
	}
	if w.Header().Get("X-RateLimit-Remaining") != "99" { // the same limit counts a request once
		t.Errorf("header = %v", w.Header())
	}
}

// stuck counters fail, or hang until they are told to stop.
type stuck struct{ hang bool }

func (b stuck) Take(ctx context.Context, _ []middleware.Charge, _ []middleware.Status) (middleware.Decision, error) {
	if b.hang {
		<-ctx.Done()
		return middleware.Decision{}, ctx.Err()
	}
	return middleware.Decision{}, errors.New("the counters' own words")
}

func (b stuck) Peek(ctx context.Context, c []middleware.Charge, _ []middleware.Status) (middleware.Decision, error) {
	return b.Take(ctx, c, nil)
}
func (stuck) Reset(context.Context, []middleware.Charge) error  { return nil }
func (stuck) Refund(context.Context, []middleware.Charge) error { return nil }
func (stuck) Check(p middleware.Policy) error                   { return p.Check() }
func (stuck) Close() error                                      { return nil }

// silly counters answer for no charge at all.
type silly struct{ stuck }

func (silly) Take(context.Context, []middleware.Charge, []middleware.Status) (middleware.Decision, error) {
	return middleware.Decision{Allowed: true}, nil
}

func TestCountersThatFail(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		counters middleware.Counters
		policy   middleware.FailurePolicy
		status   int
	}{
		{"refuse everybody with 503", stuck{}, middleware.FailClosed, http.StatusServiceUnavailable},
		{"let everybody in where the host wants it", stuck{}, middleware.FailOpen, http.StatusOK},
		{"hang, and are given up in time", stuck{hang: true}, middleware.FailClosed, http.StatusServiceUnavailable},
		{"hang, and are given up in time, open", stuck{hang: true}, middleware.FailOpen, http.StatusOK},
		{"answer nonsense, and are not believed", silly{}, middleware.FailClosed, http.StatusServiceUnavailable},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				d := open(t, func(c *config) {
					c.door.Counters, c.door.OnCounterFailure, c.door.CounterTimeout = test.counters, test.policy, 50*time.Millisecond
				})
				began := time.Now()
				w := d.call(t, "/search", "", "")
				wantStatus(t, w, test.status)
				if took := time.Since(began); took > 50*time.Millisecond {
					t.Errorf("it took %v", took)
				}
				if test.status == http.StatusServiceUnavailable && w.Header().Get("Retry-After") == "" {
					t.Error("no Retry-After")
				}
				for name := range w.Header() { // they would be lies
					if strings.Contains(name, "Ratelimit") {
						t.Errorf("%s is set", name)
					}
				}
				if strings.Contains(w.Body.String(), "own words") {
					t.Errorf("body = %s", w.Body)
				}
				d.journal.wantKinds(t, tokens.EventCounterFailure)
			})
		})
	}
}

func TestCallersWithoutATier(t *testing.T) {
	t.Parallel()
	t.Run("a user whose tier is not there is refused with 500, and the host is told", func(t *testing.T) {
		t.Parallel()
		for _, tier := range []string{"", "gold", "anonymous"} {
			d := open(t)
			u := alice
			u.Tier = tier
			if err := d.store.memory.SetUser(t.Context(), u); err != nil {
				t.Fatal(err)
			}
			token := d.login(t, alice).AccessToken
			d.journal.take()
			wantStatus(t, d.call(t, "/me", token, ""), http.StatusInternalServerError)
			d.journal.wantKinds(t, tokens.EventFault)
		}
	})
	t.Run("a stranger is told to log in where there is no tier for them", func(t *testing.T) {
		t.Parallel()
		d := open(t, func(c *config) { c.door.Tiers = middleware.Tiers{"free": {Limit: 1, Period: time.Hour}} })
		wantStatus(t, d.call(t, "/search", "", ""), http.StatusUnauthorized)
	})
	t.Run("a caller whose address cannot be told is refused, shares no limit, and is told of", func(t *testing.T) {
		t.Parallel()
		for _, address := range []string{"@", "nowhere", "192.0.2.1:port"} {
			d := open(t)
			wantStatus(t, d.call(t, "/search", "", address), http.StatusBadRequest)
			d.journal.wantKinds(t, tokens.EventFault)
		}
	})
	t.Run("a TierOf that fails is a failure of the counters", func(t *testing.T) {
		t.Parallel()
		d := open(t, func(c *config) {
			c.door.TierOf = func(context.Context, tokens.Principal) (string, int, error) { return "", 0, io.ErrUnexpectedEOF }
		})
		wantStatus(t, d.call(t, "/me", d.login(t, alice).AccessToken, ""), http.StatusServiceUnavailable)
	})
	t.Run("a tier of none refuses everybody", func(t *testing.T) {
		t.Parallel()
		d := open(t, func(c *config) { c.door.Tiers = middleware.Tiers{"anonymous": {Period: time.Hour}} })
		wantStatus(t, d.call(t, "/search", "", ""), http.StatusTooManyRequests)
	})
	t.Run("seats that overflow are no way around the limit", func(t *testing.T) {
		t.Parallel()
		d := open(t, func(c *config) {
			c.door.Tiers = middleware.Tiers{"free": {Limit: 1 << 40, Period: time.Hour, PerSeat: true}}
		})
		u := alice
		u.Seats = 1 << 40
		if err := d.store.memory.SetUser(t.Context(), u); err != nil {
			t.Fatal(err)
		}
		w := d.call(t, "/me", d.login(t, alice).AccessToken, "")
		if w.Code != http.StatusOK || w.Header().Get("X-RateLimit-Limit") != "999999999999999" {
			t.Errorf("%d %v", w.Code, w.Header())
		}
	})
}

func hour(key string, limit, cost int64) middleware.Charge {
	return middleware.Charge{Key: key, Policy: middleware.Policy{Name: "p", Limit: limit, Window: time.Hour}, Cost: cost}
}

func TestMemoryCounters(t *testing.T) {
	t.Parallel()
	take := func(t *testing.T, c middleware.Counters, want bool, charges ...middleware.Charge) middleware.Decision {
		t.Helper()
		d, err := c.Take(t.Context(), charges, nil)
		if err != nil || d.Allowed != want || len(d.Status) != len(charges) {
			t.Fatalf("Take = %+v, %v, want %v", d, err, want)
		}
		return d
	}

	t.Run("a charge over the limit spends nothing, and smaller ones still fit", func(t *testing.T) {
		t.Parallel()
		c := middleware.Memory()
		take(t, c, true, hour("a", 100, 95))
		take(t, c, false, hour("a", 100, 10))
		for range 5 {
			take(t, c, true, hour("a", 100, 1))
		}
		take(t, c, false, hour("a", 100, 1))
	})

	t.Run("of several charges all are made or none", func(t *testing.T) {
		t.Parallel()
		c := middleware.Memory()
		for range 10 {
			d := take(t, c, false, hour("wide", 100, 1), hour("shut", 0, 1), hour("behind", 100, 1))
			if !d.Status[0].Allowed || d.Status[1].Allowed || !d.Status[2].Allowed || d.Status[0].Remaining != 100 {
				t.Errorf("status = %+v", d.Status)
			}
		}
		take(t, c, true, hour("wide", 100, 100), hour("behind", 100, 100))
	})

	t.Run("a charge that is taken back never leaves credit", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			c := middleware.Memory()
			for range 50 {
				take(t, c, false, hour("a", 10, 11))
				pass(3 * time.Minute)
			}
			pass(2 * time.Hour)
			take(t, c, true, hour("a", 10, 10))
			take(t, c, false, hour("a", 10, 1))
		})
	})

	t.Run("a look writes nothing", func(t *testing.T) {
		t.Parallel()
		c := middleware.Memory()
		for range 100 {
			d, err := c.Peek(t.Context(), []middleware.Charge{hour("a", 1, 1)}, nil)
			if err != nil || !d.Allowed || d.Status[0].Remaining != 1 {
				t.Fatalf("Peek = %+v, %v", d, err)
			}
		}
		take(t, c, true, hour("a", 1, 1))
		if d, err := c.Peek(t.Context(), []middleware.Charge{hour("a", 1, 1)}, nil); err != nil || d.Allowed || d.Status[0].RetryAfter <= 0 {
			t.Errorf("Peek = %+v, %v", d, err)
		}
	})

	t.Run("a reset forgets", func(t *testing.T) {
		t.Parallel()
		c := middleware.Memory()
		take(t, c, true, hour("a", 1, 1))
		if err := c.Reset(t.Context(), []middleware.Charge{hour("a", 1, 1)}); err != nil {
			t.Fatal(err)
		}
		take(t, c, true, hour("a", 1, 1))
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})

	t.Run("a charge that makes no sense is an error", func(t *testing.T) {
		t.Parallel()
		c := middleware.Memory()
		for _, bad := range []middleware.Charge{
			hour("", 1, 1), hour("a", 1, 0), hour("a", 1, -1), hour("a", 1, 1<<40),
			{Key: "a", Policy: middleware.Policy{Limit: 1, Window: time.Millisecond}, Cost: 1},
			{Key: "a", Policy: middleware.Policy{Limit: 1, Window: 1500 * time.Millisecond}, Cost: 1},
		} {
			if _, err := c.Take(t.Context(), []middleware.Charge{hour("b", 1, 1), bad}, nil); err == nil {
				t.Errorf("Take(%+v): no error", bad)
			}
			if _, err := c.Peek(t.Context(), []middleware.Charge{bad}, nil); err == nil {
				t.Errorf("Peek(%+v): no error", bad)
			}
		}
		take(t, c, true, hour("b", 1, 1)) // which was taken back each time
	})

	t.Run("64 callers at once get exactly the limit, while expired counters are swept", func(t *testing.T) {
		t.Parallel()
		c := middleware.Memory()
		var let atomic.Int64
		var wg sync.WaitGroup
		for range 64 {
			wg.Go(func() {
				for range 100 {
					if d, err := c.Take(t.Context(), []middleware.Charge{hour("hot", 1000, 1)}, nil); err == nil && d.Allowed {
						let.Add(1)
					}
				}
			})
		}
		wg.Wait()
		if let.Load() != 1000 {
			t.Errorf("%d were let in, want 1000", let.Load())
		}
	})

	t.Run("a counter that a request revives is not swept away", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			c := middleware.Memory()
			second := func(key string) middleware.Charge {
				return middleware.Charge{Key: key, Policy: middleware.Policy{Limit: 1 << 20, Window: time.Second}, Cost: 1}
			}
			for range 100 { // minutes, each with a sweep by one of the callers
				pass(time.Minute)
				var wg sync.WaitGroup
				for range 8 {
					wg.Go(func() {
						if _, err := c.Take(t.Context(), []middleware.Charge{second("revived")}, nil); err != nil {
							t.Error(err)
						}
					})
				}
				wg.Wait()
				d, err := c.Peek(t.Context(), []middleware.Charge{second("revived")}, nil)
				if err != nil || d.Status[0].Remaining != 1<<20-8 {
					t.Fatalf("8 were counted as %d, %v", 1<<20-d.Status[0].Remaining, err)
				}
			}
		})
	})
}

// failing is a ulule store that fails at its n-th call.
type failing struct {
	limiter.Store

	n int
}

func (f *failing) step() error {
	f.n--
	if f.n == 0 {
		return io.ErrUnexpectedEOF
	}
	return nil
}

func (f *failing) Increment(_ context.Context, _ string, count int64, r limiter.Rate) (limiter.Context, error) {
	return limiter.Context{Limit: r.Limit, Reset: time.Now().Add(r.Period).Unix(), Reached: count > r.Limit}, f.step()
}

func (f *failing) Peek(_ context.Context, _ string, r limiter.Rate) (limiter.Context, error) {
	return limiter.Context{Limit: r.Limit, Remaining: r.Limit, Reset: time.Now().Add(r.Period).Unix()}, f.step()
}

func (f *failing) Reset(context.Context, string, limiter.Rate) (limiter.Context, error) {
	return limiter.Context{}, f.step()
}

func TestALimiterStoreThatFailsIsNoDecision(t *testing.T) {
	t.Parallel()
	charges := []middleware.Charge{hour("a", 5, 1), hour("b", 0, 1)}
	for n := 1; n <= 6; n++ {
		d, err := middleware.FromLimiter(&failing{n: n}).Take(t.Context(), charges, nil)
		// two increments, two refunds, two looks
		if !errors.Is(err, io.ErrUnexpectedEOF) || d.Allowed {
			t.Errorf("call %d: %+v, %v", n, d, err)
		}
	}
	if d, err := middleware.FromLimiter(&failing{n: 99}).Take(t.Context(), charges, nil); err != nil || d.Allowed || d.Status[1].Allowed || d.Status[1].RetryAfter <= 0 {
		t.Errorf("refused: %+v, %v", d, err)
	}
	if _, err := middleware.FromLimiter(&failing{n: 1}).Peek(t.Context(), charges, nil); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("Peek: %v", err)
	}
	if err := middleware.FromLimiter(&failing{n: 2}).Reset(t.Context(), charges); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("Reset: %v", err)
	}
}
