package health_test

import (
	"context"
	"log/slog"
	"net/http"
	"os"

	"github.com/sallyport-go/sallyport/middleware/health"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/store/memstore"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

// A host mounts both probes on a port that only its orchestrator reaches.
func Example() {
	users, err := memstore.New(memstore.Config{})
	check(err)
	ring, err := keys.NewRing(keys.Key{Algorithm: "HS256", Secret: keys.NewSecret()})
	check(err)
	counters := ratelimit.Memory()
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))

	probes, err := health.New(health.Config{
		Checks: []health.Check{health.Store(users), health.Counters(counters), health.Keys(ring)},
		Failed: func(ctx context.Context, check string, err error) {
			log.WarnContext(ctx, "not ready", "check", check, "error", err)
		},
	})
	check(err)
	internal := http.NewServeMux()
	internal.HandleFunc("/live", probes.Live)
	internal.HandleFunc("/ready", probes.Ready)
	// Output:
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
