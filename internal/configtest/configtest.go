// Package configtest tests the functions that check a configuration: each error is
// a value with the path of its field, alone and together with all others.
package configtest

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/configerror"
)

// Case makes one field of a good configuration wrong.
type Case[C any] struct {
	// Name says what is wrong, as a sentence.
	Name string

	// Path is the path of the one error.
	Path string

	// Got is a part of the problem, for instance "got -1".
	Got string

	// Edit makes it wrong.
	Edit func(*C)

	// Alone leaves the case out when all that can be wrong at once is: it takes back
	// what another case does.
	Alone bool
}

// Run expects of check, for each case, exactly one error with the path of the case,
// and for all cases at once the errors of all of them. good returns a configuration
// without an error, a new one for each call.
func Run[C any](t *testing.T, pkg string, good func() C, check func(C) error, cases []Case[C]) {
	t.Helper()
	t.Run("a good configuration has no error", func(t *testing.T) {
		t.Parallel()
		if err := check(good()); err != nil {
			t.Error(err)
		}
	})
	for _, c := range cases {
		t.Run("the one error is about "+c.Path+": "+c.Name, func(t *testing.T) {
			t.Parallel()
			config := good()
			c.Edit(&config)
			found := found(t, pkg, check(config))
			if len(found) != 1 || found[0].Path != c.Path || !strings.Contains(found[0].Problem, c.Got) {
				t.Errorf("got %v, want one error for %s that has %q", found, c.Path, c.Got)
			}
		})
	}
	t.Run("all that is wrong is reported at once", func(t *testing.T) {
		t.Parallel()
		config := good()
		want := map[string]bool{}
		for _, c := range cases {
			if !c.Alone {
				c.Edit(&config)
				want[c.Path] = true
			}
		}
		got := map[string]bool{}
		for _, e := range found(t, pkg, check(config)) {
			got[e.Path] = true
		}
		if !maps.Equal(got, want) {
			t.Errorf("got errors for %q, want %q", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
		}
	})
}

// found returns the errors of a check, and fails if there is one that is none of
// them, or whose text has not the one form.
func found(t *testing.T, pkg string, err error) []*configerror.Error {
	t.Helper()
	found := slices.Collect(configerror.All(err))
	var lines []string
	for _, e := range found {
		lines = append(lines, pkg+": "+e.Path+": "+e.Problem)
		if e.Problem == "" || strings.Contains(e.Problem, "%!") {
			t.Errorf("the problem of %s is %q", e.Path, e.Problem)
		}
	}
	if err != nil && err.Error() != strings.Join(lines, "\n") {
		t.Errorf("the text is %q, want %q", err, lines)
	}
	if first, ok := errors.AsType[*configerror.Error](err); ok != (len(found) > 0) || ok && first != found[0] {
		t.Error("errors.As does not find the first error")
	}
	return found
}
