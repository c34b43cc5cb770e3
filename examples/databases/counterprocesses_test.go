package databases_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/ratelimit/sqlcounters"
	"github.com/sallyport-go/sallyport/store/sqlstore"
)

// counting is what one of several processes does.
type counting struct {
	Driver, DSN string
	Dialect     sqlstore.Dialect
	Hidden      []byte // the Secret
	Lease       int64
	Algorithm   ratelimit.Algorithm
	Limit       int64
	Callers     int
	Requests    int64
}

const countingVariable = "SALLYPORT_TEST_COUNTING"

// Processes together admit exactly the limit. SALLYPORT_COUNTERS makes them eight with 64
// callers each, with each algorithm and without leases too; otherwise they are two with 8 callers. By GCRA a
// process may end with most of a unit in its lease, for a little has leaked, and cannot
// spend it.
func TestCountersOfProcesses(t *testing.T) {
	t.Parallel()
	processes, work, leases := 2, counting{Limit: 100, Callers: 8, Requests: 100}, []int64{10}
	algorithms := []ratelimit.Algorithm{ratelimit.Rolling}
	if os.Getenv("SALLYPORT_COUNTERS") != "" {
		processes, work = 8, counting{Limit: 2000, Callers: 64, Requests: 500}
		leases = []int64{0, 10}
		algorithms = []ratelimit.Algorithm{ratelimit.FixedWindow, ratelimit.GCRA, ratelimit.Rolling}
	}
	each(t, func(t *testing.T, p *place) {
		must(t, sqlcounters.Migrate(t.Context(), p.db(t), p.countersConfig()))
		for _, algorithm := range algorithms {
			for _, lease := range leases {
				work := work
				work.Driver, work.DSN, work.Dialect = p.driver, p.dsn, p.config.Dialect
				work.Hidden, work.Lease, work.Algorithm = p.countersConfig().Secret, lease, algorithm
				order, err := json.Marshal(work)
				must(t, err)
				var admitted atomic.Int64
				var all sync.WaitGroup
				for range processes {
					all.Go(func() {
						cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestCountingProcess$", "-test.v") //nolint:gosec // this test itself
						cmd.Env = append(os.Environ(), countingVariable+"="+string(order))
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
					kept = int64(processes)
				}
				if n := admitted.Load(); n > work.Limit || n < work.Limit-kept {
					t.Errorf("%v, leases of %d: %d were admitted, want %d, or %d fewer at most", algorithm, lease, n, work.Limit, kept)
				}
				t.Logf("counters: %v, leases of %d: %d of %d requests of %d processes with %d callers were admitted", algorithm, lease, admitted.Load(), int64(processes)*work.Requests, processes, work.Callers)
			}
		}
	})
}

// TestCountingProcess is one of the processes.
func TestCountingProcess(t *testing.T) { //nolint:paralleltest // it is alone in its process
	order := os.Getenv(countingVariable)
	if order == "" {
		return
	}
	var work counting
	must(t, json.Unmarshal([]byte(order), &work))
	p := &place{driver: work.Driver, dsn: work.DSN, config: sqlstore.Config{Dialect: work.Dialect}}
	config := p.countersConfig()
	config.Secret, config.Lease = work.Hidden, work.Lease
	db := p.db(t)
	db.SetMaxOpenConns(6)
	c, err := sqlcounters.New(db, config)
	must(t, err)
	one := oneHour("hot", work.Limit, 1)
	one.Policy.Algorithm, one.Policy.Window = work.Algorithm, 9*365*24*time.Hour // nothing comes back meanwhile
	var admitted, left atomic.Int64
	left.Store(work.Requests)
	var all sync.WaitGroup
	for range work.Callers {
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
	fmt.Printf("\nadmitted=%d\n", admitted.Load())
}
