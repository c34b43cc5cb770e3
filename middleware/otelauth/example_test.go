package otelauth_test

import (
	"log/slog"
	"net/http"
	"os"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/otelauth"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/store/memstore"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

// A host gives its providers to a Telemetry, and the hooks and wrappers of that to the
// Authority and the Auth.
func Example() {
	meters := sdkmetric.NewMeterProvider()  // with the reader or exporter of the host
	tracers := sdktrace.NewTracerProvider() // with a sampler and an exporter
	users, err := memstore.New(memstore.Config{})
	check(err)
	ring, err := keys.NewRing(keys.Key{Algorithm: "HS256", Secret: keys.NewSecret()})
	check(err)
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	tiers := ratelimit.Tiers{"free": {Limit: 500, Period: time.Hour, Algorithm: ratelimit.GCRA}}

	telemetry, err := otelauth.New(otelauth.Config{MeterProvider: meters, TracerProvider: tracers, Tiers: tiers, Keys: ring})
	check(err)
	authority, err := tokens.New(tokens.Config{
		Store:  telemetry.Store(users),
		Events: telemetry.Events(events.Log(log)),
		Issuer: "https://api.example.com", Audience: "api", KeyRing: ring, RefreshKeys: []keys.Secret{keys.NewSecret()},
	})
	check(err)
	auth, err := middleware.New(middleware.Config{
		Tokens: authority, Tiers: tiers, ClientIP: clientip.RemoteAddr,
		Verified: telemetry.Verified,
		Decided:  telemetry.Decided,
	})
	check(err)
	mux := http.NewServeMux()
	mux.Handle("POST /login", telemetry.Handler("POST /login", http.HandlerFunc(auth.Login)))
	// Output:
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
