package clientip_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/middleware/clientip"
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
func behind(tb testing.TB, p clientip.Proxies) (clientIP func(*http.Request) (netip.Addr, error), faults *int) {
	tb.Helper()
	faults = new(int)
	p.OnFault = func(_ context.Context, proxy netip.Addr, err error) {
		*faults++
		if err == nil || !proxy.IsValid() {
			tb.Errorf("OnFault(%v, %v)", proxy, err)
		}
	}
	clientIP, err := clientip.BehindProxies(p)
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
		{"unknown is not an address", "", 0, "10.0.0.1:1", []string{xff + "unknown"}, "10.0.0.1", 1},
		{"empty entries are ignored", "", 0, "10.0.0.1:1", []string{xff + "198.51.100.1, ,,10.0.0.2,"}, "198.51.100.1", 0},
		{"empty entries are no hops", "", 2, "10.0.0.1:1", []string{xff + "1.1.1.1, 198.51.100.1, , 10.0.0.2"}, "198.51.100.1", 0},
		{"an empty line is as no header", "", 0, "10.0.0.1:1", []string{xff}, "10.0.0.1", 0},
		{"nginx in front of a Unix socket of its own is the proxy's own request", "", 0, "10.0.0.1:1", []string{xff + "198.51.100.1, unix:"}, "10.0.0.1", 1},
		{"a zone is refused", "", 0, "10.0.0.1:1", []string{xff + "fe80::1%eth0"}, "10.0.0.1", 1},
		{"a zone in brackets is refused", "", 0, "10.0.0.1:1", []string{xff + "[fe80::1%eth0]:80"}, "10.0.0.1", 1},
		{"@ is refused", "", 0, "10.0.0.1:1", []string{xff + "@"}, "10.0.0.1", 1},
		{"0.0.0.0 is not a client address", "", 0, "10.0.0.1:1", []string{xff + "0.0.0.0"}, "10.0.0.1", 1},
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
		{"Forwarded: without for=", "Forwarded", 0, "10.0.0.1:1", []string{fwd + "proto=https"}, "10.0.0.1", 1},
		{"Forwarded: twice", "Forwarded", 0, "10.0.0.1:1", []string{fwd + "for=198.51.100.1;for=198.51.100.2"}, "10.0.0.1", 1},
		{"Forwarded: IPv6 without brackets", "Forwarded", 0, "10.0.0.1:1", []string{fwd + `for="2001:db8::1"`}, "10.0.0.1", 1},
		{"Forwarded: no value", "Forwarded", 0, "10.0.0.1:1", []string{fwd + "for="}, "10.0.0.1", 1},
		{"Forwarded: no pair", "Forwarded", 0, "10.0.0.1:1", []string{fwd + "198.51.100.1"}, "10.0.0.1", 1},
		{"Forwarded: a quote that is not closed", "Forwarded", 0, "10.0.0.1:1", []string{fwd + `for="198.51.100.1`}, "10.0.0.1", 1},
		{"Forwarded: a quote that ends in an escape", "Forwarded", 0, "10.0.0.1:1", []string{fwd + `for="198.51.100.1\`}, "10.0.0.1", 1},
		{"Forwarded: something behind the quote", "Forwarded", 0, "10.0.0.1:1", []string{fwd + `for="198.51.100.1"x`}, "10.0.0.1", 1},
		{"Forwarded: empty elements are ignored", "Forwarded", 0, "10.0.0.1:1", []string{fwd + "for=198.51.100.1, ,for=10.0.0.2,"}, "198.51.100.1", 0},
		{"Forwarded: a quoted nothing", "Forwarded", 0, "10.0.0.1:1", []string{fwd + `for=""`}, "10.0.0.1", 1},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			clientIP, faults := behind(t, clientip.Proxies{Trusted: balancers, Header: x.header, Hops: x.hops})
			a, err := clientIP(from(t, x.peer, x.lines...))
			if err != nil || a.String() != x.want || *faults != x.faults {
				t.Errorf("%v, %v with %d faults, want %s with %d", a, err, *faults, x.want, x.faults)
			}
		})
	}
}

func TestFaultB9EachFormOfRemoteAddrIsRead(t *testing.T) {
	t.Parallel()
	unix := &net.UnixAddr{Name: "/run/api.sock", Net: "unix"}
	tcp := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8080}
	const xff = "X-Forwarded-For: 198.51.100.1"
	for _, x := range []struct {
		name     string
		listener net.Addr
		remote   string
		direct   string // what RemoteAddr returns; "" is ErrNoAddress
		proxied  string // what BehindProxies returns where 10.0.0.0/8 and 127.0.0.0/8 are trusted
		socket   string // the same with UnixSocket
	}{
		{"with a port", tcp, "192.0.2.1:1", "192.0.2.1", "192.0.2.1", "192.0.2.1"},
		{"without a port, as chi's RealIP leaves it", tcp, "192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.1"},
		{"IPv6 without a port", tcp, "2001:db8::1", "2001:db8::1", "2001:db8::1", "2001:db8::1"},
		{"IPv6 in brackets without a port", tcp, "[2001:db8::1]", "2001:db8::1", "2001:db8::1", "2001:db8::1"},
		{"a link-local peer with a zone", tcp, "[fe80::1%eth0]:80", "fe80::1%eth0", "fe80::1%eth0", "fe80::1%eth0"},
		{"IPv4 in IPv6", tcp, "[::ffff:192.0.2.1]:80", "192.0.2.1", "192.0.2.1", "192.0.2.1"},
		{"a proxy without a port is a proxy", tcp, "10.0.0.1", "10.0.0.1", "198.51.100.1", "198.51.100.1"},
		{"a Unix socket", unix, "@", "127.0.0.1", "127.0.0.1", "198.51.100.1"},
		{"a Unix socket whose RemoteAddr is empty", unix, "", "127.0.0.1", "127.0.0.1", "198.51.100.1"},
		{"@ over TCP, as a middleware may copy it from a header, is not a Unix socket", tcp, "@", "", "", ""},
		{"text over TCP", tcp, "junk", "", "", ""},
		{"nothing at all", nil, "", "", "", ""},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			r := from(t, x.remote, xff)
			if x.listener != nil {
				r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, x.listener))
			}
			trusted := networks("10.0.0.0/8", "127.0.0.0/8")
			proxied, _ := behind(t, clientip.Proxies{Trusted: trusted})
			socket, _ := behind(t, clientip.Proxies{Trusted: trusted, UnixSocket: true})
			for _, c := range []struct {
				name     string
				clientIP func(*http.Request) (netip.Addr, error)
				want     string
			}{{"RemoteAddr", clientip.RemoteAddr, x.direct}, {"BehindProxies", proxied, x.proxied}, {"BehindProxies with UnixSocket", socket, x.socket}} {
				a, err := c.clientIP(r)
				switch {
				case c.want == "" && !errors.Is(err, clientip.ErrNoAddress):
					t.Errorf("%s: %v, %v, want ErrNoAddress", c.name, a, err)
				case c.want != "" && (err != nil || a.String() != c.want):
					t.Errorf("%s: %v, %v, want %s", c.name, a, err, c.want)
				}
			}
		})
	}
}

func TestFaultB9AUnixSocketOfARealServerIsRead(t *testing.T) {
	t.Parallel()
	var listen net.ListenConfig
	path := filepath.Join(t.TempDir(), "api.sock")
	l, err := listen.Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	clientIP, faults := behind(t, clientip.Proxies{UnixSocket: true})
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a, err := clientIP(r)
		fmt.Fprint(w, a, " ", err)
	}))
	s.Listener = l
	s.Start()
	t.Cleanup(s.Close)
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", path)
	}}
	t.Cleanup(transport.CloseIdleConnections)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://api/", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Forwarded-For", "1.2.3.4, 198.51.100.1")
	answer, err := (&http.Client{Transport: transport}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	if body, err := io.ReadAll(answer.Body); string(body) != "198.51.100.1 <nil>" || err != nil || *faults != 0 {
		t.Errorf("%s, %v with %d faults", body, err, *faults)
	}
}

func TestWithoutOnFaultAnUnreadableHeaderIsTheProxysOwnRequest(t *testing.T) {
	t.Parallel()
	clientIP, err := clientip.BehindProxies(clientip.Proxies{Trusted: balancers})
	if err != nil {
		t.Fatal(err)
	}
	if a, err := clientIP(from(t, "10.0.0.1:1", "X-Forwarded-For: junk")); err != nil || a.String() != "10.0.0.1" {
		t.Errorf("%v, %v", a, err)
	}
}

func TestBehindProxiesSaysAllThatIsWrong(t *testing.T) {
	t.Parallel()
	_, err := clientip.BehindProxies(clientip.Proxies{
		Trusted: append(networks("0.0.0.0/0", "10.0.0.1/8", "::ffff:10.0.0.0/104", "::/0"), netip.Prefix{}),
		Header:  "X Y",
		Hops:    -1,
	})
	const want = `clientip: Proxies.Trusted[0]: must not contain every client, got 0.0.0.0/0
clientip: Proxies.Trusted[1]: must not have bits behind its length, got 10.0.0.1/8: use 10.0.0.0/8 or 10.0.0.1/32
clientip: Proxies.Trusted[2]: must be an IPv4 network written as such, got ::ffff:10.0.0.0/104
clientip: Proxies.Trusted[3]: must not contain every client, got ::/0
clientip: Proxies.Trusted[4]: must be a network, got the zero Prefix
clientip: Proxies.Header: must be the name of a header, got "X Y"
clientip: Proxies.Hops: must be 0 or more, got -1`
	if err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
	_, err = clientip.BehindProxies(clientip.Proxies{})
	if err == nil || err.Error() != "clientip: Proxies.Trusted: must name at least one network, got none; without proxies use RemoteAddr" {
		t.Errorf("%v", err)
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
			clientIP, faults := behind(t, clientip.Proxies{Trusted: balancers, Header: header})
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
