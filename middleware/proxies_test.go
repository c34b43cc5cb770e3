package middleware_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/tokens"
)

func networks(all ...string) []netip.Prefix {
	var nets []netip.Prefix
	for _, text := range all {
		nets = append(nets, netip.MustParsePrefix(text))
	}
	return nets
}

// balancers are where the proxies of these tests are.
var balancers = networks("10.0.0.0/8", "2001:db8:ffff::/48")

// from is a request of a peer's, with header lines.
func from(tb testing.TB, peer string, lines ...string) *http.Request {
	tb.Helper()
	r := httptest.NewRequestWithContext(tb.Context(), http.MethodGet, "/", http.NoBody)
	r.RemoteAddr = peer
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Add(name, value)
	}
	return r
}

// behind is a ClientIP behind proxies, and how often a fault was reported.
func behind(tb testing.TB, p middleware.Proxies) (clientIP func(*http.Request) (netip.Addr, error), faults *int) {
	tb.Helper()
	faults = new(int)
	p.Events = func(_ context.Context, e tokens.Event) {
		*faults++
		if e.Kind != tokens.EventProxyFault || e.Err == nil || !e.Address.IsValid() {
			tb.Errorf("event = %+v", e)
		}
	}
	clientIP, err := middleware.BehindProxies(p)
	if err != nil {
		tb.Fatal(err)
	}
	return clientIP, faults
}

func TestF4BehindProxies(t *testing.T) {
	t.Parallel()
	const xff, fwd = "X-Forwarded-For: ", "Forwarded: "
	for _, x := range []struct {
		name   string
		header string // "" is X-Forwarded-For
		hops   int
		peer   string
		lines  []string
		want   string
		faults int
	}{
		{"a peer that is no proxy is believed nothing", "", 0, "192.0.2.1:1", []string{xff + "198.51.100.1"}, "192.0.2.1", 0},
		{"a proxy without the header is itself", "", 0, "10.0.0.1:1", nil, "10.0.0.1", 0},
		{"the client is who the proxy says", "", 0, "10.0.0.1:1", []string{xff + "198.51.100.1"}, "198.51.100.1", 0},
		{"a proxy in an IPv6 socket's notation is one", "", 0, "[::ffff:10.0.0.1]:1", []string{xff + "198.51.100.1"}, "198.51.100.1", 0},
		{"the client is the rightmost that is no proxy", "", 0, "10.0.0.1:1", []string{xff + "1.1.1.1, 198.51.100.1, 10.0.0.2"}, "198.51.100.1", 0},
		{"several lines are one list", "", 0, "10.0.0.1:1", []string{xff + "1.1.1.1", xff + "198.51.100.1, 10.0.0.3", xff + "10.0.0.2"}, "198.51.100.1", 0},
		{"what stands left of the client is not looked at", "", 0, "10.0.0.1:1", []string{xff + `"junk, ,, unknown,198.51.100.1`}, "198.51.100.1", 0},
		{"where all are proxies it is the farthest", "", 0, "10.0.0.1:1", []string{xff + "10.0.0.3, 10.0.0.2"}, "10.0.0.3", 0},
		{"IPv4 with a port", "", 0, "10.0.0.1:1", []string{xff + "198.51.100.1:4711"}, "198.51.100.1", 0},
		{"IPv6 bare", "", 0, "10.0.0.1:1", []string{xff + "2001:db8::1"}, "2001:db8::1", 0},
		{"IPv6 in brackets", "", 0, "10.0.0.1:1", []string{xff + "[2001:db8::1]"}, "2001:db8::1", 0},
		{"IPv6 in brackets with a port", "", 0, "[2001:db8:ffff::1]:1", []string{xff + "[2001:db8::1]:4711, 2001:db8:ffff::2"}, "2001:db8::1", 0},
		{"IPv4 in IPv6 is IPv4", "", 0, "10.0.0.1:1", []string{xff + "::ffff:198.51.100.1"}, "198.51.100.1", 0},
		{"a proxy in IPv6 is a proxy", "", 0, "10.0.0.1:1", []string{xff + "198.51.100.1, [::ffff:10.0.0.2]:80"}, "198.51.100.1", 0},
		{"a junk hop is the proxy's own request", "", 0, "10.0.0.1:1", []string{xff + "198.51.100.1, junk"}, "10.0.0.1", 1},
		{"a junk hop behind a proxy is, too", "", 0, "10.0.0.1:1", []string{xff + "junk, 10.0.0.2"}, "10.0.0.1", 1},
		{"unknown is nobody", "", 0, "10.0.0.1:1", []string{xff + "unknown"}, "10.0.0.1", 1},
		{"an empty hop is nobody", "", 0, "10.0.0.1:1", []string{xff + "198.51.100.1,"}, "10.0.0.1", 1},
		{"an empty line is nobody", "", 0, "10.0.0.1:1", []string{xff}, "10.0.0.1", 1},
		{"a zone is refused", "", 0, "10.0.0.1:1", []string{xff + "fe80::1%eth0"}, "10.0.0.1", 1},
		{"a zone in brackets is refused", "", 0, "10.0.0.1:1", []string{xff + "[fe80::1%eth0]:80"}, "10.0.0.1", 1},
		{"@ is refused", "", 0, "10.0.0.1:1", []string{xff + "@"}, "10.0.0.1", 1},
		{"0.0.0.0 is nobody", "", 0, "10.0.0.1:1", []string{xff + "0.0.0.0"}, "10.0.0.1", 1},
		{"a port out of bounds", "", 0, "10.0.0.1:1", []string{xff + "198.51.100.1:65536"}, "10.0.0.1", 1},
		{"a port with a sign", "", 0, "10.0.0.1:1", []string{xff + "198.51.100.1:+80"}, "10.0.0.1", 1},
		{"a colon without a port", "", 0, "10.0.0.1:1", []string{xff + "198.51.100.1:"}, "10.0.0.1", 1},
		{"brackets around IPv4", "", 0, "10.0.0.1:1", []string{xff + "[198.51.100.1]"}, "10.0.0.1", 1},
		{"half a bracket", "", 0, "10.0.0.1:1", []string{xff + "2001:db8::1]"}, "10.0.0.1", 1},
		{"a bracket and more", "", 0, "10.0.0.1:1", []string{xff + "[2001:db8::1]x"}, "10.0.0.1", 1},
		{"leading zeros are no address", "", 0, "10.0.0.1:1", []string{xff + "010.0.0.1"}, "10.0.0.1", 1},
		{"one hop: the last entry is the client", "", 1, "10.0.0.1:1", []string{xff + "198.51.100.1, 10.9.9.9"}, "10.9.9.9", 0},
		{"two hops: the last but one", "", 2, "10.0.0.1:1", []string{xff + "198.51.100.1, 10.9.9.9, 10.0.0.2"}, "10.9.9.9", 0},
		{"two hops, and the client is nearer", "", 2, "10.0.0.1:1", []string{xff + "198.51.100.1, 198.51.100.2"}, "198.51.100.2", 0},
		{"one hop, from elsewhere", "", 1, "192.0.2.1:1", []string{xff + "198.51.100.1"}, "192.0.2.1", 0},
		{"another header", "x-real-ip", 0, "10.0.0.1:1", []string{"X-Real-Ip: 198.51.100.1", xff + "1.1.1.1"}, "198.51.100.1", 0},
		{"Forwarded: a token", "Forwarded", 0, "10.0.0.1:1", []string{fwd + "for=198.51.100.1"}, "198.51.100.1", 0},
		{"Forwarded: whatever the case, and among others", "forwarded", 0, "10.0.0.1:1", []string{fwd + "proto=https;FOR=198.51.100.1;by=10.0.0.1"}, "198.51.100.1", 0},
		{"Forwarded: quoted IPv6 with a port", "Forwarded", 0, "10.0.0.1:1", []string{fwd + `for="[2001:db8::1]:4711"`}, "2001:db8::1", 0},
		{"Forwarded: an obfuscated port", "Forwarded", 0, "10.0.0.1:1", []string{fwd + `for="198.51.100.1:_gazonk"`}, "198.51.100.1", 0},
		{"Forwarded: escapes in quotes", "Forwarded", 0, "10.0.0.1:1", []string{fwd + `host="a\",b\\";for="198\.51.100.1"`}, "198.51.100.1", 0},
		{"Forwarded: several in a line, and lines", "Forwarded", 0, "10.0.0.1:1", []string{fwd + "for=1.1.1.1", fwd + `for=198.51.100.1, for="[2001:db8:ffff::2]";by="a,b;c"`, fwd + "for=10.0.0.2"}, "198.51.100.1", 0},
		{"Forwarded: a quote left open swallows nothing", "Forwarded", 0, "10.0.0.1:1", []string{fwd + `for="1.1.1.1, for=198.51.100.1`}, "198.51.100.1", 0},
		{"Forwarded: nor does one escaped", "Forwarded", 0, "10.0.0.1:1", []string{fwd + `for=1.1.1.1\", for="198.51.100.1"`}, "198.51.100.1", 0},
		{"Forwarded: unknown", "Forwarded", 0, "10.0.0.1:1", []string{fwd + "for=unknown"}, "10.0.0.1", 1},
		{"Forwarded: an obfuscated node", "Forwarded", 0, "10.0.0.1:1", []string{fwd + "for=198.51.100.1, for=_hidden"}, "10.0.0.1", 1},
		{"Forwarded: nobody", "Forwarded", 0, "10.0.0.1:1", []string{fwd + "proto=https"}, "10.0.0.1", 1},
		{"Forwarded: twice", "Forwarded", 0, "10.0.0.1:1", []string{fwd + "for=198.51.100.1;for=198.51.100.2"}, "10.0.0.1", 1},
		{"Forwarded: IPv6 without brackets", "Forwarded", 0, "10.0.0.1:1", []string{fwd + `for="2001:db8::1"`}, "10.0.0.1", 1},
		{"Forwarded: no value", "Forwarded", 0, "10.0.0.1:1", []string{fwd + "for="}, "10.0.0.1", 1},
		{"Forwarded: no pair", "Forwarded", 0, "10.0.0.1:1", []string{fwd + "198.51.100.1"}, "10.0.0.1", 1},
		{"Forwarded: a quote that is not closed", "Forwarded", 0, "10.0.0.1:1", []string{fwd + `for="198.51.100.1`}, "10.0.0.1", 1},
		{"Forwarded: a quote that ends in an escape", "Forwarded", 0, "10.0.0.1:1", []string{fwd + `for="198.51.100.1\`}, "10.0.0.1", 1},
		{"Forwarded: something behind the quote", "Forwarded", 0, "10.0.0.1:1", []string{fwd + `for="198.51.100.1"x`}, "10.0.0.1", 1},
		{"Forwarded: an empty element", "Forwarded", 0, "10.0.0.1:1", []string{fwd + "for=198.51.100.1,"}, "10.0.0.1", 1},
		{"Forwarded: a quoted nothing", "Forwarded", 0, "10.0.0.1:1", []string{fwd + `for=""`}, "10.0.0.1", 1},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			clientIP, faults := behind(t, middleware.Proxies{Trusted: balancers, Header: x.header, Hops: x.hops})
			a, err := clientIP(from(t, x.peer, x.lines...))
			if err != nil || a.String() != x.want || *faults != x.faults {
				t.Errorf("%v, %v with %d faults, want %s with %d", a, err, *faults, x.want, x.faults)
			}
		})
	}
}

func TestAPeerWithoutAnAddressIsNobodyBehindProxiesToo(t *testing.T) {
	t.Parallel()
	clientIP, err := middleware.BehindProxies(middleware.Proxies{Trusted: balancers}) // and nobody to be told
	if err != nil {
		t.Fatal(err)
	}
	for _, peer := range []string{"", "@", "10.0.0.1"} {
		if a, err := clientIP(from(t, peer, "X-Forwarded-For: 198.51.100.1")); err == nil {
			t.Errorf("%q is %v", peer, a)
		}
	}
	if a, err := clientIP(from(t, "10.0.0.1:1", "X-Forwarded-For: junk")); err != nil || a.String() != "10.0.0.1" {
		t.Errorf("%v, %v", a, err)
	}
}

func TestBehindProxiesSaysAllThatIsWrong(t *testing.T) {
	t.Parallel()
	_, err := middleware.BehindProxies(middleware.Proxies{
		Trusted: append(networks("0.0.0.0/0", "10.0.0.1/8", "::ffff:10.0.0.0/104", "::/0"), netip.Prefix{}),
		Header:  "X Y",
		Hops:    -1,
	})
	const want = `middleware: Proxies.Trusted[0]: 0.0.0.0/0 trusts everybody
middleware: Proxies.Trusted[1]: has bits behind its length: is 10.0.0.0/8 meant, or 10.0.0.1/32?
middleware: Proxies.Trusted[2]: wants an IPv4 network as such, has ::ffff:10.0.0.0/104
middleware: Proxies.Trusted[3]: ::/0 trusts everybody
middleware: Proxies.Trusted[4]: is no network
middleware: Proxies.Header: wants the name of a header, has "X Y"
middleware: Proxies.Hops: wants 0 or more, has -1`
	if err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
	_, err = middleware.BehindProxies(middleware.Proxies{})
	if err == nil || err.Error() != "middleware: Proxies.Trusted: is required: at least one; a host without proxies has RemoteAddr" {
		t.Errorf("%v", err)
	}
}

// P40, too.
func TestF3WhateverHeadersAClientSendsItIsCountedOnce(t *testing.T) {
	t.Parallel()
	proxied, _ := behind(t, middleware.Proxies{Trusted: balancers})
	for name, clientIP := range map[string]func(*http.Request) (netip.Addr, error){"RemoteAddr": middleware.RemoteAddr, "BehindProxies": proxied} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := open(t, func(c *config) {
				c.door.ClientIP = clientIP
				c.door.Tiers = middleware.Tiers{"anonymous": {Limit: 1000, Period: time.Hour}}
			})
			for i := range 1001 {
				r := from(t, "192.0.2.1:1")
				r.URL.Path = "/limited"
				for _, name := range []string{"X-Forwarded-For", "X-Real-IP", "CF-Connecting-IP", "True-Client-IP"} {
					r.Header.Set(name, "198.51."+strconv.Itoa(i/256)+"."+strconv.Itoa(i%256))
				}
				r.Header.Set("Forwarded", "for=198.51."+strconv.Itoa(i/256)+"."+strconv.Itoa(i%256))
				want := http.StatusOK
				if i == 1000 {
					want = http.StatusTooManyRequests
				}
				wantStatus(t, d.send(r), want)
			}
		})
	}
}

func FuzzForwarded(f *testing.F) {
	for _, text := range []string{
		"", ",", "198.51.100.1", "198.51.100.1:80, 10.0.0.2", "[2001:db8::1]:80", "fe80::1%eth0", "unknown", "@",
		"for=198.51.100.1", `for="[2001:db8::1]:80";by=10.0.0.1, for=_x`, `for="a\"b"`, `for="`, `"`, `\"`, "for=;for=", "=", ";", "[]", "]", "[::]:",
	} {
		f.Add(text, text)
	}
	const mine = "198.51.100.77"
	f.Fuzz(func(t *testing.T, first, second string) {
		for header, own := range map[string]string{"X-Forwarded-For": mine, "Forwarded": "for=" + mine} {
			clientIP, faults := behind(t, middleware.Proxies{Trusted: balancers, Header: header})
			r := from(t, "10.0.0.1:1")
			r.Header[header] = []string{first, second}
			a, err := clientIP(r)
			if err != nil || !a.IsValid() || a.Is4In6() || a.Zone() != "" || *faults > 1 || *faults == 1 && a.String() != "10.0.0.1" {
				t.Errorf("%s: %q, %q: %v, %v with %d faults", header, first, second, a, err, *faults)
			}
			// what the client wrote in front of the proxy's own entry changes nothing
			for _, lines := range [][]string{{first, second + "," + own}, {first, second, own}} {
				r.Header[header] = lines
				if a, err := clientIP(r); err != nil || a.String() != mine {
					t.Errorf("%s: %q: %v, %v", header, lines, a, err)
				}
			}
		}
	})
}
