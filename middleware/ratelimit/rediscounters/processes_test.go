package rediscounters_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

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
// as it says are admitted, and none fails. By GCRA a process may end with most of
// a unit in its lease, for a little has leaked, and cannot spend it.
func TestF12EightProcesses(t *testing.T) {
	t.Parallel()
	skip.Long(t)
	url := redistest.URL(t)
	client := dial(t, url)
	_, limit := flood()
	for _, algorithm := range algorithms {
		for _, lease := range []int64{0, 10} {
			prefix := redistest.Prefix(t, client)
			var admitted atomic.Int64
			var all sync.WaitGroup
			for range processes {
				all.Go(func() {
					cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestProcess$", "-test.v") //nolint:gosec // this test itself
					cmd.Env = append(os.Environ(), fmt.Sprintf("SALLYPORT_TEST_PROCESS=%s %s %d %d", url, prefix, algorithm, lease))
					out, err := cmd.CombinedOutput()
					_, tail, found := bytes.Cut(out, []byte("admitted="))
					number, _, _ := bytes.Cut(tail, []byte("\n"))
					n, parsed := strconv.ParseInt(string(number), 10, 64)
					if err := errors.Join(err, parsed); err != nil || !found {
						t.Errorf("a process: %v\n%s", err, out)
					}
					admitted.Add(n)
				})
			}
			all.Wait()
			kept := int64(0)
			if lease > 0 && algorithm == ratelimit.GCRA {
				kept = processes
			}
			if n := admitted.Load(); n > limit || n < limit-kept {
				t.Errorf("%v, leases of %d: %d were admitted, want %d, or %d fewer at most", algorithm, lease, n, limit, kept)
			}
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
	var admitted, left atomic.Int64
	left.Store(requests / processes)
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for left.Add(-1) >= 0 {
				d, err := c.Take(t.Context(), []ratelimit.Charge{one}, nil)
				if err != nil {
					t.Error(err)
				}
				if d.Allowed {
					admitted.Add(1)
				}
			}
		})
	}
	all.Wait()
	for { // what it was given in the last moment
		d, err := c.Take(t.Context(), []ratelimit.Charge{one}, nil)
		if err != nil || !d.Allowed {
			break
		}
		admitted.Add(1)
	}
	t.Logf("\nadmitted=%d", admitted.Load())
}
