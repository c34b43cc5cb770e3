package tokens

import (
	"cmp"
	"context"
	"slices"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens/events"
)

// endOldestSessions ends the oldest sessions of a user who has more than
// Config.MaxSessions since the newest was created. That is there already, and all
// go by one order: of logins at the same time none ends the other's session while
// its own is ended. If it fails the newest goes, as well as that can be done, for
// nobody has its tokens.
func (a *Authority) endOldestSessions(ctx context.Context, newest store.Session) error {
	if a.maxSessions == 0 {
		return nil
	}
	oldest, err := a.tooMany(ctx, newest)
	if err == nil {
		within, cancel := a.bounded(ctx)
		defer cancel()
		err = a.endAll(within, oldest, func(s store.Session) {
			a.Report(ctx, events.Event{Kind: events.SessionLimit, UserID: s.UserID, ClientID: s.ClientID, SessionID: sessionSID(s.ID), Generation: s.Generation})
		})
	}
	if err != nil {
		a.withdraw(ctx, newest)
	}
	return err
}

// maxEndedAtLogin is how many sessions one login ends at most. There are more where
// MaxSessions was made smaller; later logins end those.
const maxEndedAtLogin = 100

// tooMany are the sessions that are over the bound, the oldest of those that
// still last. The newest is none of them, even where another node's clock has it
// older.
func (a *Authority) tooMany(ctx context.Context, newest store.Session) ([]store.Session, error) {
	sessions, err := a.store.UserSessions(ctx, newest.UserID)
	if err != nil {
		return nil, unavailable("user's sessions", err)
	}
	now := a.now()
	sessions = slices.DeleteFunc(sessions, func(s store.Session) bool { return !lasts(s, now) || a.accessOnly(s) })
	slices.SortFunc(sessions, func(a, b store.Session) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	over := sessions[:min(max(len(sessions)-a.maxSessions, 0), maxEndedAtLogin)]
	return slices.DeleteFunc(over, func(s store.Session) bool { return s.ID == newest.ID }), nil
}
