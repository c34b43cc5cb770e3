package tokens

import (
	"context"
	"errors"
	"time"
)

// keptKeys is how long an API key is kept after its end, so that its owner sees
// that it has expired, and the event of a program that still presents it names
// its user.
const keptKeys = 30 * 24 * time.Hour

// Sweep deletes what can no longer be used, and returns how many rows that was:
// expired sessions, deny-list entries whose access tokens have expired, and API
// keys that expired or were revoked 30 days ago. It never deletes what is still
// valid. A revoked session is kept until it would have expired, so that its
// stolen refresh token is still recognized.
//
// If the store does not delete expired rows itself, call Sweep about once an
// hour, on one node or on all of them: [Authority.SweepEvery] does that. The
// stores delete in batches, so that no request waits. Only ctx limits how long
// Sweep takes. What was deleted by then stays deleted.
//
// If a store returns an error, Sweep continues with the other stores, reports an
// event and returns ErrUnavailable. If ctx is canceled, it stops and reports no
// event.
func (a *Authority) Sweep(ctx context.Context) (int, error) {
	over := a.now().Add(-a.leeway) // by the clocks of all nodes
	type broom struct {
		what   string
		before time.Time
		forget func(context.Context, time.Time) (int, error)
	}
	brooms := []broom{{"delete expired sessions", over, a.store.DeleteExpiredSessions}}
	if a.revocations != nil {
		brooms = append(brooms, broom{"delete expired denials", over, a.revocations.DeleteExpiredDenials})
	}
	if a.apiKeys != nil {
		brooms = append(brooms, broom{"delete expired API keys", over.Add(-keptKeys), a.apiKeys.DeleteExpiredAPIKeys})
	}
	gone := 0
	var failures []error
	for _, b := range brooms {
		n, err := b.forget(ctx, b.before)
		gone += n
		if err == nil {
			continue
		}
		err = unavailable(b.what, err)
		failures = append(failures, err)
		if errors.Is(ctx.Err(), context.Canceled) {
			break // the host is stopping, and no store has failed
		}
		_ = a.failed(ctx, err)
	}
	return gone, errors.Join(failures...)
}

// SweepEvery calls Sweep at once, and then again each time that every has passed,
// until ctx is done. It panics unless every is greater than zero. It blocks, so
// run it on a goroutine of its own:
//
//	go authority.SweepEvery(ctx, time.Hour)
//
// A failure is reported to Config.Events, and the next interval tries again. A
// Sweep that takes longer than every delays the next one.
func (a *Authority) SweepEvery(ctx context.Context, every time.Duration) {
	turn := time.NewTicker(every)
	defer turn.Stop()
	for ctx.Err() == nil {
		_, _ = a.Sweep(ctx) // Sweep has reported it
		select {
		case <-ctx.Done():
		case <-turn.C:
		}
	}
}
