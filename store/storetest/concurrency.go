package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport-go/sallyport/store"
)

var concurrencyRules = []rule{
	{
		name:  "Methods are called by many goroutines at once",
		says:  "Methods are called by many goroutines concurrently.",
		why:   "every request is a goroutine: a login that is lost when another comes at the same moment is lost every day",
		check: worksConcurrently,
	},
	{
		name:  "Session returns what the last write has left",
		says:  "with the result of every write that has completed: a lagging read replica is wrong.",
		why:   "a refresh that lost its race reads the session to tell a retry from a theft: by an old row the user's retry looks like a theft",
		check: readsLastWrite,
	},
}

// worksConcurrently lets several callers call all methods for one user, and
// checks that each caller reads its own writes.
func worksConcurrently(t *trial) {
	const callers, each = 16, 4
	user := unique("user")
	sessions := make([]store.Session, callers*each)
	for i := range sessions {
		sessions[i] = t.newSession()
		sessions[i].UserID = user
	}
	errs := atOnce(callers, func(caller int) error {
		for i := caller * each; i < (caller+1)*each; i++ {
			after, err := t.lives(sessions[i])
			if err != nil {
				return err
			}
			sessions[i] = after
		}
		return nil
	})
	t.must(errors.Join(errs...), "%d callers", callers)

	for _, s := range sessions {
		t.finds(s, "what many did at once")
	}
	live := slices.DeleteFunc(sessions, func(s store.Session) bool { return !s.RevokedAt.IsZero() })
	t.lists(user, live...)
}

// lives takes a session through its life as a request would, and returns what it
// then has to be. It is called by many at once, so it cannot end the trial.
func (t *trial) lives(s store.Session) (store.Session, error) {
	if err := t.Store.CreateSession(t.ctx, s); err != nil {
		return s, fmt.Errorf("CreateSession: %w", err)
	}
	for from := range int64(3) {
		if err := t.Store.AdvanceSession(t.ctx, s.ID, from+1, s.AdvancedAt, s.IdleUntil); err != nil {
			return s, fmt.Errorf("AdvanceSession: %w", err)
		}
	}
	s.Generation = 4
	if strings.Contains(s.ID, "A") { // a random bit
		if err := t.Store.RevokeSession(t.ctx, s.ID, t.now); err != nil {
			return s, fmt.Errorf("RevokeSession: %w", err)
		}
		s.RevokedAt = t.now
	}
	listed, err := t.Store.UserSessions(t.ctx, s.UserID, store.Newest(), store.MaxPage)
	if err != nil {
		return s, fmt.Errorf("UserSessions: %w", err)
	}
	if slices.ContainsFunc(listed, func(l store.Session) bool { return l.ID == s.ID }) != s.RevokedAt.IsZero() {
		return s, errors.New("UserSessions does not agree with what its caller did before")
	}
	got, err := t.Store.Session(t.ctx, s.ID)
	if err != nil {
		return s, fmt.Errorf("Session: %w", err)
	}
	if d := difference(got, s); d != "" {
		return s, fmt.Errorf("Session: %s", d)
	}
	return s, nil
}

func readsLastWrite(t *trial) {
	s := t.opens()
	for range rounds {
		t.finds(s, "the write before")
		s = t.advances(s, t.now, s.IdleUntil.Add(day))
		errs := atOnce(racers, func(int) error {
			got, err := t.Store.Session(t.ctx, s.ID)
			if d := difference(got, s); err == nil && d != "" {
				err = errors.New(d)
			}
			return err
		})
		t.must(errors.Join(errs...), "Session, after AdvanceSession, for %d callers", racers)
	}
	s = t.revokes(s, t.now)
	t.finds(s, "RevokeSession")
}
