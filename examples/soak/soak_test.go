// Package soak_test lets two hosts serve clients over one PostgreSQL and one Redis,
// while servers are killed, frozen and restarted, connections are cut, clients hang up,
// a host is restarted and killed with requests in flight, and keys and tiers change, at
// random. At the end it compares what clients were told with what the stores and the
// counters hold.
//
//	SALLYPORT_SOAK=10m go test -v -timeout 30m -run TestSoak ./examples/soak
//
// Exact is: of the callers with one refresh token one wins, and all of them get one
// successor; each session that a client has is in the store at its generation; a session
// that has ended is refused by each host; the calls that were admitted are no more than
// the highest limit that was in force, and with those whose answer was lost, or was 503,
// no fewer than the lowest once the limit was reached. With leases, each such call may
// have lost a lease too, and each host that died the one that it had. Where the counters
// fail open, each call that was admitted without a quota in its headers is one event, and
// no other call is. Bounded by the failure policy is only how many calls got 503, or were
// admitted uncounted, meanwhile: such a call may have been counted.
package soak_test

import (
	"errors"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"

	"github.com/sallyport-go/sallyport/internal/redistest"
	"github.com/sallyport-go/sallyport/internal/skip"
)

func TestMain(m *testing.M) {
	redis.SetLogger(&logging.VoidLogger{}) // it tells of every server that is killed here
	if orders := os.Getenv(ordersVariable); orders != "" {
		os.Exit(serve(orders))
	}
	os.Exit(redistest.RunTogether(m))
}

// patience is more than a busy machine needs.
const patience = 2 * time.Minute

// TestSoak runs for as long as SALLYPORT_SOAK says, or for some seconds.
func TestSoak(t *testing.T) {
	t.Parallel()
	skip.Long(t)
	s := settings{length: 3 * time.Second, groups: 2, people: 2, limit: 30, seed: uint64(time.Now().UnixNano())}
	if text := os.Getenv("SALLYPORT_SOAK"); text != "" {
		var err error
		if s.length, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
		s.groups, s.people, s.limit = 6, 3, 120
	}
	run := newSoak(t, s)
	if err := run.all(t); err != nil {
		t.Errorf("seed %d: %v", s.seed, err)
	}
}

// Without any fault each call has an answer, and so each group that reaches its limit was
// admitted exactly that often, with leases too.
func TestSoakWithoutFaults(t *testing.T) {
	t.Parallel()
	skip.Long(t)
	run := newSoak(t, settings{length: time.Second, groups: 3, people: 2, limit: 30, seed: rand.Uint64(), quiet: true})
	if err := run.all(t); err != nil {
		t.Error(err)
	}
	if exact := run.exact.Load(); exact == 0 {
		t.Errorf("none of %d groups that reached their limit had an answer to each call", run.full.Load())
	}
}

// A host that breaks a promise is found out, without any fault, and soon.
func TestSoakFindsWhatIsBroken(t *testing.T) {
	t.Parallel()
	for defect, found := range map[string]string{
		advancesUnguarded: "was advanced 2 times", deniesNothing: "after a logout",
		countsAlone: "were admitted, and the limit was", countsTwice: "the counter of",
	} {
		t.Run(defect, func(t *testing.T) {
			t.Parallel()
			s := settings{length: patience, groups: 2, people: 2, limit: 30, seed: rand.Uint64(), quiet: true, defect: defect}
			run := newSoak(t, s)
			if err := run.all(t); !errors.Is(err, errBroken) || !strings.Contains(err.Error(), found) {
				t.Errorf("it was not found: %v", err)
			}
		})
	}
}
