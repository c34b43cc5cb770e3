package adapter_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/internal/adaptertest"
	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/tokens/events"
)

// extract is Echo's IPExtractor, in both versions.
type extract = func(*http.Request) string

// extractors are Echo's. proxied trusts the proxies of one network only.
type extractors struct{ direct, forwarded, proxied, realIP extract }

// trusting sets ClientIP to what the extractor returns.
func (v version[C, H, M]) trusting(extract extract) func(*adaptertest.Config) {
	return func(c *adaptertest.Config) { c.Auth.ClientIP = v.clientIP(extract) }
}

// call is a request with the address of its connection.
type call struct {
	from   string
	header []string
	status int
}

// An address may send two requests an hour. A call that gets 429 was counted
// under the same address as two earlier ones.
func TestClientIPIsTheExtractorsAddress(t *testing.T) {
	t.Parallel()
	both(t, v4.testClientIPIsTheExtractorsAddress, v5.testClientIPIsTheExtractorsAddress)
}

func (v version[C, H, M]) testClientIPIsTheExtractorsAddress(t *testing.T) {
	const xff, xri = "X-Forwarded-For: ", "X-Real-Ip: "
	tests := map[string]struct {
		extract extract
		calls   []call
	}{
		"direct: the port does not matter": {v.extractors.direct, []call{
			{"192.0.2.1:1", nil, 200}, {"192.0.2.1:2", nil, 200}, {"192.0.2.1:3", nil, 429}, {"192.0.2.2:1", nil, 200},
		}},
		"direct: forged headers change nothing": {v.extractors.direct, []call{
			{"192.0.2.1:1", []string{xff + "198.51.100.1"}, 200},
			{"192.0.2.1:1", []string{xff + "198.51.100.2, 10.0.0.1"}, 200},
			{"192.0.2.1:1", []string{xff + "198.51.100.3"}, 429},
			{"192.0.2.1:1", []string{xri + "198.51.100.4"}, 429},
			{"192.0.2.1:1", []string{"Forwarded: for=198.51.100.5", "True-Client-Ip: 198.51.100.6"}, 429},
		}},
		"direct: a caller cannot spend another caller's limit": {v.extractors.direct, []call{
			{"192.0.2.1:1", []string{xff + "192.0.2.2", xri + "192.0.2.2"}, 200},
			{"192.0.2.1:1", []string{xff + "192.0.2.2", xri + "192.0.2.2"}, 200},
			{"192.0.2.2:1", nil, 200},
		}},
		"direct: a proxy on the same machine is not trusted either": {v.extractors.direct, []call{
			{"127.0.0.1:1", []string{xff + "198.51.100.1"}, 200},
			{"127.0.0.1:1", []string{xff + "198.51.100.2"}, 200},
			{"127.0.0.1:1", []string{xff + "198.51.100.3"}, 429},
		}},
		"direct: one IPv4 address in two notations is one": {v.extractors.direct, []call{
			{"192.0.2.1:1", nil, 200}, {"[::ffff:192.0.2.1]:1", nil, 200}, {"192.0.2.1:1", nil, 429},
		}},
		"direct: a /64 is one customer": {v.extractors.direct, []call{
			{"[2001:db8::1]:1", nil, 200}, {"[2001:db8::ffff]:1", nil, 200}, {"[2001:db8::2%eth0]:1", nil, 429}, {"[2001:db8:0:1::1]:1", nil, 200},
		}},
		"X-Forwarded-For: a proxy's clients are told apart": {v.extractors.forwarded, []call{
			{"10.0.0.1:1", []string{xff + "198.51.100.1"}, 200},
			{"10.0.0.2:1", []string{xff + "198.51.100.1"}, 200},
			{"10.0.0.1:1", []string{xff + "198.51.100.1"}, 429},
			{"10.0.0.1:1", []string{xff + "198.51.100.2"}, 200},
		}},
		"X-Forwarded-For: addresses that the client itself prepends are not believed": {v.extractors.forwarded, []call{
			{"10.0.0.1:1", []string{xff + "1.1.1.1, 198.51.100.1"}, 200},
			{"10.0.0.1:1", []string{xff + "1.1.1.2, 198.51.100.1"}, 200},
			{"10.0.0.1:1", []string{xff + "1.1.1.3", xff + "198.51.100.1"}, 429},
			{"10.0.0.1:1", []string{xff + "198.51.100.1", xri + "1.1.1.4"}, 429},
		}},
		"X-Forwarded-For: a client that is not a trusted proxy is not believed": {v.extractors.forwarded, []call{
			{"192.0.2.1:1", []string{xff + "198.51.100.1"}, 200},
			{"192.0.2.1:1", []string{xff + "198.51.100.2"}, 200},
			{"192.0.2.1:1", []string{xff + "198.51.100.3"}, 429},
		}},
		"X-Forwarded-For: an invalid value counts as the proxy's address": {v.extractors.forwarded, []call{
			{"10.0.0.1:1", []string{xff + "x"}, 200}, {"10.0.0.1:1", []string{xff + "y"}, 200}, {"10.0.0.1:1", []string{xff + "z"}, 429},
		}},
		"X-Forwarded-For: only proxies that the app trusts are believed": {
			v.extractors.proxied, []call{
				{"10.0.0.1:1", []string{xff + "198.51.100.1"}, 200},
				{"10.0.0.1:1", []string{xff + "198.51.100.2"}, 200},
				{"10.0.0.1:1", []string{xff + "198.51.100.3"}, 429},
				{"203.0.113.7:1", []string{xff + "198.51.100.3"}, 200},
				{"203.0.113.8:1", []string{xff + "198.51.100.3"}, 200},
				{"203.0.113.9:1", []string{xff + "198.51.100.3"}, 429},
			},
		},
		"X-Real-Ip: a proxy's clients are told apart": {v.extractors.realIP, []call{
			{"10.0.0.1:1", []string{xri + "198.51.100.1"}, 200},
			{"10.0.0.1:1", []string{xri + "[2001:db8::1]"}, 200},
			{"10.0.0.1:1", []string{xri + "198.51.100.1", xff + "198.51.100.9"}, 200},
			{"10.0.0.1:1", []string{xri + "198.51.100.1"}, 429},
		}},
		"an extractor of the app's": {func(r *http.Request) string { return r.Header.Get("Cf-Connecting-Ip") }, []call{
			{"10.0.0.1:1", []string{"Cf-Connecting-Ip: 198.51.100.1"}, 200},
			{"10.0.0.1:1", []string{"Cf-Connecting-Ip: 198.51.100.2"}, 200},
			{"10.0.0.1:1", []string{"Cf-Connecting-Ip: 198.51.100.1"}, 200},
			{"10.0.0.2:1", []string{"Cf-Connecting-Ip: 198.51.100.1"}, 429},
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := adaptertest.Open(t, v.trusting(tt.extract))
			e := v.mounted(h.Auth) // without an IPExtractor: Context.RealIP of v4 would believe any header
			for i, c := range tt.calls {
				w := c.serve(t, h, e)
				if w.Code != c.status {
					t.Errorf("call %d from %s with %q: status = %d, want %d", i, c.from, c.header, w.Code, c.status)
				}
			}
		})
	}
}

func (c call) serve(t *testing.T, h *adaptertest.Fixture, handler http.Handler) *httptest.ResponseRecorder {
	t.Helper()
	r := adaptertest.Bare("GET /limited", c.header...).To(t, h, "")
	r.RemoteAddr = c.from
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w
}

func TestClientIPReturnsTheExtractorsAddress(t *testing.T) {
	t.Parallel()
	both(t, v4.testClientIPReturnsTheExtractorsAddress, v5.testClientIPReturnsTheExtractorsAddress)
}

func (v version[C, H, M]) testClientIPReturnsTheExtractorsAddress(t *testing.T) {
	r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
	r.RemoteAddr = "10.0.0.1:1"
	r.Header.Set("X-Forwarded-For", "1.1.1.1, 2001:db8::7")
	for name, tt := range map[string]struct {
		extract extract
		want    string
	}{
		"direct":          {v.extractors.direct, "10.0.0.1"},
		"X-Forwarded-For": {v.extractors.forwarded, "2001:db8::7"},
		"X-Real-Ip":       {v.extractors.realIP, "10.0.0.1"},
		"the app's":       {func(*http.Request) string { return "192.0.2.9" }, "192.0.2.9"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := v.clientIP(tt.extract)(r)
			if err != nil || got != netip.MustParseAddr(tt.want) {
				t.Errorf("ClientIP = %v, %v, want %s", got, err, tt.want)
			}
		})
	}
}

func TestClientIPOfNilIsNil(t *testing.T) {
	t.Parallel()
	both(t, v4.testClientIPOfNilIsNil, v5.testClientIPOfNilIsNil)
}

func (v version[C, H, M]) testClientIPOfNilIsNil(t *testing.T) {
	if v.clientIP(nil) != nil {
		t.Error("an app without an IPExtractor has a ClientIP")
	}
	h := adaptertest.Open(t)
	_, err := middleware.New(middleware.Config{Tokens: h.Authority, Tiers: adaptertest.Tiers, ClientIP: v.clientIP(nil)})
	if err == nil || !strings.Contains(err.Error(), "middleware: Config.ClientIP: ") {
		t.Errorf("error = %v, want one that names Config.ClientIP", err)
	}
}

// A request without a valid client address gets 400. If such callers shared a
// limit, one of them could spend it for all.
func TestClientIPThatIsInvalidIsRejected(t *testing.T) {
	t.Parallel()
	both(t, v4.testClientIPThatIsInvalidIsRejected, v5.testClientIPThatIsInvalidIsRejected)
}

func (v version[C, H, M]) testClientIPThatIsInvalidIsRejected(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":              "",
		"a name":               "localhost",
		"a port behind":        "192.0.2.1:80",
		"brackets":             "[2001:db8::1]",
		"a list":               "192.0.2.1, 192.0.2.2",
		"a space":              " 192.0.2.1",
		"octal":                "192.0.2.01",
		"a header's injection": "192.0.2.1\r\nX: y",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := adaptertest.Open(t, v.trusting(func(*http.Request) string { return text }))
			e, refusal := v.server("").Serve(h)
			w := adaptertest.Bare("GET /limited").Serve(t, h, e)
			if w.Code != 400 || adaptertest.Reason(refusal()) != wire.ReasonMalformed {
				t.Errorf("answer = %d for %v, want 400 for %s", w.Code, refusal(), wire.ReasonMalformed)
			}
			if n := h.Counters.Keys(); n != 0 {
				t.Errorf("%d counters were charged", n)
			}
			if text != "" && strings.Contains(w.Body.String(), text) {
				t.Error("the answer quotes the address")
			}
		})
	}
}

// Events carry the same address.
func TestClientIPIsInTheEvents(t *testing.T) {
	t.Parallel()
	both(t, v4.testClientIPIsInTheEvents, v5.testClientIPIsInTheEvents)
}

func (v version[C, H, M]) testClientIPIsInTheEvents(t *testing.T) {
	var told []events.Event
	h := adaptertest.Open(t, v.trusting(v.extractors.forwarded), func(c *adaptertest.Config) {
		c.Tokens.Events = func(_ context.Context, e events.Event) { told = append(told, e) }
	})
	e := v.mounted(h.Auth)
	r := adaptertest.Form("POST /login", adaptertest.AlicesLogin, "X-Forwarded-For: 198.51.100.1").To(t, h, "")
	r.RemoteAddr = "10.0.0.1:1"
	e.ServeHTTP(httptest.NewRecorder(), r)
	if len(told) != 1 || told[0].Address != netip.MustParseAddr("198.51.100.1") {
		t.Errorf("events = %v, want one from 198.51.100.1", told)
	}
}
