package middleware_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
)

func TestHeaders(t *testing.T) {
	t.Parallel()
	const triple = "\nX-Ratelimit-Limit: 2\nX-Ratelimit-Remaining: 1\nX-Ratelimit-Reset: 946684801"
	for _, test := range []struct {
		name   string
		form   ratelimit.Headers
		allow  string
		refuse string // besides
	}{
		{
			"all of them, by default", ratelimit.Headers{},
			"Ratelimit: \"free-second\";r=1;t=1\nRatelimit-Policy: \"free\";q=500;w=3600, \"free-second\";q=2;w=1" + triple, "1",
		},
		{
			"the draft alone", ratelimit.Headers{NoXRateLimit: true, NoRetryAfter: true},
			"Ratelimit: \"free-second\";r=1;t=1\nRatelimit-Policy: \"free\";q=500;w=3600, \"free-second\";q=2;w=1", "",
		},
		{
			"the older draft", ratelimit.Headers{Draft: ratelimit.Draft06, NoXRateLimit: true},
			"Ratelimit-Limit: 2\nRatelimit-Policy: 500;w=3600, 2;w=1\nRatelimit-Remaining: 1\nRatelimit-Reset: 1", "1",
		},
		{"GitHub's alone", ratelimit.Headers{Draft: ratelimit.NoDraft}, strings.TrimPrefix(triple, "\n"), "1"},
		{"none", ratelimit.Headers{Draft: ratelimit.NoDraft, NoXRateLimit: true, NoRetryAfter: true}, "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { // at midnight UTC 2000-01-01
				d := open(t, func(c *config) {
					c.auth.Tiers = ratelimit.Tiers{"free": {Limit: 500, Period: time.Hour, Also: []ratelimit.Window{{Limit: 2, Period: time.Second}}}}
					c.auth.Headers = test.form
				})
				silent := d.Limit(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
				if got := lines(d.by(t, alice, silent, "GET", "/").Header()); got != sorted(test.allow) {
					t.Errorf("header =\n%s\nwant\n%s", got, test.allow)
				}
				d.count(t, alice, silent, 1)
				w := d.by(t, alice, silent, "GET", "/")
				wantStatus(t, w, http.StatusTooManyRequests)
				if got := w.Header().Get("Retry-After"); got != test.refuse {
					t.Errorf("Retry-After = %q, want %q", got, test.refuse)
				}
			})
		})
	}
}

// F8: what the seats make of a limit.
func TestF8SeatsMakeTheLimit(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		tier   ratelimit.Tier
		seats  int
		limit  string
		status int
	}{
		{"three free seats are 1500", tiers()["free"], 3, "1500", 200},
		{"twelve free seats are 5000", tiers()["free"], 12, "5000", 200},
		{"no seats are one", tiers()["free"], 0, "500", 200},
		{"fewer than none are one", tiers()["free"], -7, "500", 200},
		{"a limit of none refuses all, whatever the seats", ratelimit.Tier{Period: time.Hour, PerSeat: true}, 9, "0", 429},
		{"what overflows is the most that a header holds", ratelimit.Tier{Limit: 5000, Period: time.Hour, PerSeat: true}, 1<<63 - 1, "999999999999999", 200},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d := open(t, func(c *config) { c.auth.Tiers = ratelimit.Tiers{"free": test.tier} })
			u := alice
			u.Seats = test.seats
			w := d.by(t, u, d.Limit(handler), "GET", "/")
			if got := w.Header().Get("X-RateLimit-Limit"); w.Code != test.status || got != test.limit {
				t.Errorf("%d, limit %s, want %d and %s", w.Code, got, test.status, test.limit)
			}
		})
	}
}

// F19: the numbers fit one another, whatever the caller has left.
func TestF19RetryAfterIsNeverShorterThanT(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []ratelimit.Algorithm{ratelimit.FixedWindow, ratelimit.GCRA, ratelimit.Rolling} {
		t.Run(algorithm.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				d := open(t, func(c *config) {
					c.auth.Tiers = ratelimit.Tiers{"free": {
						Limit: 40, Period: time.Minute, Algorithm: algorithm,
						Also: []ratelimit.Window{{Limit: 7, Period: 5 * time.Second, Algorithm: algorithm}},
					}}
					c.auth.Limit.Cost = func(r *http.Request) int64 { return int64(len(r.URL.Path)) }
				})
				h := d.Limit(handler)
				for i := range 400 {
					w := d.by(t, alice, h, "GET", "/"+strings.Repeat("x", i%6))
					item := w.Header().Get("RateLimit")
					name, rest, _ := strings.Cut(item, ";r=")
					left, wait, _ := strings.Cut(rest, ";t=")
					r, err := strconv.Atoi(left)
					seconds, err2 := strconv.Atoi(wait)
					if err != nil || err2 != nil || r < 0 || seconds < 0 || name != `"free"` && name != `"free-5s"` {
						t.Fatalf("RateLimit = %s", item)
					}
					retry := w.Header().Get("Retry-After")
					switch n, err := strconv.Atoi(retry); {
					case w.Code == http.StatusOK && retry != "":
						t.Fatalf("Retry-After = %s with a success", retry)
					case w.Code == http.StatusTooManyRequests && (err != nil || n < seconds || n < 1):
						t.Fatalf("Retry-After = %s, RateLimit = %s", retry, item)
					}
					pass(time.Duration(i*37%900) * time.Millisecond)
				}
			})
		})
	}
}

// F21: the policy is the same in every answer to a tier, so that HPACK keeps it.
func TestF21ThePolicyIsTheSameInEveryAnswer(t *testing.T) {
	t.Parallel()
	d := open(t, func(c *config) {
		c.auth.Tiers = ratelimit.Tiers{"free": {Limit: 60, Period: time.Hour, Also: []ratelimit.Window{{Limit: 50, Period: time.Minute}}, Concurrent: 9}}
	})
	h := d.Limit(handler)
	const want = `"free";q=60;w=3600, "free-minute";q=50;w=60, "free-concurrent";q=9;qu="concurrent-requests"`
	for range 100 {
		if got := d.by(t, alice, h, "GET", "/").Header().Get("RateLimit-Policy"); got != want {
			t.Fatalf("RateLimit-Policy = %s, want %s", got, want)
		}
	}
}

// F22: what a handler can do it can do behind Limit.
func TestF22LimitStandsInNobodysWay(t *testing.T) {
	t.Parallel()
	d := open(t)
	mux := http.NewServeMux()
	mux.HandleFunc("/stream", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: 1\n\n")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	mux.HandleFunc("/socket", func(w http.ResponseWriter, _ *http.Request) {
		conn, rw, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = conn.Close() }()
		_, _ = rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello")
		_ = rw.Flush()
	})
	mux.HandleFunc("/same", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) })
	mux.HandleFunc("/", ok)
	server := httptest.NewServer(d.Limit(mux))
	t.Cleanup(server.Close)
	for _, test := range []struct {
		name, method, path string
		status             int
		limited            bool // the headers tell what is left
		body               string
	}{
		{"HEAD", "HEAD", "/", 200, true, ""},
		{"OPTIONS", "OPTIONS", "/", 200, true, "ok"},
		{"an answer without a body", "GET", "/same", 304, true, ""},
		{"server-sent events", "GET", "/stream", 200, true, "data: 1\n"},
		{"a connection that is taken over", "GET", "/socket", 101, false, "hello"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			ctx, hangUp := context.WithCancel(t.Context())
			defer hangUp()
			r, err := http.NewRequestWithContext(ctx, test.method, server.URL+test.path, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			if test.status == http.StatusSwitchingProtocols {
				r.Header.Set("Connection", "Upgrade")
				r.Header.Set("Upgrade", "websocket")
			}
			res, err := server.Client().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = res.Body.Close() }()
			if res.StatusCode != test.status || (res.Header.Get("RateLimit") != "") != test.limited {
				t.Errorf("%d %v", res.StatusCode, res.Header)
			}
			got := make([]byte, len(test.body))
			if _, err := io.ReadFull(bufio.NewReader(res.Body), got); err != nil || string(got) != test.body {
				t.Errorf("body = %q, %v, want %q", got, err, test.body)
			}
		})
	}
}

// F23: what a refusal is made of.
func TestF23ARefusalIsProblemDetails(t *testing.T) {
	t.Parallel()
	d := open(t, func(c *config) {
		c.auth.Tiers = ratelimit.Tiers{"free": {Limit: 1, Period: time.Hour, Also: []ratelimit.Window{{Name: "burst", Limit: 1, Period: time.Minute}}}}
	})
	h := d.Limit(handler)
	d.by(t, alice, h, "GET", "/")
	w := d.by(t, alice, h, "GET", "/")
	var problem struct {
		Type       string
		Title      string
		Status     int
		Detail     string
		Violated   []string `json:"violated-policies"`
		RetryAfter int64    `json:"retry_after"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &problem); err != nil {
		t.Fatal(err)
	}
	if problem.Status != 429 || w.Code != 429 || problem.Title == "" || problem.Type != "https://iana.org/assignments/http-problem-types#quota-exceeded" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if got := fmt.Sprint(problem.Violated); got != "[free burst]" {
		t.Errorf("violated-policies = %s", got)
	}
	if got := strconv.FormatInt(problem.RetryAfter, 10); got != w.Header().Get("Retry-After") {
		t.Errorf("retry_after = %s, Retry-After = %s", got, w.Header().Get("Retry-After"))
	}
	if w.Header().Get("Content-Type") != "application/problem+json" || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("header = %v", w.Header())
	}
}

// F33: what fails closed is 503, and what fails open says nothing of limits.
func TestF33AFailureIsNoRefusal(t *testing.T) {
	t.Parallel()
	for policy, want := range map[ratelimit.FailurePolicy]string{
		ratelimit.FailClosed: `503 {"type":"https://iana.org/assignments/http-problem-types#temporary-reduced-capacity",` +
			`"title":"Temporarily reduced capacity","status":503,"detail":"Try again later"}`,
		ratelimit.FailOpen: "200 ok",
	} {
		d := open(t, func(c *config) { c.auth.Counters, c.auth.OnCounterFailure = stuck{}, policy })
		w := d.by(t, alice, d.Limit(handler), "GET", "/")
		if got := fmt.Sprint(w.Code, " ", w.Body); got != want {
			t.Errorf("%s, want %s", got, want)
		}
		for name := range w.Header() {
			if strings.Contains(name, "Ratelimit") {
				t.Errorf("%s is set", name)
			}
		}
		d.journal.WantKinds(t, events.CounterFailure)
	}
}

// F36: what a whole limit costs a request of a known caller, headers and all: the
// pass with the request that knows it, and the headers' text, in 500 bytes. A second
// window costs no more.
func TestF36ALimitIsTwoAllocations(t *testing.T) { //nolint:paralleltest // others would be counted too
	nothing := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	for windows, also := range [][]ratelimit.Window{nil, {{Limit: 1 << 40, Period: time.Minute}}} {
		d := open(t, func(c *config) {
			c.auth.Tiers = ratelimit.Tiers{"free": {Limit: 1 << 40, Period: time.Hour, Also: also}}
		})
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
		r = r.WithContext(tokens.WithPrincipal(r.Context(), d.login(t, alice).Principal))
		w, limited := httptest.NewRecorder(), d.Limit(nothing)
		if n := testing.AllocsPerRun(1000, func() { limited.ServeHTTP(w, r) }); n > 2 && !raced {
			t.Errorf("%d windows: %v allocations, want 2", 1+windows, n)
		}
		if n := bytesPerRun(1000, func() { limited.ServeHTTP(w, r) }); n > 500 && !raced {
			t.Errorf("%d windows: %d bytes, want 500 or fewer", 1+windows, n)
		}
		if w.Header().Get("X-RateLimit-Remaining") == "" {
			t.Error("it has no headers")
		}
	}
}

// F36: a caller without a token, who is counted by address, costs no more.
func TestF36ALimitByAddressIsTwoAllocations(t *testing.T) { //nolint:paralleltest // others would be counted too
	nothing := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	d := open(t, func(c *config) {
		c.auth.Tiers = ratelimit.Tiers{ratelimit.Anonymous: {Limit: 1 << 40, Period: time.Hour}}
		c.auth.ClientIP = clientip.RemoteAddr
	})
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
	w, limited := httptest.NewRecorder(), d.Limit(nothing)
	if n := testing.AllocsPerRun(1000, func() { limited.ServeHTTP(w, r) }); n > 2 && !raced {
		t.Errorf("%v allocations, want 2", n)
	}
	if n := bytesPerRun(1000, func() { limited.ServeHTTP(w, r) }); n > 500 && !raced {
		t.Errorf("%d bytes, want 500 or fewer", n)
	}
	if w.Header().Get("X-RateLimit-Remaining") == "" {
		t.Error("it has no headers")
	}
}

// bytesPerRun is how many bytes a call of f allocates.
func bytesPerRun(runs int, f func()) uint64 {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	f()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range runs {
		f()
	}
	runtime.ReadMemStats(&after)
	return (after.TotalAlloc - before.TotalAlloc) / uint64(runs)
}

// F36: what the headers cost.
func TestF36HeadersAreTwoAllocations(t *testing.T) { //nolint:paralleltest // others would be counted too
	q := busyQuota()
	h := make(http.Header, 8)
	if n := testing.AllocsPerRun(1000, func() { q.SetHeader(h) }); n > 2 {
		t.Errorf("%v allocations, want 2", n)
	}
}

func busyQuota() ratelimit.Quota {
	return ratelimit.Quota{At: time.Unix(1795419999, 1), Usage: []ratelimit.Usage{
		{Policy: ratelimit.Policy{Name: "free", Limit: 1500, Window: time.Hour}, Known: true, Remaining: 1498, ResetAfter: 3588 * time.Second},
		{Policy: ratelimit.Policy{Name: "burst", Limit: 50, Window: time.Second}, Known: true, Remaining: 49, ResetAfter: time.Second},
	}}
}

// BenchmarkHeaders is what all headers of two policies cost: run with -benchmem.
func BenchmarkHeaders(b *testing.B) {
	q, h := busyQuota(), make(http.Header, 8)
	b.ReportAllocs()
	for b.Loop() {
		q.SetHeader(h)
	}
}

// F36: what a refusal costs: the refusal and what the wire format makes of it, the
// document, and the headers.
func TestF36ARefusalIsEightAllocations(t *testing.T) { //nolint:paralleltest // others would be counted too
	for _, test := range []struct {
		name string
		tier ratelimit.Tier
	}{
		{"one window", ratelimit.Tier{Limit: 1, Period: time.Hour}},
		{"two windows", ratelimit.Tier{Limit: 9, Period: time.Hour, Also: []ratelimit.Window{{Limit: 1, Period: time.Minute}}}},
	} {
		d := open(t, func(c *config) { c.auth.Tiers = ratelimit.Tiers{"free": test.tier} })
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
		r = r.WithContext(tokens.WithPrincipal(r.Context(), d.login(t, alice).Principal))
		w, limited := &discarded{header: http.Header{}}, d.Limit(http.NotFoundHandler())
		// the first call, which is not measured, spends the limit
		if n := testing.AllocsPerRun(1000, func() { limited.ServeHTTP(w, r) }); n > 8 && !raced {
			t.Errorf("%s: %v allocations, want 8 or fewer", test.name, n)
		}
		if w.status != http.StatusTooManyRequests || w.header.Get("Retry-After") == "" {
			t.Errorf("%s: status = %d, header = %v", test.name, w.status, w.header)
		}
	}
}

// discarded is a response that is thrown away.
type discarded struct {
	header http.Header
	status int
}

func (d *discarded) Header() http.Header         { return d.header }
func (d *discarded) WriteHeader(status int)      { d.status = status }
func (d *discarded) Write(b []byte) (int, error) { return len(b), nil }
