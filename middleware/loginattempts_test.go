package middleware_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
)

// try logs in from an address.
func (d *harness) try(tb testing.TB, login, password, from string) *httptest.ResponseRecorder {
	tb.Helper()
	r := request(tb, "POST /login\n"+form+"\n\nusername="+url.QueryEscape(login)+"&password="+url.QueryEscape(password))
	r.RemoteAddr = netip.AddrPortFrom(netip.MustParseAddr(from), 4711).String()
	return d.send(r)
}

// fail sends wrong passwords until it gets 429, and returns how many were checked.
func (d *harness) fail(tb testing.TB, login, from string) int {
	tb.Helper()
	for n := range 1000 {
		switch w := d.try(tb, login, "wrong", from); w.Code {
		case http.StatusBadRequest:
		case http.StatusTooManyRequests:
			return n
		default:
			tb.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	tb.Fatal("1000 failed attempts got no 429")
	return 0
}

// checked returns how many passwords the store has checked since the last call.
func (d *harness) checked() int {
	n := 0
	for _, call := range d.store.take() {
		if call == "Authenticate" {
			n++
		}
	}
	return n
}

// address is one of 16 million.
func address(i int) string {
	return netip.AddrFrom4([4]byte{77, byte(i >> 16), byte(i >> 8), byte(i)}).String()
}

const home = "203.0.113.7" // where alice signs in from

func TestBruteForce(t *testing.T) {
	t.Parallel()
	t.Run("of 100 000 failed attempts at one login from 1 000 addresses at most 100 are checked, and the user can log in from a known address (164, 167)", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		wantStatus(t, d.try(t, "alice", password, home), http.StatusOK)
		d.checked()
		var workers sync.WaitGroup
		for g := range 8 {
			workers.Go(func() {
				for i := g; i < floods(100_000); i += 8 {
					if w := d.try(t, "alice", "wrong", address(i%1000)); w.Code != http.StatusBadRequest && w.Code != http.StatusTooManyRequests {
						t.Errorf("%d %s", w.Code, w.Body)
						return
					}
				}
			})
		}
		workers.Wait()
		if n := d.checked(); n > 100 || n < 10 {
			t.Errorf("%d passwords were checked", n)
		}
		wantStatus(t, d.try(t, "alice", password, address(1)), http.StatusTooManyRequests)
		wantStatus(t, d.try(t, "alice", password, home), http.StatusOK)
		wantStatus(t, d.try(t, "bob", password, "198.51.100.9"), http.StatusOK)
	})
	t.Run("of one failed attempt at each of 10 000 logins from one address at most 100 are checked", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		wantStatus(t, d.try(t, "alice", password, home), http.StatusOK)
		d.checked()
		for i := range floods(10_000) {
			d.try(t, fmt.Sprint("user", i), "wrong", home)
		}
		if n := d.checked(); n > 100 || n < 10 {
			t.Errorf("%d passwords were checked", n)
		}
		wantStatus(t, d.try(t, "bob", password, home), http.StatusTooManyRequests)
		wantStatus(t, d.try(t, "alice", password, home), http.StatusOK) // after failed attempts of others at her address
		wantStatus(t, d.try(t, "bob", password, address(1)), http.StatusOK)
	})
	t.Run("of one failed attempt each minute, each from another address, at most 100 are checked in a day", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			d := open(t)
			for i := range 24 * 60 {
				d.try(t, "alice", "wrong", address(i))
				pass(time.Minute)
			}
			if n := d.checked(); n > 100 || n < 10 {
				t.Errorf("%d passwords were checked", n)
			}
		})
	})
	t.Run("concurrent attempts do not exceed the budget (P17)", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		var workers sync.WaitGroup
		for range 200 {
			workers.Go(func() { d.try(t, "alice", "wrong", home) })
		}
		workers.Wait()
		if n := d.checked(); n != 20 {
			t.Errorf("%d passwords were checked, want 20", n)
		}
	})
	t.Run("all spellings of one login are counted together", func(t *testing.T) {
		t.Parallel()
		d := open(t, func(c *config) { c.auth.BruteForce.Login = middleware.Budget{Burst: 4, Every: time.Minute} })
		for i, login := range []string{"alice", "ALICE", " Alice ", "alıce", "aliCe"} {
			want := http.StatusBadRequest
			if i == 4 {
				want = http.StatusTooManyRequests
			}
			wantStatus(t, d.try(t, login, "wrong", address(i)), want)
		}
	})
	t.Run("SameLogin decides which logins are counted together", func(t *testing.T) {
		t.Parallel()
		d := open(t, func(c *config) {
			c.auth.BruteForce.Login = middleware.Budget{Burst: 1, Every: time.Minute}
			c.auth.BruteForce.SameLogin = func(login string) string { name, _, _ := strings.Cut(login, "+"); return name }
		})
		wantStatus(t, d.try(t, "alice+1", "wrong", address(1)), http.StatusBadRequest)
		wantStatus(t, d.try(t, "alice+2", "wrong", address(2)), http.StatusTooManyRequests)
		wantStatus(t, d.try(t, "Alice", "wrong", address(3)), http.StatusBadRequest)
	})
	t.Run("both wire formats and both routes count together, apart from the tiers (F5)", func(t *testing.T) {
		t.Parallel()
		d := open(t, func(c *config) {
			c.auth.PasswordGrant = true
			c.auth.BruteForce.Pair = middleware.Budget{Burst: 2, Every: time.Minute}
			c.auth.Tiers = ratelimit.Tiers{"anonymous": {Limit: 1, Period: time.Hour}}
		})
		wantStatus(t, d.ask(t, "POST /login\n"+form+"\n\nusername=alice&password=x"), http.StatusBadRequest)
		wantStatus(t, d.ask(t, "POST /token\n"+form+"\n\ngrant_type=password&username=alice&password=x"), http.StatusBadRequest)
		wantStatus(t, d.ask(t, "POST /token\n"+form+"\n\ngrant_type=password&username=alice&password=x"), http.StatusTooManyRequests)
		wantStatus(t, d.ask(t, "POST /login\n"+form+"\n\nusername=alice&password=x"), http.StatusTooManyRequests)
		w := httptest.NewRecorder()
		d.WithDialect(wire.Lexik{}).Login(w, request(t, "POST /login\n"+form+"\n\n_username=alice&_password=x"))
		wantStatus(t, w, http.StatusTooManyRequests)
		wantStatus(t, d.ask(t, "GET /limited\n\n"), http.StatusOK)
	})
	t.Run("a client that sends each wrong password twice costs two, and no more (P21)", func(t *testing.T) {
		t.Parallel()
		d := open(t, func(c *config) { c.auth.PasswordGrant = true })
		body := "grant_type=password&username=alice&password=x"
		wantStatus(t, d.ask(t, "POST /token\n"+basic("app", "")+"\n"+form+"\n\n"+body), http.StatusBadRequest)
		wantStatus(t, d.ask(t, "POST /token\n"+form+"\n\n"+body+"&client_id=app"), http.StatusBadRequest)
		if n := d.fail(t, "alice", "192.0.2.1"); n != 18 {
			t.Errorf("18 of 20 were to be left, and there were %d", n)
		}
	})
	t.Run("counters with fixed windows only limit it as well", func(t *testing.T) {
		t.Parallel()
		d := open(t, func(c *config) { c.auth.Counters = ratelimit.UluleMemory() })
		wantStatus(t, d.try(t, "alice", password, home), http.StatusOK)
		d.checked()
		for i := range 2000 {
			d.try(t, "alice", "wrong", address(i%200))
		}
		if n := d.checked(); n > 100 || n < 10 {
			t.Errorf("%d passwords were checked", n)
		}
		wantStatus(t, d.try(t, "alice", password, home), http.StatusOK)
	})
	t.Run("InsecureUnlimited switches it off", func(t *testing.T) {
		t.Parallel()
		d := open(t, func(c *config) { c.auth.BruteForce.InsecureUnlimited = true })
		for range 200 {
			wantStatus(t, d.try(t, "alice", "wrong", home), http.StatusBadRequest)
		}
		wantStatus(t, d.ask(t, "POST /refresh\nrefresh-token: x\n\n"), http.StatusBadRequest)
		r := request(t, "POST /login\n"+form+"\n\n"+goodForm)
		r.RemoteAddr = "@"
		wantStatus(t, d.send(r), http.StatusOK)
	})
}

// P16, 168: the 429 of an existing login is equal to that of an unknown one, byte by byte.
func TestARefusedLoginDoesNotRevealTheUser(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		dialect wire.Dialect
		body    string
		header  string
		answer  string
		wrong   int // the status before
	}{
		"OAuth2": {
			wire.OAuth2{}, "username=%s&password=%s",
			"Cache-Control: no-store\nContent-Type: application/problem+json\nPragma: no-cache\nRetry-After: 180\nX-Content-Type-Options: nosniff",
			`{"type":"about:blank","title":"Too Many Requests","status":429,"detail":"Too many failed attempts"}`,
			http.StatusBadRequest,
		},
		"Lexik": {
			wire.Lexik{}, "_username=%s&_password=%s",
			"Cache-Control: no-store\nContent-Type: application/json\nRetry-After: 180\nX-Content-Type-Options: nosniff",
			`{"code":429,"message":"Too many failed login attempts, please try again in 3 minutes."}`,
			http.StatusUnauthorized,
		},
		"FastAPI": {
			wire.FastAPI{}, "username=%s&password=%s",
			"Cache-Control: no-store\nContent-Type: application/json\nRetry-After: 180\nX-Content-Type-Options: nosniff",
			`{"detail":"Too Many Requests"}`,
			http.StatusBadRequest,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				d := open(t, speaking(x.dialect), func(c *config) { c.auth.BruteForce.Pair = middleware.Budget{Burst: 1, Every: 3 * time.Minute} })
				for _, login := range []string{"alice", "unknown"} {
					wantStatus(t, d.ask(t, "POST /login\n"+form+"\n\n"+fmt.Sprintf(x.body, login, "wrong")), x.wrong)
					d.checked()
					for _, word := range []string{"wrong", url.QueryEscape(password)} {
						w := d.ask(t, "POST /login\n"+form+"\n\n"+fmt.Sprintf(x.body, login, word))
						wantAnswer(t, w, http.StatusTooManyRequests, x.header, x.answer)
					}
					if calls := d.store.take(); len(calls) > 0 {
						t.Errorf("the store was asked %q", calls)
					}
				}
			})
		})
	}
}

func TestKnownAddresses(t *testing.T) {
	t.Parallel()
	t.Run("after Retry-After the next attempt is checked (170)", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			d := open(t)
			for round := range 3 {
				d.fail(t, "alice", home)
				w := d.try(t, "alice", password, home)
				wait, err := time.ParseDuration(w.Header().Get("Retry-After") + "s")
				if err != nil || wait < time.Second {
					t.Fatalf("Retry-After: %q", w.Header().Get("Retry-After"))
				}
				pass(wait)
				if round < 2 { // one more failed attempt
					wantStatus(t, d.try(t, "alice", "wrong", home), http.StatusBadRequest)
				}
			}
			wantStatus(t, d.try(t, "alice", password, home), http.StatusOK)
		})
	})
	t.Run("failed attempts from one address do not lock the user out at another (P17)", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		d.fail(t, "alice", address(1))
		wantStatus(t, d.try(t, "alice", password, home), http.StatusOK)
	})
	t.Run("a success lets the pair start afresh (166)", func(t *testing.T) {
		t.Parallel()
		d := open(t, func(c *config) { // the failures at one address and at one login go on counting
			c.auth.BruteForce.Address = middleware.Budget{Burst: 100, Every: time.Minute}
			c.auth.BruteForce.Login = middleware.Budget{Burst: 100, Every: time.Minute}
		})
		for range 19 {
			d.try(t, "alice", "wrong", home)
		}
		wantStatus(t, d.try(t, "alice", password, home), http.StatusOK)
		for range 3 {
			for range 19 {
				wantStatus(t, d.try(t, "alice", "wrong", home), http.StatusBadRequest)
			}
			wantStatus(t, d.try(t, "alice", password, home), http.StatusOK)
		}
	})
	t.Run("a successful login does not reset the budget of the address", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		for i := range 60 {
			wantStatus(t, d.try(t, fmt.Sprint("user", i), "wrong", home), http.StatusBadRequest)
			if i%10 == 0 && i < 60 {
				wantStatus(t, d.try(t, "bob", password, home), http.StatusOK)
			}
		}
		wantStatus(t, d.try(t, "carol", password, home), http.StatusTooManyRequests)
		wantStatus(t, d.try(t, "bob", password, home), http.StatusOK) // known here
	})
	t.Run("successes cost nothing but a place among the successes", func(t *testing.T) {
		t.Parallel()
		d := open(t, func(c *config) { c.auth.BruteForce.Success = middleware.Budget{Burst: 200, Every: time.Second} })
		for i := range 200 {
			wantStatus(t, d.try(t, "alice", password, home), http.StatusOK)
			wantStatus(t, d.try(t, "bob", password, address(i)), http.StatusOK)
		}
	})
	t.Run("a known address has no larger budget than an unknown one", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		wantStatus(t, d.try(t, "alice", password, home), http.StatusOK)
		if n := d.fail(t, "alice", home); n != 20 {
			t.Errorf("%d were looked at, want 20", n)
		}
		wantStatus(t, d.try(t, "alice", password, address(1)), http.StatusOK) // and it is not spent elsewhere
	})
	t.Run("many known addresses do not add up to more attempts, and one of them alone does not lock out the others", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		for i := range 50 {
			wantStatus(t, d.try(t, "alice", password, address(i)), http.StatusOK)
		}
		d.checked()
		d.fail(t, "alice", address(0))
		wantStatus(t, d.try(t, "alice", "wrong", address(1)), http.StatusBadRequest)
		for i := range 50 {
			d.fail(t, "alice", address(i))
		}
		for i := range 1000 {
			d.try(t, "alice", "wrong", address(100+i))
		}
		if n := d.checked(); n > 100 || n < 10 {
			t.Errorf("%d passwords were checked", n)
		}
	})
	t.Run("a customer's whole /64 is known, and counted as one (F1, F2)", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		wantStatus(t, d.try(t, "alice", password, "2001:db8::1"), http.StatusOK)
		for i := range 60 {
			d.try(t, "alice", "wrong", address(i))
		}
		wantStatus(t, d.try(t, "alice", password, "2001:db8::2"), http.StatusOK)
		wantStatus(t, d.try(t, "alice", password, "2001:db8:0:1::1"), http.StatusTooManyRequests)
		d.fail(t, "bob", "::ffff:192.0.2.1")
		wantStatus(t, d.try(t, "bob", "wrong", "192.0.2.1"), http.StatusTooManyRequests)
	})
	t.Run("an address known to one node is known to all that share its counters", func(t *testing.T) {
		t.Parallel()
		shared := ratelimit.Memory()
		sharing := func(c *config) { c.auth.Counters = shared }
		one, other := open(t, sharing), open(t, sharing)
		wantStatus(t, one.try(t, "alice", password, home), http.StatusOK)
		for i := range 60 {
			one.try(t, "alice", "wrong", address(i))
		}
		wantStatus(t, other.try(t, "alice", "wrong", address(99)), http.StatusTooManyRequests)
		wantStatus(t, other.try(t, "alice", password, home), http.StatusOK)
	})
	t.Run("an address is known for KnownFor, and longer if it is used", func(t *testing.T) {
		t.Parallel()
		const day = 24 * time.Hour
		for after, want := range map[time.Duration]int{
			0: http.StatusOK, 10*day - time.Second: http.StatusOK, 20*day + time.Second: http.StatusTooManyRequests,
		} {
			synctest.Test(t, func(t *testing.T) {
				d := open(t, func(c *config) { c.auth.BruteForce.KnownFor = 10 * day })
				wantStatus(t, d.try(t, "alice", password, home), http.StatusOK)
				for range 3 {
					pass(9 * day)
					wantStatus(t, d.try(t, "alice", password, home), http.StatusOK)
				}
				pass(after)
				for i := range 60 {
					d.try(t, "alice", "wrong", address(i))
				}
				w := d.try(t, "alice", password, home)
				if w.Code != want {
					t.Errorf("after %v: %d, want %d", after, w.Code, want)
				}
			})
		}
	})
	t.Run("an attempt that did not fail for its password costs nothing", func(t *testing.T) {
		t.Parallel()
		few := func(c *config) { c.auth.BruteForce.Pair = middleware.Budget{Burst: 2, Every: time.Hour} }
		for name, f := range map[string]func(*testing.T, *harness) int{
			"the store fails": func(t *testing.T, d *harness) int {
				d.store.fail(errDriver)
				defer d.store.fail(nil)
				return d.try(t, "alice", password, home).Code
			},
			"the scope is not granted": func(t *testing.T, d *harness) int {
				return d.send(request(t, "POST /login\n"+form+"\n\n"+goodForm+"&scope=nothing")).Code
			},
		} {
			d := open(t, few)
			for range 5 {
				if code := f(t, d); code != http.StatusServiceUnavailable && code != http.StatusBadRequest {
					t.Errorf("%s: %d", name, code)
				}
			}
			wantStatus(t, d.try(t, "alice", password, home), http.StatusOK)
			wantStatus(t, d.send(request(t, "POST /login\n"+form+"\n\n"+goodForm)), http.StatusOK)
		}
	})
	t.Run("a client that disconnects is charged", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		for range 20 {
			ctx, disconnect := context.WithCancel(t.Context())
			disconnect()
			d.send(request(t, "POST /login\n"+form+"\n\nusername=alice&password=x").WithContext(ctx))
		}
		wantStatus(t, d.try(t, "alice", password, "192.0.2.1"), http.StatusTooManyRequests)
	})
	t.Run("a client that disconnects while the store fails is not charged", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		d.store.fail(errDriver)
		for range 100 {
			ctx, disconnect := context.WithCancel(t.Context())
			disconnect()
			d.send(request(t, "POST /login\n"+form+"\n\n"+goodForm).WithContext(ctx))
		}
		d.store.fail(nil)
		wantStatus(t, d.try(t, "alice", password, "192.0.2.1"), http.StatusOK)
	})
	t.Run("a request without an address is refused, and shares no counter (F2, P40)", func(t *testing.T) {
		t.Parallel()
		for _, from := range []string{"@", "", "nowhere"} {
			d := open(t)
			r := request(t, "POST /login\n"+form+"\n\n"+goodForm)
			r.RemoteAddr = from
			wantStatus(t, d.send(r), http.StatusBadRequest)
			d.journal.WantKinds(t, events.Fault)
			if calls := d.store.take(); len(calls) > 0 {
				t.Errorf("the store was asked %q", calls)
			}
		}
	})
	t.Run("a refusal is an event with the budget and the address, and without the user", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		d.fail(t, "alice", home)
		d.journal.Take()
		wantStatus(t, d.try(t, "alice", password, home), http.StatusTooManyRequests)
		e := d.journal.WantKinds(t, events.Throttled)[0]
		if e.Policy != "bruteforce/pair" || e.Address.String() != home || e.UserID != "" || e.Err != nil || e.At.IsZero() {
			t.Errorf("event = %+v", e)
		}
	})
}

func TestBruteForceOfTokens(t *testing.T) {
	t.Parallel()
	bearing := func(burst int64) func(*config) {
		return func(c *config) { c.auth.BruteForce.Token = middleware.Budget{Burst: burst, Every: time.Minute} }
	}
	t.Run("invalid API keys are counted by address, before the store is called", func(t *testing.T) {
		t.Parallel()
		d := open(t, bearing(1), speaking(wire.Lexik{}))
		key := d.apiKey(t)
		other := open(t)
		wantStatus(t, d.ask(t, "POST /refresh\n"+form+"\n\nrefresh_token="+other.apiKey(t)), http.StatusUnauthorized)
		d.store.take()
		w := d.ask(t, "POST /refresh\n"+form+"\n\nrefresh_token="+other.apiKey(t))
		wantAnswer(t, w, http.StatusTooManyRequests,
			"Cache-Control: no-store\nContent-Type: application/json\nRetry-After: 60\nX-Content-Type-Options: nosniff",
			`{"code":429,"message":"Too many refresh requests, please try again later."}`)
		wantStatus(t, d.ask(t, "POST /refresh\n"+form+"\n\nrefresh_token="+key), http.StatusTooManyRequests)
		if calls := d.store.take(); len(calls) > 0 {
			t.Errorf("the store was asked %q", calls)
		}
		r := request(t, "POST /refresh\n"+form+"\n\nrefresh_token="+key)
		r.RemoteAddr = "198.51.100.1:1"
		wantStatus(t, d.send(r), http.StatusOK)
	})
	t.Run("a key that is good costs nothing", func(t *testing.T) {
		t.Parallel()
		d := open(t, bearing(1), speaking(wire.Lexik{}))
		key := d.apiKey(t)
		for range 20 {
			wantStatus(t, d.ask(t, "POST /refresh\n"+form+"\n\nrefresh_token="+key), http.StatusOK)
		}
	})
	t.Run("a genuine refresh token is accepted after any failed attempts from its address", func(t *testing.T) {
		t.Parallel()
		d := open(t, bearing(3))
		p := d.login(t, alice)
		for _, path := range []string{"/refresh", "/token"} {
			wantStatus(t, d.ask(t, "POST "+path+"\n"+form+"\n\ngrant_type=refresh_token&refresh_token=sp_rt_x"), http.StatusBadRequest)
		}
		wantStatus(t, d.ask(t, "POST /refresh\nrefresh-token: "+string(p.RefreshToken)+"x\n\n"), http.StatusBadRequest)
		wantStatus(t, d.ask(t, "POST /refresh\nrefresh-token: "+string(p.RefreshToken)+"x\n\n"), http.StatusTooManyRequests)
		wantStatus(t, d.ask(t, "POST /refresh\nrefresh-token: "+string(p.RefreshToken)+"\n\n"), http.StatusOK)
		for range 9 { // spent, but ours
			wantStatus(t, d.ask(t, "POST /refresh\nrefresh-token: "+string(p.RefreshToken)+"\n\n"), http.StatusBadRequest)
		}
	})
}

// P17 for clients: wrong client secrets are counted by client ID and address.
func TestBruteForceOfClientSecrets(t *testing.T) {
	t.Parallel()
	secret, digest := tokens.NewClientSecret()
	const right, wrong = "right", "wrong"
	ask := func(t *testing.T, d *harness, path, body, word, from string) *httptest.ResponseRecorder {
		t.Helper()
		if word == right {
			word = string(secret)
		}
		r := request(t, "POST "+path+"\n"+form+"\n\n"+body+"&client_id=shop&client_secret="+word)
		r.RemoteAddr = from + ":1"
		return d.send(r)
	}
	for name, x := range map[string]struct{ path, body string }{
		"login":   {"/login", goodForm},
		"refresh": {"/refresh", "refresh_token={refresh}"},
		"token":   {"/token", "grant_type=refresh_token&refresh_token={refresh}"},
		"logout":  {"/logout", "refresh_token={refresh}"},
		"key":     {"/token", "grant_type=" + url.QueryEscape(tokens.GrantExchange) + "&subject_token={key}&subject_token_type=" + url.QueryEscape(tokens.TokenTypeAPIKey)},
		"revoke":  {"/revoke", "token={refresh}"},
		"ask":     {"/introspect", "token={refresh}"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := open(t, func(c *config) {
				c.auth.BruteForce.Client = middleware.Budget{Burst: 3, Every: time.Minute}
				c.tokens.Clients = registry{"shop": {ID: "shop", Secrets: []store.Digest{digest}, Grants: []string{tokens.GrantPassword, tokens.GrantRefresh, tokens.GrantExchange}}}
				c.auth.MayIntrospect = func(context.Context, store.Client) bool { return true }
			})
			p, err := d.tokens.Login(t.Context(), tokens.LoginRequest{Login: "alice", Password: password, ClientID: "shop", ClientSecret: secret})
			if err != nil {
				t.Fatal(err)
			}
			body := strings.NewReplacer("{refresh}", string(p.RefreshToken), "{key}", d.apiKey(t)).Replace(x.body)
			d.journal.Take()
			for range 3 {
				wantStatus(t, ask(t, d, x.path, body, wrong, home), http.StatusUnauthorized)
			}
			d.journal.Take()
			for _, word := range []string{wrong, right} {
				w := ask(t, d, x.path, body, word, home)
				wantStatus(t, w, http.StatusTooManyRequests)
				if w.Header().Get("Retry-After") != "60" {
					t.Errorf("header = %v", w.Header())
				}
			}
			for _, e := range d.journal.WantKinds(t, events.Throttled, events.Throttled) {
				if e.Policy != "bruteforce/client" {
					t.Errorf("event = %+v", e)
				}
			}
			// the client itself, elsewhere, and it has spent nothing
			if w := ask(t, d, x.path, body, right, address(1)); w.Code >= http.StatusBadRequest {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			for range 3 {
				wantStatus(t, ask(t, d, x.path, body, wrong, address(1)), http.StatusUnauthorized)
			}
		})
	}
}

// registry knows clients by their IDs.
type registry map[string]store.Client

func (r registry) Client(_ context.Context, id string) (store.Client, error) {
	c, ok := r[id]
	if !ok {
		return store.Client{}, store.ErrNotFound
	}
	return c, nil
}

// brittle counters fail when they are told to.
type brittle struct {
	ratelimit.Counters

	broken atomic.Bool
	mu     sync.Mutex
	keys   map[string]bool
}

func (b *brittle) Peek(ctx context.Context, charges []ratelimit.Charge, dst []ratelimit.Status) (ratelimit.Decision, error) {
	if b.broken.Load() {
		return ratelimit.Decision{}, errDriver
	}
	return b.Counters.Peek(ctx, charges, dst)
}

func (b *brittle) Take(ctx context.Context, charges []ratelimit.Charge, dst []ratelimit.Status) (ratelimit.Decision, error) {
	if b.broken.Load() {
		return ratelimit.Decision{}, errDriver
	}
	b.mu.Lock()
	for _, c := range charges {
		b.keys[c.Key] = true
	}
	b.mu.Unlock()
	return b.Counters.Take(ctx, charges, dst)
}

func TestBruteForceWhileCountersFail(t *testing.T) {
	t.Parallel()
	on := func(b *brittle) func(*config) {
		b.Counters, b.keys = ratelimit.Memory(), map[string]bool{}
		return func(c *config) { c.auth.Counters, c.auth.OnCounterFailure = b, ratelimit.FailOpen }
	}
	t.Run("attempts get 503 before the store is called, even where Config.OnCounterFailure is FailOpen", func(t *testing.T) {
		t.Parallel()
		b := &brittle{}
		d := open(t, on(b), speaking(wire.Lexik{RefreshTokens: true}))
		key, p := d.apiKey(t), d.login(t, alice)
		d.journal.Take()
		d.store.take()
		b.broken.Store(true)
		login := "POST /login\n" + form + "\n\n_username=alice&_password=" + url.QueryEscape(password)
		for _, text := range []string{login, "POST /refresh\n" + form + "\n\nrefresh_token=" + key} {
			w := d.ask(t, text)
			wantStatus(t, w, http.StatusServiceUnavailable)
			if w.Header().Get("Retry-After") == "" || strings.Contains(w.Body.String(), "MARKER") {
				t.Errorf("%v %s", w.Header(), w.Body)
			}
			d.journal.WantKinds(t, events.CounterFailure)
			if calls := d.store.take(); len(calls) > 0 {
				t.Errorf("the store was asked %q", calls)
			}
		}
		wantStatus(t, d.ask(t, "POST /refresh\n"+form+"\n\nrefresh_token="+string(p.RefreshToken)), http.StatusOK) // needs no counter
		b.broken.Store(false)
		wantStatus(t, d.ask(t, login), http.StatusOK)
	})
	t.Run("attempts are served with BruteForce.OnCounterFailure FailOpen", func(t *testing.T) {
		t.Parallel()
		b := &brittle{}
		d := open(t, on(b), func(c *config) { c.auth.BruteForce.OnCounterFailure = ratelimit.FailOpen })
		b.broken.Store(true)
		wantStatus(t, d.try(t, "alice", "wrong", home), http.StatusBadRequest)
		wantStatus(t, d.try(t, "alice", password, home), http.StatusOK)
		if kinds := d.journal.Take(); !slices.ContainsFunc(kinds, func(e events.Event) bool { return e.Kind == events.CounterFailure }) {
			t.Error("no event")
		}
	})
	t.Run("counter keys contain no login and no address (F5, F7)", func(t *testing.T) {
		t.Parallel()
		b := &brittle{}
		d := open(t, on(b))
		d.try(t, "alice", "wrong", home)
		d.try(t, "alice", password, home)
		d.try(t, "203.0.113.7/32", "wrong", home) // a name that looks like an address is none
		d.try(t, "alice", "wrong", home)
		keys := slices.Sorted(maps.Keys(b.keys))
		if len(keys) != 7 { // an address, two names, two pairs, one mark, the successes of a known pair
			t.Errorf("%d keys: %q", len(keys), keys)
		}
		for _, key := range keys {
			if strings.Contains(key, "alice") || strings.Contains(key, "203") {
				t.Errorf("key = %q", key)
			}
		}
	})
	t.Run("a password that is sent as the login is in no event, error or answer (P23)", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		d.fail(t, "hunter2-MARKER", home)
		w := d.try(t, "hunter2-MARKER", password, home)
		if text := fmt.Sprintf("%+v %s", d.journal.Take(), w.Body); strings.Contains(text, "hunter2") {
			t.Error(text)
		}
	})
}

func TestBruteForceConfig(t *testing.T) {
	t.Parallel()
	wrong := middleware.BruteForce{
		Address: middleware.Budget{Burst: -1, Every: time.Minute}, Pair: middleware.Budget{Burst: 1}, Token: middleware.Budget{Burst: 1, Every: 1500 * time.Millisecond},
		KnownFor: time.Millisecond, OnCounterFailure: 7,
	}
	_, err := middleware.New(middleware.Config{Tokens: open(t).tokens, ClientIP: clientip.RemoteAddr, Tiers: tiers(), BruteForce: wrong})
	const want = `middleware: Config.BruteForce.KnownFor: must be whole seconds, 1s to 366 days, got 1ms
middleware: Config.BruteForce.OnCounterFailure: must be FailClosed or FailOpen, got 7
middleware: Config.BruteForce.Address: must have a Burst of 1 to 1000000 and an Every of whole seconds, 1s to 366 days, got -1 and 1m0s
middleware: Config.BruteForce.Pair: must have a Burst of 1 to 1000000 and an Every of whole seconds, 1s to 366 days, got 1 and 0s
middleware: Config.BruteForce.Token: must have a Burst of 1 to 1000000 and an Every of whole seconds, 1s to 366 days, got 1 and 1.5s`
	if err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
}
