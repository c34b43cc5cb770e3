// Package skip is for tests that need something which a machine may not have: a
// server, a program, a browser. Only tests import it.
package skip

import (
	"os"
	"testing"
)

const (
	required = "SALLYPORT_REQUIRE_SERVICES" // set where no test may be skipped for want of something
	programs = "SALLYPORT_PROGRAMS"         // set where the programs of others are run
	long     = "SALLYPORT_LONG"             // set where tests may take long
)

// Skip skips the test, or fails it if SALLYPORT_REQUIRE_SERVICES is set. What says
// what is missing, such as "no redis-server on this machine".
func Skip(t testing.TB, what string) {
	t.Helper()
	if os.Getenv(required) != "" { //nolint:forbidigo // a test has no Config
		t.Fatalf("%s, and %s is set", what, required)
	}
	t.Skipf("skipped: %s", what)
}

// Programs skips the test unless SALLYPORT_PROGRAMS is set: it takes seconds to start
// what others have written, such as a browser or a client in another language, and a run
// of all tests would take half as long again.
func Programs(t testing.TB) {
	t.Helper()
	if os.Getenv(programs) == "" { //nolint:forbidigo // a test has no Config
		t.Skipf("skipped: %s is not set", programs)
	}
}

// Long skips the test unless SALLYPORT_LONG is set: it takes seconds, or servers of its
// own, and a run of all tests would take three times as long with those like it.
func Long(t testing.TB) {
	t.Helper()
	if !IsLong() {
		t.Skipf("skipped: %s is not set", long)
	}
}

// IsLong reports whether SALLYPORT_LONG is set, for a test that does less without it.
func IsLong() bool {
	return os.Getenv(long) != "" //nolint:forbidigo // a test has no Config
}
