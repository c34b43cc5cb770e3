// Package proxies_test puts nginx, HAProxy and Caddy in front of a host, as their
// makers ship them and with their defaults but for one line (see testdata).
package proxies_test

import (
	"context"
	"crypto/tls"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestFaultB9ProxiesInFront(t *testing.T) {
	t.Parallel()
	for _, p := range programs {
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			fronts := start(t, p, newHost(t))
			for i, f := range fronts {
				for j, protocol := range f.protocols() {
					t.Run(f.String()+" by "+protocol, func(t *testing.T) {
						t.Parallel()
						first := 2 + 4*(2*i+j) // each has addresses of its own
						one := newClient(t, f, protocol, first)
						other := newClient(t, f, protocol, first+1)
						t.Run("the client's address is that of the client", func(t *testing.T) { addressIsRight(t, one, other) })   //nolint:paralleltest // in order
						t.Run("no header of a client counts", func(t *testing.T) { headersDoNotCount(t, one) })                     //nolint:paralleltest // in order
						t.Run("one client uses up no limit but its own", func(t *testing.T) { limitIsOnes(t, one, other) })         //nolint:paralleltest // in order
						t.Run("each answer gets through", func(t *testing.T) { answersGetThrough(t, other) })                       //nolint:paralleltest // in order
						t.Run("an upload that is refused gets its answer", func(t *testing.T) { uploadsAreRefused(t, one, other) }) //nolint:paralleltest // in order
					})
				}
			}
		})
	}
}

func (f front) protocols() []string {
	if f.TLS {
		return []string{"HTTP/1.1", "HTTP/2.0"}
	}
	return []string{"HTTP/1.1"}
}

func addressIsRight(t *testing.T, clients ...*client) {
	t.Helper()
	for _, c := range clients {
		if got, want := c.get("/address", nil).body, c.address+" <nil>"; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func headersDoNotCount(t *testing.T, c *client) {
	t.Helper()
	for _, header := range []http.Header{
		{"X-Forwarded-For": {"198.51.100.7"}},
		{"X-Forwarded-For": {"198.51.100.7, 127.0.0.1"}},
		{"X-Forwarded-For": {"127.0.0.1", "198.51.100.7"}},
		{"X-Forwarded-For": {"198.51.100.7,"}},
		{"X-Forwarded-For": {"unknown"}},
		{"X-Forwarded-For": {`"`}},
		{"x-forwarded-for": {"198.51.100.7"}},
		{"X_Forwarded_For": {"198.51.100.7"}},
		{"X-Real-Ip": {"198.51.100.7"}},
		{"Forwarded": {"for=198.51.100.7"}},
		{"True-Client-Ip": {"198.51.100.7"}},
		{"Cf-Connecting-Ip": {"198.51.100.7"}},
		{"X-Forwarded-For": {"198.51.100.7"}, "Connection": {"X-Forwarded-For"}},
	} {
		if c.protocol == "HTTP/2.0" {
			header.Del("Connection") // RFC 9113 section 8.2.2
		}
		if got, want := c.get("/address", header), c.address+" <nil>"; got.body != want {
			t.Errorf("with %v: %d %q, want %q", header, got.status, got.body, want)
		}
	}
}

func limitIsOnes(t *testing.T, one, other *client) {
	t.Helper()
	for i := range anonymousLimit + 1 {
		want := http.StatusOK
		if i == anonymousLimit {
			want = http.StatusTooManyRequests
		}
		spoofed := http.Header{"X-Forwarded-For": {"198.51.100." + strconv.Itoa(i)}}
		if got := one.get("/limited", spoofed); got.status != want {
			t.Fatalf("request %d: %d, want %d", i+1, got.status, want)
		}
	}
	refused := one.get("/limited", nil)
	for _, name := range []string{"Retry-After", "RateLimit", "RateLimit-Policy", "X-Ratelimit-Remaining"} {
		if len(refused.header.Values(name)) != 1 {
			t.Errorf("a refusal has %d %s, want 1", len(refused.header.Values(name)), name)
		}
	}
	if got := other.get("/limited", nil); got.status != http.StatusOK {
		t.Errorf("another address: %d", got.status)
	}
}

func answersGetThrough(t *testing.T, c *client) {
	t.Helper()
	form := url.Values{"grant_type": {"password"}, "username": {login}, "password": {password}}
	in := c.post("/login", form)
	var cookies []string
	for _, line := range in.header.Values("Set-Cookie") {
		pair, _, _ := strings.Cut(line, ";")
		cookies = append(cookies, pair)
	}
	if in.status != http.StatusNoContent || len(cookies) != 2 {
		t.Fatalf("a login: %d with %d cookies, want 204 with 2: %s", in.status, len(cookies), in.body)
	}
	if got := c.get("/me", http.Header{"Cookie": {strings.Join(cookies, "; ")}}); got.body != "u-ada" {
		t.Errorf("with the cookies: %d %q", got.status, got.body)
	}
	if got := c.get("/me", nil); got.status != http.StatusUnauthorized || got.header.Get("WWW-Authenticate") == "" {
		t.Errorf("without them: %d, %v", got.status, got.header)
	}
	form.Set("password", "wrong")
	if got := c.post("/login", form); got.status != http.StatusBadRequest || !strings.Contains(got.body, "invalid_grant") {
		t.Errorf("with a wrong password: %d %s", got.status, got.body)
	}
	form.Set("password", strings.Repeat("x", 32<<10))
	if got := c.post("/login", form); got.status != http.StatusRequestEntityTooLarge {
		t.Errorf("with a body that is too large: %d %s", got.status, got.body)
	}
}

// uploadsAreRefused: a refusal that comes before a large body was read gets through,
// so that a client whose access token has expired in the meantime is told to fetch
// another.
func uploadsAreRefused(t *testing.T, limited, other *client) {
	t.Helper()
	upload := url.Values{"file": {strings.Repeat("x", 200<<10)}}
	for _, path := range []string{"/me", "/echo/me"} {
		if got := other.post(path, upload); got.status != http.StatusUnauthorized {
			t.Errorf("an upload to %s without a token: %d %s", path, got.status, got.body)
		}
	}
	if got := limited.post("/limited", upload); got.status != http.StatusTooManyRequests {
		t.Errorf("an upload over the limit: %d %s", got.status, got.body)
	}
	if got := other.post("/login", upload); got.status != http.StatusRequestEntityTooLarge {
		t.Errorf("a login that is too large: %d %s", got.status, got.body)
	}
}

// client is a client with an address of its own.
type client struct {
	t        *testing.T
	http     *http.Client
	base     string
	address  string
	protocol string
}

// newClient makes a client that connects from the nth address of 127.0.0.0/24.
func newClient(t *testing.T, f front, protocol string, n int) *client {
	t.Helper()
	address := net.IPv4(127, 0, 0, byte(n))
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: address}}
	transport := &http.Transport{
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			return dialer.DialContext(ctx, network, addr)
		},
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
		Protocols:       new(http.Protocols),
	}
	transport.Protocols.SetHTTP1(protocol == "HTTP/1.1")
	transport.Protocols.SetHTTP2(protocol == "HTTP/2.0")
	t.Cleanup(transport.CloseIdleConnections)
	base := "http://" + f.Listen
	if f.TLS {
		base = "https://" + f.Listen
	}
	return &client{t, &http.Client{Transport: transport}, base, address.String(), protocol}
}

type answer struct {
	status int
	header http.Header
	body   string
}

func (c *client) get(path string, header http.Header) answer {
	return c.do(http.MethodGet, path, header, nil)
}

func (c *client) post(path string, form url.Values) answer {
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	return c.do(http.MethodPost, path, header, strings.NewReader(form.Encode()))
}

func (c *client) do(method, path string, header http.Header, body io.Reader) answer {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.base+path, body)
	if err != nil {
		c.t.Fatal(err)
	}
	maps.Copy(r.Header, header)
	response, err := c.http.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.Proto != c.protocol {
		c.t.Errorf("the proxy speaks %s, want %s", response.Proto, c.protocol)
	}
	text, err := io.ReadAll(response.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, string(text)}
}
