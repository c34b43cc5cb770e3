package circuit

import (
	"sync"
	"time"
)

// failuresInARow is how many failures in a row open the circuit, if none of them shows
// by itself that the server does not serve.
const failuresInARow = 5

// breaker is a circuit breaker. While it is open, one call per interval is a probe, and
// no other call is made.
type breaker struct {
	mu       sync.Mutex
	open     bool
	failures int       // in a row
	next     time.Time // when the next probe may be made, while it is open
	answered time.Time // when the server answered last, by the clock of this machine
	refused  time.Time // when it said first, since then, that its Cluster is down
}

// allows reports whether a call may be made, and whether it is a probe.
func (b *breaker) allows(now time.Time, every time.Duration) (allowed, probe bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.open {
		return true, false
	}
	if now.Before(b.next) {
		return false, false
	}
	b.next = now.Add(every) // for the others
	return true, true
}

// IsOpen reports whether the circuit is open.
func (b *breaker) IsOpen() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.open
}

// Outcome is what a call has shown of the server.
type Outcome int

// The outcomes.
const (
	Nothing Outcome = iota // neither that it serves nor that it does not
	Answers                // it serves
	Fails                  // this call failed by the server or the network
	Silent                 // it does not serve at all: it accepts no connection, or answers no call
)

// note takes the outcome of a call that began at a time, by the clock of this machine.
// Next is when a probe may be made if this opens the circuit.
func (b *breaker) note(o Outcome, probe bool, now, next time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case o == Answers:
		b.open, b.failures, b.answered, b.refused = false, 0, machineTime(), time.Time{}
	case probe && o == Nothing: // another caller may probe at once
		b.next = now
	case b.open || o == Nothing:
	case o == Silent || b.failures+1 >= failuresInARow:
		b.open, b.failures, b.next = true, 0, next
	default:
		b.failures++
	}
}

// hasAnsweredSince reports whether the server has answered any call since a time.
func (b *breaker) hasAnsweredSince(began time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.answered.After(began)
}

// Down returns the outcome of a call that a node has refused because its Cluster is
// down: a Cluster that moves a slot may be, for a moment.
func (b *breaker) Down(patience time.Duration) Outcome {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := machineTime()
	if b.refused.IsZero() {
		b.refused = now
	}
	if now.Sub(b.refused) < patience {
		return Nothing
	}
	return Silent
}
