// Package otelauth reports what Sallyport does as metrics and traces of OpenTelemetry:
// logins, refreshes, rejections, decisions of rate limits, and how long the store and
// the counters take. It is a module of its own and needs the API of OpenTelemetry only;
// the host brings the SDK and the exporter.
//
//	telemetry, err := otelauth.New(otelauth.Config{MeterProvider: meters, TracerProvider: tracers, Tiers: tiers})
//	...
//	authority, err := tokens.New(tokens.Config{
//		Store:  telemetry.Store(users),
//		Events: telemetry.Events(events.Log(log)),
//		...
//	})
//	auth, err := middleware.New(middleware.Config{
//		Tiers:    tiers,
//		Counters: telemetry.Counters(counters),
//		Verified: telemetry.Verified,
//		Decided:  telemetry.Decided,
//		...
//	})
//	mux.Handle("POST /login", telemetry.Handler("POST /login", http.HandlerFunc(auth.Login)))
//
// # Metrics
//
//   - sallyport.events ({event}): each event, by sallyport.event.kind (see package
//     events); a rejection also by sallyport.reason (see wire.Reason), and an event of a
//     limit by sallyport.policy. Logins, refreshes and reused tokens are the kinds login,
//     refresh and reuse.
//   - sallyport.bearer.checks ({check}): each request that Bearer, OptionalBearer or
//     Protect has verified, by sallyport.outcome: accepted, anonymous, or the wire.Reason
//     of the rejection.
//   - sallyport.limit.decisions ({decision}): each decision of a rate limit, by
//     sallyport.tier, sallyport.policy (which policy rejected it) and sallyport.outcome:
//     admitted, uncounted (admitted while the counters failed), limited,
//     unauthenticated, unavailable, malformed (no address), misconfigured, or refused (by a
//     function of the host).
//   - sallyport.store.operation.duration (s): each call of the store, by
//     sallyport.operation and, if it failed, error.type: busy, timeout, canceled, panic or
//     _OTHER. What the contract of package store calls an answer is no failure.
//   - sallyport.counters.operation.duration (s): each call of the counters, alike;
//     error.type may also be circuit_open.
//   - sallyport.counters.connection.wait (s): how long decisions waited for a connection.
//   - sallyport.signing_key.age (s): for how long the key that signs has been signing.
//   - http.server.request.duration (s): each request of a Handler, as the semantic
//     conventions of OpenTelemetry have it.
//
// The values of each attribute are fixed by the code or by the Config: no identifier, no
// address and nothing that a caller chooses is one. What is not known beforehand is
// _OTHER.
//
// # Traces
//
// A Handler is a server span, and each call of the store and of the counters is a span
// below it. Events are span events. Spans have the same attributes as the metrics, and
// never the text of an error.
package otelauth

import (
	"errors"
	"time"

	"go.opentelemetry.io/otel/metric"
	meternoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/trace"
	tracernoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

// scope is the name of the instrumentation scope.
const scope = "github.com/sallyport-go/sallyport/middleware/otelauth"

// Config configures a Telemetry. The zero value reports nothing.
type Config struct {
	// MeterProvider makes the instruments. Nil: there are no metrics.
	MeterProvider metric.MeterProvider

	// TracerProvider makes the spans. Nil: there are no traces.
	TracerProvider trace.TracerProvider

	// Tiers are those of the middleware.Config: their names are values of attributes.
	// Include tiers that Reconfigure may add later. Nil: each tier is _OTHER.
	Tiers ratelimit.Tiers

	// Limits are the LimitConfigs of the middleware.Config and of its Limits, for the
	// names of their rules. Nil: each rule is _OTHER.
	Limits []ratelimit.LimitConfig

	// Keys are the signing keys: the keys.Ring of tokens.Config.KeyRing, or a keys.Set
	// of its Keys. Their age is known if the key that signs has a SignsFrom. KeySet is
	// called whenever metrics are collected, so a source that fetches keys does not
	// belong here. Nil: the age is not reported.
	Keys keys.Source

	// Now is the clock, for tests. It must be safe for concurrent use. Nil: time.Now.
	Now func() time.Time
}

// Telemetry reports what Sallyport does. Create it with New. It is safe for concurrent
// use, and starts no goroutine.
type Telemetry struct {
	tracer trace.Tracer
	now    func() time.Time
	names  names

	events    metric.Int64Counter
	checks    metric.Int64Counter
	decisions metric.Int64Counter
	store     timer
	counters  timer
	waits     metric.Float64Histogram
	requests  metric.Float64Histogram

	sets sets
}

// Boundaries of the histograms, in seconds: those that the semantic conventions
// recommend for servers, and finer ones for what is close by.
var (
	serverSeconds = []float64{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10}
	closeSeconds  = []float64{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5}
)

// New returns a Telemetry. It returns the errors of the MeterProvider, joined, if that
// cannot make an instrument.
func New(c Config) (*Telemetry, error) {
	if c.MeterProvider == nil {
		c.MeterProvider = meternoop.NewMeterProvider()
	}
	if c.TracerProvider == nil {
		c.TracerProvider = tracernoop.NewTracerProvider()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	t := &Telemetry{tracer: c.TracerProvider.Tracer(scope), now: c.Now, names: newNames(c)}
	meter := c.MeterProvider.Meter(scope)
	var errs []error
	counter := func(name, unit, description string) metric.Int64Counter {
		made, err := meter.Int64Counter(name, metric.WithUnit(unit), metric.WithDescription(description))
		errs = append(errs, err)
		return made
	}
	seconds := func(name, description string, bounds []float64) metric.Float64Histogram {
		made, err := meter.Float64Histogram(name, metric.WithUnit("s"), metric.WithDescription(description), metric.WithExplicitBucketBoundaries(bounds...))
		errs = append(errs, err)
		return made
	}
	t.events = counter("sallyport.events", "{event}", "Events of Sallyport, by kind.")
	t.checks = counter("sallyport.bearer.checks", "{check}", "Requests whose access token was verified, by outcome.")
	t.decisions = counter("sallyport.limit.decisions", "{decision}", "Decisions of rate limits, by tier, policy and outcome.")
	t.store = timer{t, "store ", storeFailure, seconds("sallyport.store.operation.duration", "Duration of the calls of the store.", closeSeconds)}
	t.counters = timer{t, "counters ", counterFailure, seconds("sallyport.counters.operation.duration", "Duration of the calls of the counters.", closeSeconds)}
	t.waits = seconds("sallyport.counters.connection.wait", "Time that decisions waited for a connection to the counters.", closeSeconds)
	t.requests = seconds("http.server.request.duration", "Duration of HTTP server requests.", serverSeconds)
	if c.Keys != nil {
		errs = append(errs, reportAge(meter, c))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return t, nil
}
