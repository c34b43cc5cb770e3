package otelauth_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/otelauth"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/memstore"
	"github.com/sallyport-go/sallyport/store/passwords"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

const (
	password = "correct horse & battery"
	code     = "493817"
)

// errDriver is what a driver might return.
var errDriver = errors.New("no connection")

// host is an application with all routes, whose telemetry a test can read.
type host struct {
	*otelauth.Telemetry

	metrics *sdkmetric.ManualReader
	spans   *tracetest.InMemoryExporter
	tokens  *tokens.Authority
	auth    *middleware.Auth
	mux     *http.ServeMux
	client  tokens.Secret // of the client "shop"

	signing, refreshing keys.Secret

	log    lockedBuffer
	mu     sync.Mutex
	events []events.Event
	broken atomic.Bool // the store and the counters fail
}

// lockedBuffer is a bytes.Buffer for many goroutines.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func tiers() ratelimit.Tiers {
	return ratelimit.Tiers{"free": {Limit: 1000, Period: time.Hour, Also: []ratelimit.Window{{Limit: 500, Period: time.Minute}}}, ratelimit.Anonymous: {Limit: 100, Period: time.Hour}}
}

func open(tb testing.TB, edits ...func(*tokens.Config, *middleware.Config)) *host {
	tb.Helper()
	h := &host{metrics: sdkmetric.NewManualReader(), spans: tracetest.NewInMemoryExporter(), mux: http.NewServeMux()}
	h.signing, h.refreshing = keys.NewSecret(), keys.NewSecret()
	secret, digest := tokens.NewClientSecret()
	h.client = secret
	must := func(err error) {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
	}
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(h.metrics))
	tracers := sdktrace.NewTracerProvider(sdktrace.WithSyncer(h.spans))
	ring, err := keys.NewRing(keys.Key{ID: "now", Algorithm: "HS256", Secret: h.signing, SignsFrom: time.Now().Add(-time.Hour)})
	must(err)
	h.Telemetry, err = otelauth.New(otelauth.Config{MeterProvider: provider, TracerProvider: tracers, Tiers: tiers(), Keys: ring})
	must(err)

	// Hashes cost next to nothing: what they protect is no secret.
	hasher, err := passwords.New(passwords.Config{Memory: 8, Time: 1, Threads: 1, InsecureParameters: true})
	must(err)
	memory, err := memstore.New(memstore.Config{Passwords: hasher})
	must(err)
	for _, login := range []string{"ada", "grace", "edsger"} {
		must(memory.AddUser(tb.Context(), store.User{ID: "u-" + login, Login: login, Account: "a-" + login, Tier: "free"}, password))
	}
	must(memory.SetClient(tb.Context(), store.Client{
		ID: "shop", Secrets: []store.Digest{digest},
		Grants: []string{tokens.GrantPassword, tokens.GrantRefresh, tokens.GrantExchange},
	}))
	must(memory.SetClient(tb.Context(), store.Client{ID: "web", Grants: []string{tokens.GrantPassword, tokens.GrantRefresh, tokens.GrantExchange}}))
	counters, err := ratelimit.NewMemory(ratelimit.MemoryConfig{})
	must(err)
	log := events.Log(slog.New(slog.NewJSONHandler(&h.log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	tc := tokens.Config{
		Store: h.Store(breakable{memory, &h.broken}), APIKeys: h.APIKeys(memory), Clients: memory, DefaultClient: "web", Revocations: h.Revocations(memory),
		Issuer: "https://issuer.example", Audience: "https://api.example",
		KeyRing: ring, RefreshKeys: []keys.Secret{h.refreshing},
		SecondFactor: func(_ context.Context, _, _, shown string) ([]string, error) {
			if shown != code {
				return nil, store.ErrBadCredentials
			}
			return []string{"otp"}, nil
		},
		Events: h.Events(func(ctx context.Context, e events.Event) {
			log(ctx, e)
			h.mu.Lock()
			defer h.mu.Unlock()
			h.events = append(h.events, e)
		}),
	}
	mc := middleware.Config{
		ClientIP: clientip.RemoteAddr, Tiers: tiers(), Counters: h.Counters(breakableCounters{counters, &h.broken}),
		PasswordGrant: true, MayIntrospect: func(context.Context, store.Client) bool { return true },
		Verified: h.Verified, Decided: h.Decided,
	}
	for _, edit := range edits {
		edit(&tc, &mc)
	}
	h.tokens, err = tokens.New(tc)
	must(err)
	mc.Tokens = h.tokens
	h.auth, err = middleware.New(mc)
	must(err)
	mc.Cookies = &middleware.Cookies{RefreshPath: "/cookie"}
	browser, err := middleware.New(mc)
	must(err)
	hello := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	for route, handler := range map[string]http.Handler{
		"POST /login":                http.HandlerFunc(h.auth.Login),
		"POST /complete":             http.HandlerFunc(h.auth.CompleteLogin),
		"POST /refresh":              http.HandlerFunc(h.auth.Refresh),
		"POST /logout":               http.HandlerFunc(h.auth.Logout),
		"POST /token":                http.HandlerFunc(h.auth.Token),
		"POST /revoke":               http.HandlerFunc(h.auth.Revoke),
		"POST /introspect":           http.HandlerFunc(h.auth.Introspect),
		"GET /sessions":              http.HandlerFunc(h.auth.Sessions),
		"POST /keys":                 http.HandlerFunc(h.auth.CreateAPIKey),
		"POST /keys/{id}":            http.HandlerFunc(h.auth.ReplaceAPIKey),
		"POST /cookie/login":         http.HandlerFunc(browser.Login),
		"POST /cookie/refresh":       http.HandlerFunc(browser.Refresh),
		"GET /cookie/me":             browser.Protect(hello),
		"GET /me":                    h.auth.Protect(hello),
		"GET /search":                h.auth.OptionalBearer(h.auth.Limit(hello)),
		"GET /write":                 h.auth.Bearer(h.auth.RequireScope("write")(hello)),
		"GET /.well-known/jwks.json": http.HandlerFunc(h.auth.JWKS),
	} {
		h.mux.Handle(route, h.Handler(route, handler))
	}
	return h
}

// breakable is a store that can fail, and asks "grace" for a second factor.
type breakable struct {
	store.Store

	broken *atomic.Bool
}

func (s breakable) Authenticate(ctx context.Context, login, password string) (store.User, error) {
	if s.broken.Load() {
		return store.User{}, errDriver
	}
	u, err := s.Store.Authenticate(ctx, login, password)
	if err == nil && login == "grace" {
		return store.User{}, &store.SecondFactorError{UserID: u.ID, CredentialVersion: u.CredentialVersion, Methods: []string{"otp"}}
	}
	return u, err
}

// breakableCounters are counters that can fail.
type breakableCounters struct {
	ratelimit.Counters

	broken *atomic.Bool
}

func (c breakableCounters) Take(ctx context.Context, charges []ratelimit.Charge, dst []ratelimit.Status) (ratelimit.Decision, error) {
	if c.broken.Load() && charges[0].Group == ratelimit.GroupCallers {
		return ratelimit.Decision{}, ratelimit.ErrCircuitOpen
	}
	return c.Counters.Take(ctx, charges, dst)
}

// answer is what came back.
type answer struct {
	status int
	body   string
	header http.Header
}

// member returns a member of the body.
func (a answer) member(name string) string {
	var all map[string]any
	_ = json.Unmarshal([]byte(a.body), &all)
	text, _ := all[name].(string)
	return text
}

// send sends a request that is written as it is on the wire: a line, headers, an empty
// line and the body.
func (h *host) send(tb testing.TB, text string) answer {
	tb.Helper()
	head, body, _ := strings.Cut(text, "\n\n")
	lines := strings.Split(head, "\n")
	method, target, ok := strings.Cut(lines[0], " ")
	if !ok {
		tb.Fatalf("no request: %q", text)
	}
	r := httptest.NewRequestWithContext(tb.Context(), method, "https://api.example"+target, strings.NewReader(body))
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Add(name, value)
	}
	if body != "" && r.Header.Get("Content-Type") == "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	w := httptest.NewRecorder()
	h.mux.ServeHTTP(w, r)
	read, _ := io.ReadAll(w.Body)
	return answer{w.Code, string(read), w.Header()}
}

// want sends a request whose status must be this.
func (h *host) want(tb testing.TB, status int, text string) answer {
	tb.Helper()
	a := h.send(tb, text)
	if a.status != status {
		line, _, _ := strings.Cut(text, "\n")
		tb.Fatalf("%s: %d %s, want %d", line, a.status, a.body, status)
	}
	return a
}

// collect returns all metrics.
func (h *host) collect(tb testing.TB) metricdata.ResourceMetrics {
	tb.Helper()
	var all metricdata.ResourceMetrics
	if err := h.metrics.Collect(tb.Context(), &all); err != nil {
		tb.Fatal(err)
	}
	return all
}

// series returns the value of each series of counters and gauges, and the count of each
// histogram, by "name{attributes}".
func series(all metricdata.ResourceMetrics) map[string]float64 {
	values := map[string]float64{}
	for _, s := range all.ScopeMetrics {
		for _, m := range s.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					values[m.Name+"{"+p.Attributes.Encoded(encoder)+"}"] = float64(p.Value)
				}
			case metricdata.Gauge[float64]:
				for _, p := range data.DataPoints {
					values[m.Name+"{"+p.Attributes.Encoded(encoder)+"}"] = p.Value
				}
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					values[m.Name+"{"+p.Attributes.Encoded(encoder)+"}"] = float64(p.Count)
				}
			}
		}
	}
	return values
}

// wantSeries fails unless these series, and no others of the metric, have these values.
func (h *host) wantSeries(tb testing.TB, metric string, want map[string]float64) {
	tb.Helper()
	got := map[string]float64{}
	for name, value := range series(h.collect(tb)) {
		if labels, ok := strings.CutPrefix(name, metric+"{"); ok {
			got[strings.TrimSuffix(labels, "}")] = value
		}
	}
	for labels, value := range want {
		if got[labels] != value {
			tb.Errorf("%s{%s} = %v, want %v", metric, labels, got[labels], value)
		}
		delete(got, labels)
	}
	for _, labels := range sortedKeys(got) {
		tb.Errorf("%s{%s} = %v, want no such series", metric, labels, got[labels])
	}
}

func sortedKeys(m map[string]float64) []string {
	var all []string
	for k := range m {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}

// login logs a user in.
func (h *host) login(tb testing.TB, name string) answer {
	tb.Helper()
	return h.want(tb, http.StatusOK, fmt.Sprintf("POST /login\n\ngrant_type=password&username=%s&password=correct+horse+%%26+battery", name))
}
