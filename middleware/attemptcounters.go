package middleware

import (
	"context"
	"errors"
	"net/http"

	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/wire"
	"github.com/sallyport-go/sallyport/tokens/events"
)

// attemptCounters are the counters of failed attempts, for one request.
type attemptCounters struct {
	auth    *Auth
	request *http.Request
}

// counting returns the context of one decision. A client that disconnects is
// still counted.
func (c attemptCounters) counting() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(c.request.Context()), c.auth.counterTimeout)
}

// failed reports a failure of the counters, and rejects the attempt unless
// BruteForce.OnCounterFailure is FailOpen.
func (c attemptCounters) failed(err error) error {
	kind := events.CounterFailure
	if errors.Is(err, ratelimit.ErrBusy) {
		kind = events.CountersBusy
	}
	c.auth.tokens.Report(c.auth.located(c.request), events.Event{Kind: kind, Policy: "bruteforce", Err: err})
	if c.auth.guard.onFailure == ratelimit.FailOpen {
		return nil
	}
	return wire.NewError(wire.ReasonUnavailable, err)
}
