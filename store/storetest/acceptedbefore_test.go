package storetest_test

import (
	"slices"
	"testing"

	"github.com/sallyport-go/sallyport/store/storetest"
)

// Four stores that break the contract once passed the whole suite. Each now fails
// the rule that names what it does.
func TestFaultD1StoresThatPassedAreFound(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, violation, rule string }{
		{"a lost connection is not ErrNotFound", "Session says ErrNotFound of a lost connection", lostConnection},
		{
			"an advance that is idempotent at one time has two winners",
			"AdvanceSession is idempotent for one and the same time", "AdvanceSession has exactly one winner at one time",
		},
		{
			"a revocation passes over no row by a clock of its own",
			"RevokeUserSessions passes over what has expired by its own clock", byNoClock,
		},
		{"a sweep is not one long transaction", "DeleteExpiredSessions is one transaction, whose end others see", someAtATime},
		{"a sweep holds no lock from beginning to end", "DeleteExpiredSessions holds a lock from its beginning to its end", someAtATime},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			all := violations()
			i := slices.IndexFunc(all, func(c violation) bool { return c.name == tt.violation && c.rule == tt.rule })
			if i < 0 {
				t.Fatalf("no violation is called %q", tt.violation)
			}
			r := newRig(t)
			if failure, skipped := storetest.Try(t.Context(), tt.rule, r.Fixture); failure != nil || skipped != "" {
				t.Errorf("a conforming store: %v, %q", failure, skipped)
			}
			all[i].violation(r)
			if failure, _ := storetest.Try(t.Context(), tt.rule, r.Fixture); failure == nil {
				t.Errorf("the rule %q was kept", tt.rule)
			}
		})
	}
}
