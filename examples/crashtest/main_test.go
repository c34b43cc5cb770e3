// Package crashtest_test is a crash test of the stores that survive a restart: hosts
// that are killed at any moment, databases that go away, stall or break a
// connection, and several hosts that refresh the same session at once. Each host is
// a process of its own: this test binary, run again.
package crashtest_test

import (
	"context"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"

	"github.com/sallyport-go/sallyport/internal/redistest"
)

func TestMain(m *testing.M) {
	redis.SetLogger(&logging.VoidLogger{}) // they tell of every server that is killed here
	_ = mysql.SetLogger(&mysql.NopLogger{})
	if orders := os.Getenv(ordersVariable); orders != "" {
		os.Exit(serve(orders))
	}
	os.Exit(redistest.RunTogether(m))
}

const trialsVariable = "SALLYPORT_CRASHTEST"

// atLength is whether all is tried, as often as SALLYPORT_CRASHTEST says.
func atLength() bool { return os.Getenv(trialsVariable) != "" }

// trials is how often something is tried: as often as SALLYPORT_CRASHTEST says, or a
// few times.
func trials(t *testing.T, few int) int {
	t.Helper()
	if !atLength() {
		return few
	}
	text := os.Getenv(trialsVariable)
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s is %q, want a number such as 200", trialsVariable, text)
	}
	return max(n, few)
}

// chance is one of 0 to n-1.
func chance(n int) int { return rand.IntN(n) }

// patience is more than a busy machine needs.
const patience = 2 * time.Minute

// pause lets some time pass, but no more than ctx has.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// await asks until it is so.
func await(t *testing.T, what string, so func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for !so() {
		if ctx.Err() != nil {
			t.Fatalf("it has not come to be that %s", what)
		}
		pause(ctx, 20*time.Millisecond)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
