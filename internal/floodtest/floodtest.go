// Package floodtest lets several processes with many callers each charge one counter. Only
// tests import it.
package floodtest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sallyport-go/sallyport/middleware/ratelimit"
)

// Flood is what the processes do.
type Flood struct {
	Processes int
	Limit     int64
	Algorithm ratelimit.Algorithm
	Lease     int64

	Test     string // a test of this program, which calls Spend
	Variable string // of its environment: what the test is to do, as "NAME=value"
}

// Admits runs the processes, and fails the test unless they together admit the limit. By
// GCRA a process may end with most of a unit in its lease, for a little has leaked, and
// cannot spend it. It returns how many they have admitted.
func (f Flood) Admits(t testing.TB) int64 {
	t.Helper()
	var admitted atomic.Int64
	var all sync.WaitGroup
	for range f.Processes {
		all.Go(func() {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+f.Test+"$", "-test.v") //nolint:gosec // this test itself
			cmd.Env = append(os.Environ(), f.Variable)                                               //nolint:forbidigo // the processes are those of a test
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
	if f.Lease > 0 && f.Algorithm == ratelimit.GCRA {
		kept = int64(f.Processes)
	}
	n := admitted.Load()
	if n > f.Limit || n < f.Limit-kept {
		t.Errorf("%v, leases of %d: %d were admitted, want %d, or %d fewer at most", f.Algorithm, f.Lease, n, f.Limit, kept)
	}
	return n
}

// Spend is one of the processes: its callers together make so many requests, and then spend
// what is left in the lease. It prints how many were admitted.
func Spend(t testing.TB, c ratelimit.Counters, one ratelimit.Charge, callers int, requests int64) {
	t.Helper()
	var admitted, left atomic.Int64
	left.Store(requests)
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
	_, _ = fmt.Fprintf(os.Stdout, "\nadmitted=%d\n", admitted.Load())
}
