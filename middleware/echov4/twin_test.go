package echov4_test

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/cryptotest"

	"github.com/labstack/echo/v4"

	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/wire"
)

// TestTwin sends each request of the table to a net/http ServeMux and to an
// Echo app with Echo's own error handler, over real connections. Each has a
// fixture of its own, prepared by the same steps. The answers must be equal:
// status, all headers and body, byte by byte.
//
// crypto/rand is seeded and the clock stands still in both fixtures, so that
// tokens are compared too. [normal] lists what is not compared.
func TestTwin(t *testing.T) { //nolint:paralleltest // crypto/rand is seeded for the whole process
	for _, tw := range twins { //nolint:paralleltest // the same
		t.Run(tw.name, func(t *testing.T) {
			std, _ := tw.answers(t, tw.overHTTP)
			twin, refusal := tw.answers(t, tw.overEcho)
			if std.status != tw.status {
				t.Errorf("net/http: status = %d, want %d", std.status, tw.status)
			}
			for _, d := range differences(tw.method(), std, twin) {
				t.Error(d)
			}
			if got := reason(refusal); got != tw.reason {
				t.Errorf("reason = %q, want %q", got, tw.reason)
			}
			for _, inside := range []string{"10.0.0.7", "store:", "tokens:", "middleware:", "memstore", "issuer"} {
				if tw.status >= 400 && strings.Contains(std.text()+twin.text(), inside) {
					t.Errorf("an answer has %q in it", inside)
				}
			}
		})
	}
}

// TestTwinMeetsEveryReason fails if the table has no request for a reason.
func TestTwinMeetsEveryReason(t *testing.T) {
	t.Parallel()
	for _, r := range reasons {
		if !slices.ContainsFunc(twins, func(tw twin) bool { return tw.reason == r }) {
			t.Errorf("nothing is refused for the reason %q", r)
		}
	}
}

// reasons are all reasons for which a request is refused.
var reasons = []wire.Reason{
	wire.ReasonMethod, wire.ReasonMalformed, wire.ReasonTooLarge, wire.ReasonMissing,
	wire.ReasonGrantType, wire.ReasonCredentials, wire.ReasonScope, wire.ReasonNoRefresh,
	wire.ReasonRefresh, wire.ReasonEnded, wire.ReasonNoBearer, wire.ReasonBearerForm,
	wire.ReasonBearer, wire.ReasonExpired, wire.ReasonTwoBearers, wire.ReasonForbidden,
	wire.ReasonClient, wire.ReasonClientGrant, wire.ReasonKey, wire.ReasonTarget,
	wire.ReasonTokenType, wire.ReasonNoSession, wire.ReasonCrossSite, wire.ReasonNotFound,
	wire.ReasonLimited, wire.ReasonThrottled, wire.ReasonUnavailable, wire.ReasonInternal,
}

// TestTwinTellsDifferences tests the comparison with answers that differ.
func TestTwinTellsDifferences(t *testing.T) {
	t.Parallel()
	refused := func() answer {
		body := `{"detail":"Unauthorized"}`
		return answer{401, http.Header{
			"Date":             {"Wed, 04 Mar 2026 05:06:07 GMT"},
			"Content-Type":     {"application/json"},
			"Content-Length":   {strconv.Itoa(len(body))},
			"Www-Authenticate": {"Bearer"},
		}, body}
	}
	grown := func(a answer, by string) answer {
		a.body += by
		a.header.Set("Content-Length", strconv.Itoa(len(a.body)))
		return a
	}
	tests := map[string]struct {
		method string
		change func(std, twin *answer)
		want   int
	}{
		"equal answers":                        {"GET", func(_, _ *answer) {}, 0},
		"another date":                         {"GET", func(_, twin *answer) { twin.header.Set("Date", "Thu, 05 Mar 2026 05:06:07 GMT") }, 0},
		"Echo's newline":                       {"GET", func(_, twin *answer) { *twin = grown(*twin, "\n") }, 0},
		"two newlines":                         {"GET", func(_, twin *answer) { *twin = grown(*twin, "\n\n") }, 2},
		"a newline on the wrong side":          {"GET", func(std, _ *answer) { *std = grown(*std, "\n") }, 2},
		"a newline behind a success":           {"GET", func(std, twin *answer) { std.status, twin.status = 200, 200; *twin = grown(*twin, "\n") }, 2},
		"another status":                       {"GET", func(_, twin *answer) { twin.status = 403 }, 1},
		"a header's other value":               {"GET", func(_, twin *answer) { twin.header.Set("Www-Authenticate", "Basic") }, 1},
		"a header twice":                       {"GET", func(_, twin *answer) { twin.header.Add("Www-Authenticate", "Bearer") }, 1},
		"a header less":                        {"GET", func(_, twin *answer) { twin.header.Del("Www-Authenticate") }, 1},
		"a header more":                        {"GET", func(_, twin *answer) { twin.header.Set("Vary", "Origin") }, 1},
		"another media type":                   {"GET", func(_, twin *answer) { twin.header.Set("Content-Type", "text/html") }, 1},
		"no media type":                        {"GET", func(_, twin *answer) { twin.header.Del("Content-Type") }, 1},
		"no length":                            {"GET", func(_, twin *answer) { twin.header.Del("Content-Length") }, 1},
		"another body":                         {"GET", func(_, twin *answer) { twin.body = `{"detail":"unauthorized"}` }, 1},
		"a space in the body":                  {"GET", func(_, twin *answer) { twin.body = `{"detail": "Unauthorized"}` }, 1},
		"all of it":                            {"GET", func(_, twin *answer) { twin.status, twin.body = 500, ""; twin.header.Set("Vary", "*") }, 3},
		"what Echo leaves out for HEAD":        {"HEAD", func(_, twin *answer) { twin.header.Del("Content-Type"); twin.header.Del("Content-Length") }, 0},
		"another media type for HEAD":          {"HEAD", func(_, twin *answer) { twin.header.Set("Content-Type", "text/html") }, 1},
		"another header for HEAD":              {"HEAD", func(_, twin *answer) { twin.header.Del("Www-Authenticate") }, 1},
		"what a success leaves out for HEAD":   {"HEAD", func(std, twin *answer) { std.status, twin.status = 200, 200; twin.header.Del("Content-Type") }, 1},
		"what net/http leaves out for HEAD":    {"HEAD", func(std, _ *answer) { std.header.Del("Content-Type") }, 1},
		"the wrong side leaves out the length": {"HEAD", func(std, _ *answer) { std.header.Del("Content-Length") }, 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			std, twin := refused(), refused()
			tt.change(&std, &twin)
			if got := differences(tt.method, std, twin); len(got) != tt.want {
				t.Errorf("differences = %q, want %d", got, tt.want)
			}
		})
	}
}

// TestTwinDetectsDifferentConfigs sends requests to two fixtures with
// different configurations. It fails if the handlers are not called or the
// answers are not compared.
func TestTwinDetectsDifferentConfigs(t *testing.T) { //nolint:paralleltest // crypto/rand is seeded for the whole process
	for name, tt := range map[string]struct { //nolint:paralleltest // as above
		request      request
		config, twin func(*config)
		want         string
	}{
		"another realm":    {bare("GET /bearer"), func(*config) {}, func(c *config) { c.auth.Realm = "other" }, "Www-Authenticate"},
		"another dialect":  {bare("GET /bearer"), func(*config) {}, func(c *config) { c.auth.Dialect = fastAPI }, "body"},
		"another lifetime": {form("POST /login", alicesOwn), func(*config) {}, func(c *config) { c.tokens.AccessTTL = 60e9 }, "body"},
		"another limit":    {bare("GET /limited"), func(*config) {}, noAnonymous, "status"},
		"another token":    {form("POST /login", alicesOwn), func(*config) {}, ownClaims, "body"},
	} {
		t.Run(name, func(t *testing.T) {
			tw := twin{request: tt.request, config: tt.config}
			std, _ := tw.answers(t, tw.overHTTP)
			tw.config = tt.twin
			other, _ := tw.answers(t, tw.overEcho)
			if got := strings.Join(differences(tw.method(), std, other), "\n"); !strings.Contains(got, tt.want) {
				t.Errorf("differences = %q, want one in %q", got, tt.want)
			}
		})
	}
}

// answer is what a client reads.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) text() string { return fmt.Sprint(a.header, a.body) }

// differences lists what is not the same in two answers to one request.
func differences(method string, std, twin answer) []string {
	std, twin = normal(method, std, twin)
	var all []string
	if std.status != twin.status {
		all = append(all, fmt.Sprintf("status: net/http %d, Echo %d", std.status, twin.status))
	}
	names := maps.Clone(std.header)
	maps.Copy(names, twin.header)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if !slices.Equal(std.header[name], twin.header[name]) {
			all = append(all, fmt.Sprintf("%s: net/http %q, Echo %q", name, std.header[name], twin.header[name]))
		}
	}
	if std.body != twin.body {
		all = append(all, fmt.Sprintf("body:\nnet/http %q\nEcho     %q", std.body, twin.body))
	}
	return all
}

// normal removes from two answers what may differ, and no more:
//
//   - Date, which the server adds by its own clock.
//   - The newline with which Echo's JSON serializer ends a document: one, in
//     Echo's answer, to a refusal, with the length that it adds.
//   - The media type and the length of the body that HEAD does not get: Echo's
//     error handler answers a refused HEAD without either, as RFC 9110 §9.3.2
//     allows. They may be missing there, but not be others.
func normal(method string, std, twin answer) (answer, answer) {
	std.header, twin.header = std.header.Clone(), twin.header.Clone()
	std.header.Del("Date")
	twin.header.Del("Date")
	if twin.status < 400 {
		return std, twin
	}
	if length := strconv.Itoa(len(twin.body)); strings.HasSuffix(twin.body, "\n") && twin.header.Get("Content-Length") == length {
		twin.body = strings.TrimSuffix(twin.body, "\n")
		twin.header.Set("Content-Length", strconv.Itoa(len(twin.body)))
	}
	if method == http.MethodHead {
		for _, name := range []string{"Content-Type", "Content-Length"} {
			if twin.header.Get(name) == "" {
				std.header.Del(name)
			}
		}
	}
	return std, twin
}

func (tw twin) method() string {
	method, _, _ := strings.Cut(tw.request.line, " ")
	return method
}

// open returns the fixture of one twin in its state before the request.
func (tw twin) open(t *testing.T, edits ...func(*config)) *fixture {
	t.Helper()
	if tw.config != nil {
		edits = append(edits, tw.config)
	}
	h := open(t, append([]func(*config){func(c *config) { c.auth.Dialect = tw.dialect }}, edits...)...)
	for _, happens := range tw.given {
		happens(t, h)
	}
	return h
}

// server is one of the twins: a fixture, its handler, and the reason of a refusal.
type server func(t *testing.T) (h *fixture, handler http.Handler, why func() error)

func (tw twin) overHTTP(t *testing.T) (*fixture, http.Handler, func() error) {
	t.Helper()
	h := tw.open(t, func(c *config) { c.auth.ClientIP = clientip.RemoteAddr })
	return h, mux(h), func() error { return nil } // net/http handlers return no error
}

func (tw twin) overEcho(t *testing.T) (*fixture, http.Handler, func() error) {
	t.Helper()
	h := tw.open(t)
	e := echo.New()
	var refusal error
	e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			refusal = next(c)
			return refusal
		}
	})
	mount(e, h.auth)
	return h, e, func() error { return refusal }
}

// answers starts a server, sends it the request, and returns the answer.
func (tw twin) answers(t *testing.T, open server) (answer, error) {
	t.Helper()
	cryptotest.SetGlobalRandom(t, 1)
	h, handler, why := open(t)
	from := tw.from
	if from == "" {
		from = "192.0.2.1:1234"
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.RemoteAddr = from
		handler.ServeHTTP(w, r)
	}))
	defer server.Close()
	response, err := server.Client().Do(tw.request.to(t, h, server.URL))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		t.Fatal(err)
	}
	server.Close() // waits for the handler, which has noted why it refused
	return answer{response.StatusCode, response.Header, string(body)}, why()
}

// reason is why a request was refused; empty if it was not.
func reason(err error) wire.Reason {
	if e, ok := errors.AsType[*wire.Error](err); ok {
		return e.Reason
	}
	return ""
}
