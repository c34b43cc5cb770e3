package middleware_test

import (
	"context"
	"math"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
)

// patient counters answer as those of a network do: not to a context that is
// done.
type patient struct{ ratelimit.Counters }

func (p patient) Take(ctx context.Context, charges []ratelimit.Charge, dst []ratelimit.Status) (ratelimit.Decision, error) {
	if err := ctx.Err(); err != nil {
		return ratelimit.Decision{}, err
	}
	return p.Counters.Take(ctx, charges, dst)
}

func one(c *config) {
	c.auth.Tiers = ratelimit.Tiers{"anonymous": {Limit: 1, Period: time.Hour}, "free": {Limit: 1, Period: time.Hour}}
}

func TestLimit(t *testing.T) {
	t.Parallel()
	t.Run("who hangs up is counted all the same, whatever the policy", func(t *testing.T) {
		t.Parallel()
		for _, policy := range []ratelimit.FailurePolicy{ratelimit.FailOpen, ratelimit.FailClosed} {
			d := open(t, one, func(c *config) {
				c.auth.Counters, c.auth.OnCounterFailure = patient{ratelimit.Memory()}, policy
			})
			ctx, hangUp := context.WithCancel(t.Context())
			hangUp()
			wantStatus(t, d.send(httptest.NewRequestWithContext(ctx, http.MethodGet, "/limited", http.NoBody)), http.StatusOK)
			wantStatus(t, d.send(httptest.NewRequestWithContext(ctx, http.MethodGet, "/limited", http.NoBody)), http.StatusTooManyRequests)
			d.journal.WantKinds(t, events.Limited)
		}
	})
	t.Run("a refusal is an event that says whose limit it was, and never more than one", func(t *testing.T) {
		t.Parallel()
		d := open(t, one)
		p := d.loginAs(t, alice, "app")
		d.call(t, "/me", p.AccessToken, "198.51.100.7:1")
		d.call(t, "/limited", "", "[2001:db8::7]:1")
		d.journal.Take()
		d.call(t, "/me", p.AccessToken, "198.51.100.7:1")
		d.call(t, "/limited", "", "[2001:db8::7]:1")
		told := d.journal.WantKinds(t, events.Limited, events.Limited)
		if e := told[0]; e.Policy != "free" || e.UserID != alice.ID || e.Account != alice.Account || e.ClientID != "app" ||
			e.SessionID != p.Principal.SessionID || e.Address.String() != "198.51.100.7" || e.At.IsZero() {
			t.Errorf("event = %+v", e)
		}
		if e := told[1]; e.Policy != "anonymous" || e.UserID != "" || e.Account != "" || e.Address.String() != "2001:db8::7" {
			t.Errorf("event = %+v", e)
		}
	})
	t.Run("a TierOf that refuses is believed, and is no failure of the counters", func(t *testing.T) {
		t.Parallel()
		d := open(t, func(c *config) {
			c.auth.TierOf = func(context.Context, tokens.Principal) (string, int, error) {
				return "", 0, &wire.Error{Reason: wire.ReasonForbidden, Description: "The account is suspended"}
			}
		})
		token := d.login(t, alice).AccessToken
		d.journal.Take()
		w := d.call(t, "/me", token, "")
		wantAnswer(t, w, http.StatusForbidden,
			oauth2Problem+"\nWww-Authenticate: Bearer realm=\"api\", error=\"insufficient_scope\", error_description=\"The account is suspended\"",
			`{"type":"about:blank","title":"Forbidden","status":403,"detail":"The account is suspended"}`)
		d.journal.WantKinds(t, events.AccessRefused)
	})
	t.Run("fewer seats than one are one, from the token and from TierOf", func(t *testing.T) {
		t.Parallel()
		for _, seats := range []int{1, 0, -1, math.MinInt} {
			d := open(t, func(c *config) {
				c.auth.TierOf = func(context.Context, tokens.Principal) (string, int, error) { return "free", seats, nil }
			})
			w := d.call(t, "/me", d.login(t, bob).AccessToken, "")
			if got := w.Header().Get("X-RateLimit-Limit"); got != "500" {
				t.Errorf("%d seats have %s", seats, got)
			}
		}
	})
	t.Run("TierOf may not make a principal anonymous", func(t *testing.T) {
		t.Parallel()
		d := open(t, func(c *config) {
			c.auth.TierOf = func(context.Context, tokens.Principal) (string, int, error) { return ratelimit.Anonymous, 1, nil }
		})
		token := d.login(t, alice).AccessToken
		d.journal.Take()
		wantStatus(t, d.call(t, "/me", token, ""), http.StatusInternalServerError)
		d.journal.WantKinds(t, events.Fault)
	})
	t.Run("a request is refused when ClientIP returns no address (P40)", func(t *testing.T) {
		t.Parallel()
		for _, err := range []error{nil, errDriver} {
			d := open(t, func(c *config) {
				c.auth.ClientIP = func(*http.Request) (netip.Addr, error) { return netip.Addr{}, err }
			})
			wantStatus(t, d.call(t, "/limited", "", ""), http.StatusBadRequest)
			d.journal.WantKinds(t, events.Fault)
		}
	})
	t.Run("a forged token is counted for no account", func(t *testing.T) {
		t.Parallel()
		d := open(t, one)
		token := d.login(t, alice).AccessToken
		for range 10 {
			wantStatus(t, d.call(t, "/me", token+"x", ""), http.StatusUnauthorized)
		}
		wantStatus(t, d.call(t, "/me", token, ""), http.StatusOK)
		wantStatus(t, d.call(t, "/limited", "", ""), http.StatusOK)
	})
	t.Run("64 concurrent callers get exactly the limit, through all handlers", func(t *testing.T) {
		t.Parallel()
		d := open(t, func(c *config) { c.auth.Tiers = ratelimit.Tiers{"free": {Limit: 1000, Period: time.Hour}} })
		token := d.login(t, alice).AccessToken
		var let, refused atomic.Int64
		var all sync.WaitGroup
		for range 64 {
			all.Go(func() {
				for range 25 {
					switch d.call(t, "/me", token, "").Code {
					case http.StatusOK:
						let.Add(1)
					case http.StatusTooManyRequests:
						refused.Add(1)
					}
				}
			})
		}
		all.Wait()
		if let.Load() != 1000 || refused.Load() != 600 {
			t.Errorf("%d were let in and %d refused, want 1000 and 600", let.Load(), refused.Load())
		}
	})
	t.Run("the numbers in the headers are those of RFC 9651, however large the limit", func(t *testing.T) {
		t.Parallel()
		d := open(t, func(c *config) {
			c.auth.Tiers = ratelimit.Tiers{"free": {Limit: 1 << 62, Period: 24 * time.Hour, PerSeat: true, Max: 1<<63 - 1}}
		})
		w := d.call(t, "/me", d.login(t, bob).AccessToken, "")
		if got := w.Header().Get("RateLimit-Policy") + " " + w.Header().Get("RateLimit"); got != `"free";q=999999999999999;w=86400 "free";r=999999999999998;t=86400` {
			t.Errorf("header = %s", got)
		}
	})
}

func TestQuotaHeader(t *testing.T) {
	t.Parallel()
	for period, want := range map[time.Duration]string{
		time.Second: "second", time.Minute: "minute", time.Hour: "hour", 24 * time.Hour: "day", 90 * time.Second: "1m30s",
	} {
		t.Run("a limit per "+want+" is said so", func(t *testing.T) {
			t.Parallel()
			d := open(t, func(c *config) { c.auth.Tiers = ratelimit.Tiers{"anonymous": {Period: period}} })
			_, err := d.CheckLimit(request(t, "GET /\n\n"))
			if e := wire.AsError(err); e.Description != "The limit of 0 requests per "+want+" of the plan anonymous is reached" {
				t.Errorf("%s", e.Description)
			}
		})
	}
	t.Run("nothing is left of a window that has ended", func(t *testing.T) {
		t.Parallel()
		h := http.Header{}
		ratelimit.Quota{At: time.Unix(10, 0), Usage: []ratelimit.Usage{
			{Policy: ratelimit.Policy{Name: "p", Limit: 3, Window: time.Minute}, Known: true, Remaining: 3},
		}}.SetHeader(h)
		if h.Get("RateLimit") != `"p";r=3;t=0` || h.Get("X-RateLimit-Reset") != "10" {
			t.Errorf("header = %v", h)
		}
	})
	t.Run("what is rounded is rounded up, and what stood there is replaced", func(t *testing.T) {
		t.Parallel()
		h := http.Header{"Ratelimit": {"a", "b"}, "X-Ratelimit-Reset": {"c"}}
		ratelimit.Quota{At: time.Unix(10, 600_000_000), Usage: []ratelimit.Usage{
			{Policy: ratelimit.Policy{Name: "p", Limit: 3, Window: time.Minute}, Known: true, Remaining: 2, ResetAfter: 1500 * time.Millisecond},
		}}.SetHeader(h)
		if got, want := lines(h), sorted("Ratelimit: \"p\";r=2;t=2\nRatelimit-Policy: \"p\";q=3;w=60\nX-Ratelimit-Limit: 3\nX-Ratelimit-Remaining: 2\nX-Ratelimit-Reset: 13"); got != want {
			t.Errorf("header =\n%s\nwant\n%s", got, want)
		}
	})
}

// Two answers of one pass do not share what is in their headers.
func TestTheHeadersOfAnAnswerAreItsOwn(t *testing.T) {
	t.Parallel()
	d := open(t, one)
	p, err := d.CheckLimit(request(t, "GET /\n\n"))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Done()
	first, second := http.Header{}, http.Header{}
	p.SetHeader(first)
	p.SetHeader(second)
	for name := range second {
		second[name] = append(second[name], "more")
		second[name][0] = "changed"
	}
	p.SetHeader(http.Header{})
	if got := first["X-Ratelimit-Limit"]; len(got) != 1 || got[0] != "1" || len(first) < 5 {
		t.Errorf("the first answer's headers are %v", first)
	}
}
