package redistest

import (
	"fmt"
	"os"
	"runtime/debug"
	"testing"

	"go.uber.org/goleak"
)

// Run runs the tests of a package and returns their exit code. It is 1 if the tests
// pass and leave a goroutine behind. Servers that tests share run until then.
//
// A client of go-redis that cannot reach its server looks once a second whether it
// was closed, which is longer than goleak waits on a busy machine. So a goroutine
// counts as left behind only if several looks find it.
func Run(m *testing.M) int {
	// These tests leave much garbage and little that lives: with more of it at a time
	// the collector takes a few per cent of their work less.
	debug.SetGCPercent(400)
	code := sharing(m.Run)
	if code != 0 {
		return code
	}
	var err error
	for range 10 { // each look waits up to a second or two
		if err = goleak.Find(); err == nil {
			return 0
		}
	}
	fmt.Fprintln(os.Stderr, "redistest: the tests passed and left goroutines behind:", err)
	return 1
}
