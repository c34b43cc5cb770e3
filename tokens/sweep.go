package tokens

import (
	"context"
	"errors"
	"time"
)

// keptKeys is how long an API key that has ended is kept: its owner sees that it
// has expired, and an event says of a script that still shows it whose it was.
const keptKeys = 30 * 24 * time.Hour

// Sweep deletes what can no longer be used, and returns how many rows that was:
// sessions past their end, denials of access tokens that have expired, and API
// keys that expired or were revoked 30 days ago, each from the stores that the
// Config has for them. It never deletes what is still valid. A revoked session is
// kept for as long as its tokens would have been valid, so that a stolen token is
// still recognized.
//
// If the store does not delete expired rows itself, call Sweep about once an hour,
// on one node or on all of them: [Authority.SweepEvery] does that. The stores
// delete in batches, so that no request waits. Only ctx limits how long it takes.
// What it has deleted by then stays deleted.
//
// It returns ErrUnavailable, and reports an event, if a store returns an error.
// The other stores are swept all the same.
func (a *Authority) Sweep(ctx context.Context) (int, error) {
	over := a.now().Add(-a.leeway) // by the clock of every node
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

// SweepEvery calls Sweep at once and then at each interval of every, which must be
// greater than zero, until ctx is done. It blocks:
//
//	go authority.SweepEvery(ctx, time.Hour)
//
// A failure is reported to Config.Events, and the next interval tries again. A
// Sweep that takes longer than every delays the next one.
func (a *Authority) SweepEvery(ctx context.Context, every time.Duration) {
	turn := time.NewTicker(every)
	defer turn.Stop()
	for ctx.Err() == nil {
		_, _ = a.Sweep(ctx) // Events has been told
		select {
		case <-ctx.Done():
		case <-turn.C:
		}
	}
}
