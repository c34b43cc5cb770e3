package middleware_test

import (
	"net/http"
	"net/netip"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/tokens"
)

// once lets one request an hour in, of anybody.
func once(c *config) {
	c.auth.Tiers = ratelimit.Tiers{"anonymous": {Limit: 1, Period: time.Hour}, "free": {Limit: 1, Period: time.Hour}}
}

// F1 and F2: whose address is whose.
func TestF1OneNetworkHasOneCounter(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		name, first, second string
		status              int
	}{
		{"two addresses of a /64 share", "[2001:db8::1]:1", "[2001:db8::ffff:1]:1", http.StatusTooManyRequests},
		{"two /64 do not", "[2001:db8::1]:1", "[2001:db8:0:1::1]:1", http.StatusOK},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			d := open(t, once)
			wantStatus(t, d.call(t, "/search", "", x.first), http.StatusOK)
			wantStatus(t, d.call(t, "/search", "", x.second), x.status)
		})
	}
}

func TestF2AnAddressInAnotherFormIsTheSame(t *testing.T) {
	t.Parallel()
	t.Run("IPv4 in IPv6", func(t *testing.T) {
		t.Parallel()
		d := open(t, once)
		wantStatus(t, d.call(t, "/search", "", "203.0.113.7:1"), http.StatusOK)
		wantStatus(t, d.call(t, "/search", "", "[::ffff:203.0.113.7]:1"), http.StatusTooManyRequests)
	})
	t.Run("what is no address shares no counter: it is refused, each time alike", func(t *testing.T) {
		t.Parallel()
		d := open(t, once)
		for _, peer := range []string{"@", "nowhere", "nowhere:1"} {
			for range 2 {
				wantStatus(t, d.call(t, "/search", "", peer), http.StatusBadRequest)
			}
		}
	})
}

func TestF5NoTwoPoliciesShareACounter(t *testing.T) {
	t.Parallel()
	t.Run("a login spends nothing of the API's limit, nor a call of the login's", func(t *testing.T) {
		t.Parallel()
		d := open(t, once)
		const peer = "192.0.2.1:1234" // httptest's
		wantStatus(t, d.ask(t, "POST /login\n"+form+"\n\nusername=alice&password=wrong"), http.StatusBadRequest)
		wantStatus(t, d.call(t, "/search", "", peer), http.StatusOK)
		wantStatus(t, d.call(t, "/search", "", peer), http.StatusTooManyRequests)
		wantStatus(t, d.ask(t, "POST /login\n"+form+"\n\n"+goodForm), http.StatusOK)
	})
	t.Run("an account and a user in it cannot be spelt as others", func(t *testing.T) {
		t.Parallel()
		d := open(t, once)
		for _, p := range []tokens.Principal{{Account: "a", Subject: "b:c"}, {Account: "a:b", Subject: "c"}, {Subject: "a"}, {Account: "a/b", Subject: "c"}} {
			p.Tier, p.Seats = "free", 1
			r := request(t, "GET /limited\n\n")
			wantStatus(t, d.send(r.WithContext(tokens.WithPrincipal(r.Context(), p))), http.StatusOK)
		}
	})
}

func TestF6AForgedTokenCountsForItsAddress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := open(t, once)
		genuine := d.login(t, alice).AccessToken
		for _, token := range []tokens.Secret{genuine[:len(genuine)-4] + "AAAA", tokens.Secret(d.expired(t))} {
			wantStatus(t, d.call(t, "/me", token, ""), http.StatusUnauthorized)
			wantStatus(t, d.call(t, "/search", token, ""), http.StatusUnauthorized)
		}
		q, err := d.Inspect(t.Context(), middleware.CallerOf(tokens.Principal{Subject: alice.ID, Account: alice.Account, Tier: "free", Seats: 1}))
		if err != nil || q.Usage[0].Remaining != 1 {
			t.Errorf("of the account is left %+v, %v", q, err)
		}
		wantStatus(t, d.call(t, "/me", genuine, ""), http.StatusOK)
	})
}

func TestF17ARefundIsNoCredit(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []ratelimit.Algorithm{ratelimit.FixedWindow, ratelimit.GCRA, ratelimit.Rolling} {
		synctest.Test(t, func(t *testing.T) {
			c := ratelimit.Memory()
			charge := ratelimit.Charge{Key: "a", Policy: ratelimit.Policy{Name: "p", Limit: 10, Window: time.Hour, Algorithm: algorithm}, Cost: 3}
			take := func() ratelimit.Status {
				d, err := c.Take(t.Context(), []ratelimit.Charge{charge}, nil)
				if err != nil {
					t.Fatal(err)
				}
				return d.Status[0]
			}
			refund := func(times int) {
				for range times {
					if err := c.Refund(t.Context(), []ratelimit.Charge{charge}); err != nil {
						t.Fatal(err)
					}
				}
			}
			first := take()
			before := take()
			pass(10 * time.Second)
			refund(1)
			after := take()
			if after.Remaining > before.Remaining+1 { // a bucket has leaked a little
				t.Errorf("%v: %d are left, want %d at most", algorithm, after.Remaining, before.Remaining)
			}
			if algorithm == ratelimit.FixedWindow && after.ResetAfter != before.ResetAfter-10*time.Second {
				t.Errorf("the window ends in %v, and ended in %v", after.ResetAfter, before.ResetAfter)
			}
			refund(5) // a counter that has nothing is as if it had never been
			if after := take(); after.Remaining != first.Remaining || after.ResetAfter != first.ResetAfter && algorithm != ratelimit.Rolling {
				t.Errorf("%v: the counter is %+v, and was %+v at first", algorithm, after, first)
			}
		})
	}
}

//nolint:paralleltest // it counts the goroutines of the process
func TestF34CountersStartNoGoroutine(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 20 {
		c := ratelimit.Memory()
		for i := range 100 {
			address := netip.AddrFrom4([4]byte{203, 0, 113, byte(i)})
			if _, err := c.Take(t.Context(), []ratelimit.Charge{{
				Key: address.String(), Policy: ratelimit.Policy{Name: "p", Limit: 1, Window: time.Second}, Cost: 1,
			}}, nil); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if after := runtime.NumGoroutine(); after > before {
		t.Errorf("there are %d goroutines, and were %d", after, before)
	}
}
