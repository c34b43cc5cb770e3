// Package eventtest records events for tests.
package eventtest

import (
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/sallyport-go/sallyport/tokens/events"
)

// Journal records events. The zero value is ready to use, by many goroutines at once.
type Journal struct {
	mu     sync.Mutex
	events []events.Event
}

// Note records an event. It is an Events hook.
func (j *Journal) Note(_ context.Context, e events.Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.events = append(j.events, e)
}

// Take returns the events since the last call of Take, and forgets them.
func (j *Journal) Take() []events.Event {
	j.mu.Lock()
	defer j.mu.Unlock()
	taken := j.events
	j.events = nil
	return taken
}

// WantKinds takes the events, fails the test unless they are of these kinds in this
// order, and returns them.
func (j *Journal) WantKinds(tb testing.TB, want ...events.Kind) []events.Event {
	tb.Helper()
	taken := j.Take()
	var got []events.Kind
	for _, e := range taken {
		got = append(got, e.Kind)
	}
	if !slices.Equal(got, want) {
		tb.Errorf("events = %q, want %q", got, want)
	}
	return taken
}
