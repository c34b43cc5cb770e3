package crashtest_test

import (
	"sync"
	"testing"

	"github.com/sallyport-go/sallyport/tokens/events"
)

// ledger has all that the hosts of a node told, in all their lives.
type ledger struct {
	mu       sync.Mutex
	kinds    map[events.Kind]int
	advances map[advance]int
	refusals []note
}

// advance is a step that a session can take once.
type advance struct {
	session string
	from    int64
}

func newLedger() *ledger {
	return &ledger{kinds: map[events.Kind]int{}, advances: map[advance]int{}}
}

func (l *ledger) enter(n note) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.kinds[n.Kind]++
	switch n.Kind {
	case events.Refresh:
		l.advances[advance{n.Session, n.Generation}]++
	case events.LoginRefused, events.RefreshRefused, events.Reuse, events.Fault:
		l.refusals = append(l.refusals, n)
	}
}

// count is how often something has happened.
func (l *ledger) count(kind events.Kind) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.kinds[kind]
}

// check checks that no session was advanced twice from one generation, which would
// be two branches, and that only allowed requests were rejected.
func (l *ledger) check(t *testing.T, allowed func(note) bool) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for step, times := range l.advances {
		if times != 1 {
			t.Errorf("session %s was advanced %d times from generation %d", step.session, times, step.from)
		}
	}
	for _, n := range l.refusals {
		if !allowed(n) {
			t.Errorf("somebody was refused: %+v", n)
		}
	}
}
