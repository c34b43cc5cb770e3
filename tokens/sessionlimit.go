package tokens

import (
	"cmp"
	"context"
	"slices"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens/events"
)

// endOldestSessions ends the oldest sessions of a user who has more than
// Config.MaxSessions after newest was created. All nodes use the same order, so
// that of two concurrent logins neither ends the other's session while its own is
// ended. If it fails, it tries to revoke newest, whose tokens were not returned.
func (a *Authority) endOldestSessions(ctx context.Context, newest store.Session) error {
	if a.maxSessions == 0 {
		return nil
	}
	oldest, err := a.tooMany(ctx, newest)
	if err == nil {
		within, cancel := a.bounded(ctx)
		defer cancel()
		err = a.endAll(within, oldest, func(s store.Session) {
			a.Report(ctx, events.Event{Kind: events.SessionLimit, UserID: s.UserID, ClientID: s.ClientID, SessionID: s.ID, Generation: s.Generation})
		})
	}
	if err != nil {
		a.withdraw(ctx, newest)
	}
	return err
}

// maxEndedAtLogin is the maximum number of sessions that one login ends. There may
// be more if MaxSessions was lowered; later logins end those.
const maxEndedAtLogin = 100

// tooMany returns the active sessions above the limit, oldest first. newest is
// never among them, even if by another node's clock it is older.
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
