// Package skip is for tests that need something which a machine may not have: a
// server, a program, a browser. Only tests import it.
package skip

import (
	"os"
	"testing"
)

// required is the environment variable that is set where no test may be skipped.
const required = "SALLYPORT_REQUIRE_SERVICES"

// Skip skips the test, or fails it if SALLYPORT_REQUIRE_SERVICES is set. What says
// what is missing, such as "no redis-server on this machine".
func Skip(t testing.TB, what string) {
	t.Helper()
	if os.Getenv(required) != "" { //nolint:forbidigo // a test has no Config
		t.Fatalf("%s, and %s is set", what, required)
	}
	t.Skipf("skipped: %s", what)
}
