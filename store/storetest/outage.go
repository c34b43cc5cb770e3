package storetest

import (
	"context"
	"slices"
	"strings"
	"time"
)

const noSentinels = "A store must return a driver's error unchanged or wrapped, and must not translate it into a sentinel with another meaning."

var outageRules = []rule{
	{
		name:  "A lost connection is no answer",
		says:  noSentinels,
		why:   "while the database is away users are told that their password is wrong, clients throw good refresh tokens away, and sessions end as if their tokens were stolen",
		check: saysNothingDuringAnOutage,
	},
	{
		name:  "A connection that is back is used",
		says:  "ErrNotFound means that the store has looked, and that what was asked for does not exist.",
		why:   "what the store learnt during an outage is no fact: a host would have to restart every node",
		check: recoversFromAnOutage,
	},
}

// withoutDatabase does something while the connection is broken.
func (t *trial) withoutDatabase(do func()) {
	if t.Break == nil {
		t.skipf("needs Fixture.Break: whether the store says ErrNotFound, ErrConflict or ErrBadCredentials when it has lost its database was not checked")
	}
	restore, err := t.Break(t.ctx)
	t.must(err, "Fixture.Break")
	restored := false
	defer func() {
		if !restored { // the rule has failed, and the next one needs the database
			_ = restore(t.ctx)
		}
	}()
	do()
	restored = true
	t.must(restore(t.ctx), "what Fixture.Break has returned")
}

// all are all methods that the fixture has, for what exists and for what does
// not.
func (t *trial) all() []call {
	calls := t.calls()
	if t.APIKeys != nil {
		calls = append(calls, t.keyCalls()...)
	}
	if t.Revocations != nil {
		calls = append(calls, t.denialCalls()...)
	}
	if t.Clients != nil && t.SetClient != nil {
		c := newClient()
		t.must(t.SetClient(t.ctx, c), "Fixture.SetClient(%q)", c.ID)
		for _, id := range []string{c.ID, unique("unknown")} {
			calls = append(calls, call{"Client", func(ctx context.Context) error {
				_, err := t.Clients.Client(ctx, id)
				return err
			}})
		}
	}
	return calls
}

func saysNothingDuringAnOutage(t *trial) {
	calls := t.all()
	if t.AddUser == nil { // the users are kept elsewhere, and may be there
		calls = slices.DeleteFunc(calls, func(c call) bool { return c.name == "Authenticate" || c.name == "User" })
	}
	t.withoutDatabase(func() {
		// Once for connections that are found dead, and once for those that cannot
		// be made.
		for range 2 {
			for _, c := range calls {
				t.saysNothing(c)
			}
		}
	})
}

// saysNothing fails the rule if the call returns a sentinel. It may return nil if
// it is one that had nothing to do.
func (t *trial) saysNothing(c call) {
	ctx, cancel := context.WithTimeout(t.ctx, soon)
	defer cancel()
	err := c.do(ctx)
	doing := c.name + " while the database is away"
	if err == nil && !strings.HasPrefix(c.name, "DeleteExpired") {
		t.failf("%s: returned nil", doing)
	}
	t.noSentinel(err, doing)
}

func recoversFromAnOutage(t *trial) {
	s, unknown := t.opens(), t.newSession()
	t.withoutDatabase(func() {
		for _, id := range []string{s.ID, unknown.ID} {
			ctx, cancel := context.WithTimeout(t.ctx, soon)
			_, _ = t.Store.Session(ctx, id)
			cancel()
		}
	})
	// The pool may still have dead connections, each of which fails one call.
	ctx, cancel := context.WithTimeout(t.ctx, soon)
	defer cancel()
	var err error
	for {
		if _, err = t.Store.Session(ctx, s.ID); err == nil || isSentinel(err) || ctx.Err() != nil {
			break
		}
		select {
		case <-ctx.Done():
		case <-time.After(10 * time.Millisecond):
		}
	}
	t.must(err, "Session, up to %v after the database was back", soon)
	t.finds(s, "an outage")
	t.misses(unknown.ID, "an outage")
	t.finds(t.advances(s, t.now, s.IdleUntil), "AdvanceSession after an outage")
}
