package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
)

// fail sends a wrong password for a login from an address.
func (h *host) fail(t *testing.T, login, address string) answer {
	t.Helper()
	return h.from(t, address, "grant_type=password&username="+login+"&password=wrong")
}

// from asks the token endpoint from an address.
func (h *host) from(t *testing.T, address, body string) answer {
	t.Helper()
	return h.token(t, body, "X-Test-Address: "+address)
}

// addressed takes the client address from the header X-Test-Address.
func addressed(c *config) { c.auth.ClientIP = testAddress }

// exhaust sends wrong passwords until one is rejected with 429. It returns how
// many reached the store.
func (h *host) exhaust(t *testing.T, login string) (tried int, last answer) {
	t.Helper()
	h.store.took()
	for i := range 1000 {
		last = h.fail(t, login, fmt.Sprintf("203.0.%d.%d", 113+i/200, 1+i%200))
		if last.Code == http.StatusTooManyRequests {
			break
		}
		last.is(t, http.StatusBadRequest, "invalid_grant")
	}
	for _, call := range h.store.took() {
		if call == "Authenticate" {
			tried++
		}
	}
	return tried, last
}

// limitOf calls until it is refused, and says how often it was not.
func (h *host) limitOf(t *testing.T, call func() answer) int64 {
	t.Helper()
	a := call()
	a.is(t, http.StatusOK, "")
	limit, err := strconv.ParseInt(a.Header().Get("X-RateLimit-Limit"), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	for range limit - 1 {
		if a := call(); a.Code != http.StatusOK {
			t.Fatalf("before the %dth: %d", limit, a.Code)
		}
	}
	call().is(t, http.StatusTooManyRequests, "")
	return limit
}

// Throttling of passwords, and rate limits.
var throttles = []requirement{
	{number: 163, grade: "MUST", says: "failed logins are limited", source: "SP 800-63B §5.2.2, RFC 6749 §4.3.2, ASVS 6.3.1",
		check: func(t *testing.T, open opener) {
			if _, last := open(t, addressed).exhaust(t, "alice"); last.Code != http.StatusTooManyRequests {
				t.Errorf("failed attempt 1000: %d", last.Code)
			}
		}},
	{number: 164, grade: "MUST", says: "at most 100 failed attempts at one account are checked, from any number of addresses", source: "SP 800-63B §5.2.2",
		check: func(t *testing.T, open opener) {
			if tried, _ := open(t, addressed).exhaust(t, "alice"); tried > 100 || tried == 0 {
				t.Errorf("%d were tried", tried)
			}
		}},
	{number: 165, grade: "MAY", says: "the wait between failed attempts grows", source: "SP 800-63B §5.2.2",
		note: "the wait is as long as the budget takes to refill, and does not grow"},
	{number: 166, grade: "SHOULD", says: "a success forgets the failures from that address", source: "SP 800-63B §5.2.2",
		check: func(t *testing.T, open opener) {
			h := open(t, addressed)
			for range 5 {
				for range 4 {
					h.fail(t, "alice", "198.51.100.1").is(t, http.StatusBadRequest, "invalid_grant")
				}
				h.from(t, "198.51.100.1", good).is(t, http.StatusOK, "")
			}
		}},
	{number: 167, grade: "MUST*", says: "a user can log in from an address that they have logged in from before, despite failed attempts from elsewhere", source: "ASVS 6.1.1",
		check: func(t *testing.T, open opener) {
			h := open(t, addressed)
			h.from(t, "198.51.100.1", good).is(t, http.StatusOK, "")
			h.exhaust(t, "alice")
			h.from(t, "198.51.100.1", good).is(t, http.StatusOK, "")
		}},
	{number: 168, grade: "MUST*", says: "a throttled login that does not exist is answered like one that does", source: "ASVS 6.3.8",
		check: func(t *testing.T, open opener) {
			_, known := open(t, addressed).exhaust(t, "alice")
			_, unknown := open(t, addressed).exhaust(t, "unknown")
			same(t, known, unknown)
		}},
	{number: 169, grade: "SHOULD", says: "what is over a limit is 429, not 401", source: "RFC 6585 §4",
		check: func(t *testing.T, open opener) {
			_, last := open(t, addressed).exhaust(t, "alice")
			last.is(t, http.StatusTooManyRequests, "")
		}},
	{number: 170, grade: "SHOULD", says: "429 has Retry-After in seconds, and who waits as long gets in", source: "RFC 6585 §4",
		check: func(t *testing.T, open opener) {
			h := open(t, addressed)
			_, last := h.exhaust(t, "alice")
			wait, err := strconv.Atoi(last.Header().Get("Retry-After"))
			if err != nil || wait < 1 {
				t.Fatalf("Retry-After = %q", last.Header().Get("Retry-After"))
			}
			pass(time.Duration(wait) * time.Second)
			h.from(t, "198.51.100.7", good).is(t, http.StatusOK, "")

			for range 100 {
				h.send(t, http.MethodGet, "/search", "")
			}
			a := h.send(t, http.MethodGet, "/search", "")
			a.is(t, http.StatusTooManyRequests, "")
			if wait, err = strconv.Atoi(a.Header().Get("Retry-After")); err != nil {
				t.Fatal(err)
			}
			pass(time.Duration(wait) * time.Second)
			h.send(t, http.MethodGet, "/search", "").is(t, http.StatusOK, "")
		}},
	{number: 171, grade: "SHOULD", says: "Retry-After is short", source: "clients that sleep for all of it",
		note: "30 minutes at most, for unknown addresses at a login with failed attempts; with a fixed window it is the rest of the tier's window, and a host that wants it shorter uses GCRA for the tier",
		check: func(t *testing.T, open opener) {
			_, last := open(t, addressed).exhaust(t, "alice")
			if wait, err := strconv.Atoi(last.Header().Get("Retry-After")); err != nil || wait > 30*60 {
				t.Errorf("Retry-After = %q", last.Header().Get("Retry-After"))
			}
		}},
	{number: 172, grade: "MUST NOT", says: "a 429 is not cached", source: "RFC 6585 §4",
		check: func(t *testing.T, open opener) {
			h := open(t, addressed)
			_, last := h.exhaust(t, "alice")
			last.has(t, "Cache-Control", "no-store")
			for range 101 {
				last = h.send(t, http.MethodGet, "/search", "")
			}
			last.is(t, http.StatusTooManyRequests, "")
			last.has(t, "Cache-Control", "no-store")
		}},
	{number: 173, grade: "MUST", says: "no header of a client's own changes whose limit it spends", source: "ASVS 15.3.4",
		check: func(t *testing.T, open opener) {
			h := open(t)
			for i := range 100 {
				other := fmt.Sprintf("203.0.113.%d", i)
				h.send(t, http.MethodGet, "/search", "", "X-Forwarded-For: "+other, "Forwarded: for="+other, "X-Real-IP: "+other, "CF-Connecting-IP: "+other).is(t, http.StatusOK, "")
			}
			h.send(t, http.MethodGet, "/search", "", "X-Forwarded-For: 203.0.113.200").is(t, http.StatusTooManyRequests, "")
		}},
	{number: 174, grade: "MUST", says: "100 an hour without an account, 500 a seat up to 5000 with a free one, 5000 a seat with a premium one", source: "the Symfony API",
		check: func(t *testing.T, open opener) {
			h := open(t, func(c *config) {
				many := alice
				many.ID, many.Login, many.Account, many.Seats = "u-many", "many", "many", 12
				c.user = append(c.user, many)
			})
			if n := h.limitOf(t, func() answer { return h.send(t, http.MethodGet, "/search", "") }); n != 100 {
				t.Errorf("anonymous: %d", n)
			}
			for login, want := range map[string]int64{"alice": 500, "many": 5000, "bob": 10000} {
				access := h.token(t, strings.Replace(good, "alice", login, 1)).pair(t).access
				if n := h.limitOf(t, func() answer { return h.call(t, "/search", access) }); n != want {
					t.Errorf("%s: %d, want %d", login, n, want)
				}
				pass(2 * time.Hour)
			}
		}},
	{number: 175, grade: "MUST", says: "nodes that share their counters hold one limit", source: "the Symfony API",
		note: "here in one process; the counters on Redis are tried with eight",
		check: func(t *testing.T, open opener) {
			counters := ratelimit.Memory()
			share := func(c *config) { c.auth.Counters = counters }
			a, b := open(t, share), open(t, share)
			admitted := 0
			for range 100 {
				for _, h := range []*host{a, b} {
					if h.send(t, http.MethodGet, "/search", "").Code == http.StatusOK {
						admitted++
					}
				}
			}
			if admitted != 100 {
				t.Errorf("%d were admitted", admitted)
			}
		}},
	{number: 176, grade: "MUST", says: "the limit is looked at before the store and before a password is hashed", source: "ASVS 2.4.1",
		check: func(t *testing.T, open opener) {
			h := open(t, addressed)
			h.exhaust(t, "alice")
			h.store.took()
			h.fail(t, "alice", "203.0.113.250").is(t, http.StatusTooManyRequests, "")
			if calls := h.store.took(); slices.Contains(calls, "Authenticate") {
				t.Errorf("the store was asked: %q", calls)
			}
		}},
	{number: 177, grade: "MAY", says: "RateLimit-Policy and RateLimit are structured fields", source: "draft-ietf-httpapi-ratelimit-headers",
		check: func(t *testing.T, open opener) {
			a := open(t).send(t, http.MethodGet, "/search", "")
			a.has(t, "RateLimit-Policy", `"anonymous";q=100;w=3600`)
			a.has(t, "RateLimit", `"anonymous";r=99;t=3600`)
		}},
	{number: 178, grade: "SHOULD", says: "counters that are down refuse or let through as the host has said, and are reported", source: "ASVS 16.5.2",
		check: func(t *testing.T, open opener) {
			for policy, want := range map[ratelimit.FailurePolicy]int{ratelimit.FailClosed: http.StatusServiceUnavailable, ratelimit.FailOpen: http.StatusOK} {
				h := open(t, func(c *config) { c.auth.Counters, c.auth.OnCounterFailure = broken{ratelimit.Memory()}, policy })
				h.send(t, http.MethodGet, "/search", "").is(t, want, "")
				if kinds := h.kinds(); !slices.Contains(kinds, "counter_failure") {
					t.Errorf("%q", kinds)
				}
			}
		}},
}

// testAddress is where a request of the tests says that it comes from.
func testAddress(r *http.Request) (netip.Addr, error) {
	if said := r.Header.Get("X-Test-Address"); said != "" {
		return netip.ParseAddr(said)
	}
	return clientip.RemoteAddr(r)
}

// broken are counters whose Take always returns an error.
type broken struct{ ratelimit.Counters }

func (broken) Take(context.Context, []ratelimit.Charge, []ratelimit.Status) (ratelimit.Decision, error) {
	return ratelimit.Decision{}, errors.New("counters: MARKER")
}
