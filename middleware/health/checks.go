package health

import (
	"context"
	"errors"
	"time"

	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

// probeID is the ID of a session that does not exist, and of a deny list's entry.
const probeID = "health-probe"

// Store returns a check, "store", that looks for a session that does not exist.
func Store(s store.Sessions) Check {
	return Check{Name: "store", Do: func(ctx context.Context) error {
		_, err := s.Session(ctx, probeID)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		return err
	}}
}

// Revocations returns a check, "revocations", that asks the deny list for a session that
// does not exist.
func Revocations(r store.Revocations) Check {
	return Check{Name: "revocations", Do: func(ctx context.Context) error {
		_, err := r.SessionDenied(ctx, probeID)
		return err
	}}
}

// Counters returns a check, "counters", that peeks at a counter that nothing is charged
// to. While the circuit breaker is open it calls no server. Make it Optional if
// OnCounterFailure is FailOpen or FailLocal.
func Counters(c ratelimit.Counters) Check {
	return Check{Name: "counters", Do: func(ctx context.Context) error {
		_, err := c.Peek(ctx, []ratelimit.Charge{{
			Key: probeID, Cost: 1, Policy: ratelimit.Policy{Name: probeID, Limit: 1, Window: time.Minute},
		}}, nil)
		return err
	}}
}

// errNoKeys means that a source has no keys, and no error.
var errNoKeys = errors.New("health: the source has no keys")

// Keys returns a check, "keys", that asks a source for its keys: the keys.Ring of an
// Authority, or the remotekeys.Source of a Verifier.
func Keys(source keys.Source) Check {
	return Check{Name: "keys", Do: func(ctx context.Context) error {
		set, err := source.KeySet(ctx, "")
		if err == nil && set == nil {
			return errNoKeys
		}
		return err
	}}
}

// reasonOf returns what the answer says of a failure: never the text of the error.
func reasonOf(err error) string {
	switch {
	case errors.Is(err, store.ErrBusy), errors.Is(err, ratelimit.ErrBusy):
		return "busy"
	case errors.Is(err, ratelimit.ErrCircuitOpen):
		return "circuit_open"
	case errors.Is(err, errNoKeys):
		return "no_keys"
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	}
	return "unavailable"
}
