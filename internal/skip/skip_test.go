package skip_test

import (
	"fmt"
	"testing"

	"github.com/sallyport-go/sallyport/internal/skip"
)

// recorder records how a test ends.
type recorder struct {
	testing.TB

	ended string
}

func (*recorder) Helper() {}

func (w *recorder) Skipf(format string, args ...any) {
	w.ended = "skip: " + fmt.Sprintf(format, args...)
}

func (w *recorder) Fatalf(format string, args ...any) {
	w.ended = "fail: " + fmt.Sprintf(format, args...)
	panic(w)
}

func TestSkip(t *testing.T) { //nolint:paralleltest // it sets the environment
	for set, want := range map[string]string{
		"":  "skip: skipped: no Redis",
		"1": "fail: no Redis, and SALLYPORT_REQUIRE_SERVICES is set",
	} {
		t.Setenv("SALLYPORT_REQUIRE_SERVICES", set)
		w := &recorder{}
		func() {
			defer func() { _ = recover() }() // as a test ends
			skip.Skip(w, "no Redis")
		}()
		if w.ended != want {
			t.Errorf("with %q: %q, want %q", set, w.ended, want)
		}
	}
}

func TestWhatRunsOnlyWhereAVariableIsSet(t *testing.T) { //nolint:paralleltest // it sets the environment
	for variable, skips := range map[string]func(testing.TB){"SALLYPORT_PROGRAMS": skip.Programs, "SALLYPORT_LONG": skip.Long} {
		for set, want := range map[string]string{
			"":  "skip: skipped: " + variable + " is not set",
			"1": "",
		} {
			t.Setenv("SALLYPORT_REQUIRE_SERVICES", "1") // which asks for services, not for time
			t.Setenv(variable, set)
			w := &recorder{}
			skips(w)
			if w.ended != want {
				t.Errorf("%s with %q: %q, want %q", variable, set, w.ended, want)
			}
		}
	}
}
