package rediscounters_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/internal/floodtest"
	"github.com/sallyport-go/sallyport/internal/redistest"
	"github.com/sallyport-go/sallyport/internal/skip"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/ratelimit/rediscounters"
)

const (
	processes  = 8
	callers    = 64
	hugeWindow = 9 * 365 * 24 * time.Hour // so that nothing comes back meanwhile
)

// flood returns how many requests the processes make together, and how many are admitted:
// five times as many where SALLYPORT_FULL is set.
func flood() (requests, limit int64) {
	if os.Getenv("SALLYPORT_FULL") == "" {
		return 20_000, 2_000
	}
	return 100_000, 10_000
}

// Eight processes with 64 callers each make many more requests than the limit: as many
// as it says are admitted, and none fails.
func TestF12EightProcesses(t *testing.T) {
	t.Parallel()
	skip.Long(t)
	url := redistest.URL(t)
	client := dial(t, url)
	_, limit := flood()
	for _, algorithm := range algorithms {
		for _, lease := range []int64{0, 10} {
			prefix := redistest.Prefix(t, client)
			floodtest.Flood{
				Processes: processes, Limit: limit, Algorithm: algorithm, Lease: lease,
				Test: "TestProcess", Variable: fmt.Sprintf("SALLYPORT_TEST_PROCESS=%s %s %d %d", url, prefix, algorithm, lease),
			}.Admits(t)
		}
	}
}

// TestProcess is one of the processes.
func TestProcess(t *testing.T) { //nolint:paralleltest // it is alone in its process
	order := strings.Fields(os.Getenv("SALLYPORT_TEST_PROCESS"))
	if len(order) != 4 {
		return
	}
	algorithm, _ := strconv.Atoi(order[2])
	lease, _ := strconv.ParseInt(order[3], 10, 64)
	c := configured(t, dial(t, order[0]), order[1], rediscounters.Config{Lease: lease})
	requests, limit := flood()
	one := by(ratelimit.Algorithm(algorithm), charge("hot", limit, 1))
	one.Policy.Window = hugeWindow
	floodtest.Spend(t, c, one, callers, requests/processes)
}
