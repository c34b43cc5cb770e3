package adaptertest

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/cryptotest"

	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/wire"
)

// Server serves the routes of [Mux].
type Server struct {
	Name     string
	ClientIP func(*http.Request) (netip.Addr, error)

	// Serve returns a handler of the framework, with its own error handler. refusal
	// returns the error that the last request got, nil if there is none; nil if the
	// framework has no such errors.
	Serve func(h *Fixture) (handler http.Handler, refusal func() error)
}

// OverHTTP serves with net/http.
var OverHTTP = Server{
	Name: "net/http", ClientIP: clientip.RemoteAddr,
	Serve: func(h *Fixture) (http.Handler, func() error) { return Mux(h), nil },
}

// Answer is what a client reads.
type Answer struct {
	Status int
	Header http.Header
	Body   string
}

// Text is the headers and the body.
func (a Answer) Text() string { return fmt.Sprint(a.Header, a.Body) }

// Differences lists what is not the same in the answers of net/http and of an adapter
// to one request.
func Differences(method string, std, twin Answer) []string {
	std, twin = normal(method, std, twin)
	var all []string
	if std.Status != twin.Status {
		all = append(all, fmt.Sprintf("status: net/http %d, adapter %d", std.Status, twin.Status))
	}
	names := maps.Clone(std.Header)
	maps.Copy(names, twin.Header)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if !slices.Equal(std.Header[name], twin.Header[name]) {
			all = append(all, fmt.Sprintf("%s: net/http %q, adapter %q", name, std.Header[name], twin.Header[name]))
		}
	}
	if std.Body != twin.Body {
		all = append(all, fmt.Sprintf("body:\nnet/http %q\nadapter  %q", std.Body, twin.Body))
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
func normal(method string, std, twin Answer) (normalStd, normalTwin Answer) {
	std.Header, twin.Header = std.Header.Clone(), twin.Header.Clone()
	std.Header.Del("Date")
	twin.Header.Del("Date")
	if twin.Status < 400 {
		return std, twin
	}
	if length := strconv.Itoa(len(twin.Body)); strings.HasSuffix(twin.Body, "\n") && twin.Header.Get("Content-Length") == length {
		twin.Body = strings.TrimSuffix(twin.Body, "\n")
		twin.Header.Set("Content-Length", strconv.Itoa(len(twin.Body)))
	}
	if method == http.MethodHead {
		for _, name := range []string{"Content-Type", "Content-Length"} {
			if twin.Header.Get(name) == "" {
				std.Header.Del(name)
			}
		}
	}
	return std, twin
}

// Method is that of the request.
func (tw Twin) Method() string {
	method, _, _ := strings.Cut(tw.Request.Line, " ")
	return method
}

// Open returns the fixture of one twin in its state before the request.
func (tw Twin) Open(t *testing.T, edits ...func(*Config)) *Fixture {
	t.Helper()
	if tw.Config != nil {
		edits = append(edits, tw.Config)
	}
	h := Open(t, append([]func(*Config){func(c *Config) { c.Auth.Dialect = tw.Dialect }}, edits...)...)
	for _, happens := range tw.Given {
		happens(t, h)
	}
	return h
}

// Answer sends the request to a server, over a real connection, and returns the
// answer and the reason of a refusal. crypto/rand is seeded and the clock stands
// still, so that tokens can be compared too.
func (tw Twin) Answer(t *testing.T, s Server) (Answer, wire.Reason) {
	t.Helper()
	cryptotest.SetGlobalRandom(t, 1)
	h := tw.Open(t, func(c *Config) { c.Auth.ClientIP = s.ClientIP })
	handler, refusal := s.Serve(h)
	from := tw.From
	if from == "" {
		from = "192.0.2.1:1234"
	}
	listener := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.RemoteAddr = from
		handler.ServeHTTP(w, r)
	}))
	defer listener.Close()
	response, err := listener.Client().Do(tw.Request.To(t, h, listener.URL))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		t.Fatal(err)
	}
	listener.Close() // waits for the handler, which has noted why it refused
	var why wire.Reason
	if refusal != nil {
		why = Reason(refusal())
	}
	return Answer{response.StatusCode, response.Header, string(body)}, why
}

// Reason is why a request was refused; empty if it was not.
func Reason(err error) wire.Reason {
	if e, ok := errors.AsType[*wire.Error](err); ok {
		return e.Reason
	}
	return ""
}
