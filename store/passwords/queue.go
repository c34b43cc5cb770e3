package passwords

import (
	"context"
	"fmt"
)

// queue gives a bounded number of callers a place to work at, lets a bounded
// number wait, first come first served, and turns the rest away.
type queue struct {
	door   chan struct{} // holds one for each caller inside: at work or waiting
	places chan struct{} // holds one for each caller at work
}

func newQueue(places, waiting int) queue {
	return queue{
		door:   make(chan struct{}, places+waiting),
		places: make(chan struct{}, places),
	}
}

// enter returns nil once the caller has a place, which leave gives back;
// otherwise there is nothing to give back. ErrBusy at once if nobody else may
// wait; an error that wraps ctx's if ctx is done first.
func (q queue) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("passwords: %w", err)
	}
	select {
	case q.door <- struct{}{}:
	default:
		return ErrBusy
	}
	select {
	case q.places <- struct{}{}:
		return nil
	case <-ctx.Done():
		<-q.door
		return fmt.Errorf("passwords: waiting for a place: %w", ctx.Err())
	}
}

// leave gives the place back: to whoever waits longest, before the door opens to
// somebody new.
func (q queue) leave() {
	<-q.places
	<-q.door
}
