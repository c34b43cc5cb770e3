package storetest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/sallyport-go/sallyport/store"
)

const day = 24 * time.Hour

// trial is one rule that is tested on one fixture.
type trial struct {
	Fixture

	ctx context.Context // done when the rule has been tried
	now time.Time       // in UTC, to the microsecond

	made int // sessions and keys made up so far

	did, line, skipped string
}

// failf ends the trial: the store has broken the rule.
func (t *trial) failf(format string, args ...any) {
	t.did, t.line = fmt.Sprintf(format, args...), line()
	runtime.Goexit()
}

// skipf ends the trial: the fixture lacks what the rule tests.
func (t *trial) skipf(format string, args ...any) {
	t.skipped = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// line returns the line of the rule at which it ended, whatever helper ended it.
func line() string {
	at := "?"
	pcs := make([]uintptr, 32)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(1, pcs)])
	for frame, more := frames.Next(); more; frame, more = frames.Next() {
		file := filepath.Base(frame.File)
		if file == "rule.go" {
			break
		}
		at = fmt.Sprintf("%s:%d", file, frame.Line)
	}
	return at
}

// must fails the rule if err is not nil.
func (t *trial) must(err error, doing string, args ...any) {
	if err != nil {
		t.failf("%s: returned an error: %v", fmt.Sprintf(doing, args...), err)
	}
}

// wants fails the rule unless err is the sentinel want, wrapped or not, and no
// other one besides.
func (t *trial) wants(err, want error, doing string, args ...any) {
	if err == nil {
		t.failf("%s: returned nil, not %q", fmt.Sprintf(doing, args...), want)
	}
	for _, sentinel := range sentinels {
		if errors.Is(err, sentinel) != (sentinel == want) {
			t.failf("%s: returned %q, not %q", fmt.Sprintf(doing, args...), err, want)
		}
	}
}

var sentinels = []error{store.ErrNotFound, store.ErrConflict, store.ErrBadCredentials}

// oneWins fails the rule unless exactly one of the errors is nil and all others
// are ErrConflict.
func (t *trial) oneWins(errs []error, doing string) {
	winners := 0
	for _, err := range errs {
		if err == nil {
			winners++
			continue
		}
		t.wants(err, store.ErrConflict, "%s, as one of %d callers", doing, len(errs))
	}
	if winners != 1 {
		t.failf("%s: of %d callers %d got nil", doing, len(errs), winners)
	}
}

// atOnce calls do(0) to do(n-1), all at once, and returns their errors.
func atOnce(n int, do func(i int) error) []error {
	errs := make([]error, n)
	start := make(chan struct{})
	var callers sync.WaitGroup
	for i := range n {
		callers.Go(func() {
			<-start
			errs[i] = do(i)
		})
	}
	close(start)
	callers.Wait()
	return errs
}

// unique returns name with a random suffix.
func unique(name string) string { return name + "-" + rand.Text() }
