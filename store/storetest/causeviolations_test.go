package storetest_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-go/sallyport/store/storetest"
)

const toTheMicrosecond = "Times are kept to the microsecond"

var causeViolations = []violation{
	{"a column has whole seconds", toTheMicrosecond, timing(func(at time.Time) time.Time { return at.Truncate(time.Second) })},
	{"a column rounds to whole seconds", toTheMicrosecond, timing(func(at time.Time) time.Time { return at.Round(time.Second) })},
	{"a column has milliseconds", toTheMicrosecond, timing(func(at time.Time) time.Time { return at.Truncate(time.Millisecond) })},
	{"all columns have another zone", toTheMicrosecond, func(r *rig) {
		timing(func(at time.Time) time.Time {
			if at.IsZero() {
				return at
			}
			return at.Add(2 * time.Hour)
		})(r)
		moved := r.Store
		r.Store = override{Store: moved, revoke: func(ctx context.Context, id string, at time.Time) error {
			return r.reference.RevokeSession(ctx, id, at.Add(2*time.Hour))
		}}
	}},
}

// A column that cuts times breaks dozens of rules. It is named once, and first.
func TestFaultD2OneCauseIsNamedOnce(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, says string }{
		{"a column has whole seconds", "cut to whole seconds"},
		{"a column rounds to whole seconds", "rounded to whole seconds"},
		{"a column has milliseconds", "cut to whole milliseconds"},
		{"all columns have another zone", "Session: all times came back moved by 2h0m0s"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			for _, c := range causeViolations {
				if c.name == tt.name {
					c.violation(r)
				}
			}
			err := storetest.Check(t.Context(), r.Fixture)
			failure, ok := errors.AsType[*storetest.Failure](err)
			if !ok {
				t.Fatalf("got %v, want a Failure", err)
			}
			if failure.Rule != toTheMicrosecond || !strings.Contains(failure.Did, tt.says) {
				t.Errorf("first is %q: %s; it does not say %q", failure.Rule, failure.Did, tt.says)
			}
			if n := strings.Count(err.Error(), "the contract says:"); n != 1 {
				t.Errorf("%d failures are reported, want 1:\n%v", n, err)
			}
			if len(failure.Also) == 0 || !strings.Contains(err.Error(), "mend this first:") {
				t.Errorf("what else is broken is not told: %v", err)
			}
		})
	}
}
