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
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
)

// spend calls a route as often as it lets the caller, and returns how often that
// was and the first refusal.
func (d *harness) spend(tb testing.TB, path string, token tokens.Secret, address string) (int64, *httptest.ResponseRecorder) {
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
		c.auth.Tiers = ratelimit.Tiers{"anonymous": {Limit: 2, Period: time.Hour}, "free": {Limit: 2, Period: time.Hour}}
	}
	anonymous := func(address string) func(*testing.T, *harness) (tokens.Secret, string) {
		return func(*testing.T, *harness) (tokens.Secret, string) { return "", address }
	}
	member := func(u store.User) func(*testing.T, *harness) (tokens.Secret, string) {
		return func(t *testing.T, d *harness) (tokens.Secret, string) {
			t.Helper()
			return d.login(t, u).AccessToken, ""
		}
	}
	for _, test := range []struct {
		name          string
		first, second func(*testing.T, *harness) (tokens.Secret, string)
		share         bool
	}{
		{"two users of one account share", member(alice), member(dave), true},
		{"two accounts do not", member(alice), member(bob), false},
		{"an account and an anonymous caller do not", member(alice), anonymous("192.0.2.1:9"), false},
		{"two ports of one address share", anonymous("192.0.2.7:1"), anonymous("192.0.2.7:2"), true},
		{"two IPv4 addresses do not", anonymous("192.0.2.7:1"), anonymous("192.0.2.8:1"), false},
		{"two IPv6 addresses of one /64 share", anonymous("[2001:db8::1]:1"), anonymous("[2001:db8::ffff:1]:1"), true},
		{"two /64 do not", anonymous("[2001:db8::1]:1"), anonymous("[2001:db8:0:1::1]:1"), false},
		{"an IPv4 address in IPv6 is the same address", anonymous("192.0.2.7:1"), anonymous("[::ffff:192.0.2.7]:1"), true},
		{"an address in two zones is the same address", anonymous("[fe80::1%eth0]:1"), anonymous("[fe80::1%eth1]:1"), true},
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
		d := open(t, func(c *config) { c.auth.Tiers = ratelimit.Tiers{"free": {Limit: 1, Period: time.Hour}} })
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

// D173, P40: only trusted proxies determine the client address.
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
	small := ratelimit.Tiers{"free": {Limit: 2, Period: time.Hour}, "premium": {Limit: 5, Period: time.Hour}}

	t.Run("shows at the next refresh, and keeps what was spent", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			d := open(t, func(c *config) { c.auth.Tiers = small })
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
				c.auth.Tiers = ratelimit.Tiers{"free": {Limit: 2, Period: time.Hour}, "premium": {Limit: 2, Period: time.Hour, PerSeat: true}}
				c.auth.TierOf = func(_ context.Context, p tokens.Principal) (string, int, error) {
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

// limits by clock: a caller that waits for Retry-After gets in.
func TestACallerThatWaitsGetsIn(t *testing.T) {
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

func (b stuck) Take(ctx context.Context, _ []ratelimit.Charge, _ []ratelimit.Status) (ratelimit.Decision, error) {
	if b.hang {
		<-ctx.Done()
		return ratelimit.Decision{}, ctx.Err()
	}
	return ratelimit.Decision{}, errors.New("the counters' own words")
}

func (b stuck) Peek(ctx context.Context, c []ratelimit.Charge, _ []ratelimit.Status) (ratelimit.Decision, error) {
	return b.Take(ctx, c, nil)
}
func (stuck) Reset(context.Context, []ratelimit.Charge) error  { return nil }
func (stuck) Refund(context.Context, []ratelimit.Charge) error { return nil }
func (stuck) Check(p ratelimit.Policy) error                   { return p.Check() }
func (stuck) Close() error                                     { return nil }

// silly counters answer for no charge at all.
type silly struct{ stuck }

func (silly) Take(context.Context, []ratelimit.Charge, []ratelimit.Status) (ratelimit.Decision, error) {
	return ratelimit.Decision{Allowed: true}, nil
}

func TestCountersThatFail(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		counters ratelimit.Counters
		policy   ratelimit.FailurePolicy
		status   int
	}{
		{"refuse everybody with 503", stuck{}, ratelimit.FailClosed, http.StatusServiceUnavailable},
		{"let everybody in where the host wants it", stuck{}, ratelimit.FailOpen, http.StatusOK},
		{"hang, and are given up in time", stuck{hang: true}, ratelimit.FailClosed, http.StatusServiceUnavailable},
		{"hang, and are given up in time, open", stuck{hang: true}, ratelimit.FailOpen, http.StatusOK},
		{"answer nonsense, and are not believed", silly{}, ratelimit.FailClosed, http.StatusServiceUnavailable},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				d := open(t, func(c *config) {
					c.auth.Counters, c.auth.OnCounterFailure, c.auth.CounterTimeout = test.counters, test.policy, 50*time.Millisecond
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
				d.journal.WantKinds(t, events.CounterFailure)
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
			d.journal.Take()
			wantStatus(t, d.call(t, "/me", token, ""), http.StatusInternalServerError)
			d.journal.WantKinds(t, events.Fault)
		}
	})
	t.Run("an anonymous caller gets 401 if there is no anonymous tier", func(t *testing.T) {
		t.Parallel()
		d := open(t, func(c *config) { c.auth.Tiers = ratelimit.Tiers{"free": {Limit: 1, Period: time.Hour}} })
		wantStatus(t, d.call(t, "/search", "", ""), http.StatusUnauthorized)
	})
	t.Run("a caller whose address cannot be told is refused, shares no limit, and is told of", func(t *testing.T) {
		t.Parallel()
		for _, address := range []string{"@", "nowhere", "192.0.2.1:port"} {
			d := open(t)
			wantStatus(t, d.call(t, "/search", "", address), http.StatusBadRequest)
			d.journal.WantKinds(t, events.Fault)
		}
	})
	t.Run("a TierOf that fails is a failure of the counters", func(t *testing.T) {
		t.Parallel()
		d := open(t, func(c *config) {
			c.auth.TierOf = func(context.Context, tokens.Principal) (string, int, error) { return "", 0, io.ErrUnexpectedEOF }
		})
		wantStatus(t, d.call(t, "/me", d.login(t, alice).AccessToken, ""), http.StatusServiceUnavailable)
	})
	t.Run("a tier of none refuses everybody", func(t *testing.T) {
		t.Parallel()
		d := open(t, func(c *config) { c.auth.Tiers = ratelimit.Tiers{"anonymous": {Period: time.Hour}} })
		wantStatus(t, d.call(t, "/search", "", ""), http.StatusTooManyRequests)
	})
	t.Run("seats that overflow are no way around the limit", func(t *testing.T) {
		t.Parallel()
		d := open(t, func(c *config) {
			c.auth.Tiers = ratelimit.Tiers{"free": {Limit: 1 << 40, Period: time.Hour, PerSeat: true}}
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
