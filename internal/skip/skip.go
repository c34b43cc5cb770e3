// Package skip is for tests that want something which a machine may not have: a
// server, a program, a browser. Nothing of it is shipped.
package skip

import (
	"os"
	"testing"
)

// required is set where nothing may be skipped.
const required = "SALLYPORT_REQUIRE_SERVICES"

// Skip skips the test for what the machine has not, or fails it where nothing may
// be skipped.
func Skip(t testing.TB, what string) {
	t.Helper()
	if os.Getenv(required) != "" { //nolint:forbidigo // a test has no Config
		t.Fatalf("%s, and %s is set", what, required)
	}
	t.Skipf("skipped: %s", what)
}
