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
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/ratelimit/rediscounters"
)

const (
	processes  = 8
	callers    = 64
	requests   = 100_000
	hugeLimit  = 10_000
	hugeWindow = 9 * 365 * 24 * time.Hour // so that nothing comes back meanwhile
)

// Eight processes with 64 callers each make 100 000 requests against a limit of
// 10 000: so many are admitted, and none fails. By GCRA a process may end with most of
// a unit in its lease, for a little has leaked, and cannot spend it.
func TestF12EightProcesses(t *testing.T) {
	t.Parallel()
	url := redistest.URL(t)
	client := dial(t, url)
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
			if n := admitted.Load(); n > hugeLimit || n < hugeLimit-kept {
				t.Errorf("%v, leases of %d: %d were admitted, want %d, or %d fewer at most", algorithm, lease, n, hugeLimit, kept)
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
	one := by(ratelimit.Algorithm(algorithm), charge("hot", hugeLimit, 1))
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
