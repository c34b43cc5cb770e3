package main

import (
	"context"
	"errors"
	"time"
)

const (
	checkEvery = 5 * time.Second  // a stream ends this long after its session, and checkFor
	checkFor   = 2 * time.Second  // what the store may take
	patience   = 30 * time.Second // a stream ends this long after the store began to fail
	longest    = time.Hour        // then the client opens it again, with the scopes and the tier of that day
)

var (
	errLongest = errors.New("the stream has lasted for its time")
	errUnknown = errors.New("whether the session has ended is unknown")
)

// watch returns a context that ends with a session, or after an hour. Its cause says why.
func (t tickets) watch(ctx context.Context, sid string) (context.Context, context.CancelFunc) {
	ctx, end := context.WithCancelCause(ctx)
	go func() {
		check := time.NewTicker(checkEvery)
		defer check.Stop()
		over := time.NewTimer(longest)
		defer over.Stop()
		known := t.now()
		for {
			select {
			case <-ctx.Done():
				return
			case <-over.C:
				end(errLongest)
				return
			case <-check.C:
			}
			within, cancel := context.WithTimeout(ctx, checkFor)
			_, _, err := t.session(within, sid)
			cancel()
			switch {
			case err == nil:
				known = t.now()
			case errors.Is(err, errEnded):
				end(errEnded)
				return
			case t.now().Sub(known) >= patience:
				end(errUnknown)
				return
			}
		}
	}()
	return ctx, func() { end(context.Canceled) }
}
