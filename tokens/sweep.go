package tokens

import (
	"context"
	"errors"
	"time"
)

// keptKeys is how long an API key that has ended is kept: its owner sees that it
// has expired, and an event says of a script that still shows it whose it was.
const keptKeys = 30 * 24 * time.Hour

// Sweep forgets what nobody can use any more, and says how much that was:
// sessions past their end, denials that have outlived their access tokens, and
// API keys that expired or were revoked 30 days ago, each from the stores that
// the Config has for them. What lives it leaves alone, however old it is; a
// session that was revoked stays as long as its tokens would have been good, so
// that a stolen one is still recognised.
//
// A host whose store does not forget by itself calls it once an hour or so, on
// any node or on all of them; [Authority.SweepEvery] does that. The stores delete
// some at a time, so that no request waits for it. Only ctx bounds how long it
// takes, and what it has deleted by then stays deleted.
//
// It fails with ErrUnavailable, having told Events, where a store could not do
// it; the others have been swept all the same.
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

// SweepEvery calls Sweep at once and then as often as every says, which is more
// than zero, until ctx is done. It runs on the goroutine that calls it:
//
//	go authority.SweepEvery(ctx, time.Hour)
//
// Of failures Events is told, and the next turn tries again. A turn that takes
// longer than every is not overtaken by the next.
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
