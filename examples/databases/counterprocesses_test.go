package databases_test

import (
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/internal/floodtest"
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
// callers each, with each algorithm and without leases too; otherwise they are two with 8
// callers.
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
				admitted := floodtest.Flood{
					Processes: processes, Limit: work.Limit, Algorithm: algorithm, Lease: lease,
					Test: "TestCountingProcess", Variable: countingVariable + "=" + string(order),
				}.Admits(t)
				t.Logf("counters: %v, leases of %d: %d of %d requests of %d processes with %d callers were admitted", algorithm, lease, admitted, int64(processes)*work.Requests, processes, work.Callers)
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
	floodtest.Spend(t, c, one, work.Callers, work.Requests)
}
