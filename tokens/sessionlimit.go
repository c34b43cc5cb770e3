package tokens

import (
	"context"
	"errors"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens/events"
)

// endOldestSessions ends the oldest sessions of a user who has more than
// Config.MaxSessions after newest was created, 100 of them at most. All nodes use the same order, so
// that of two concurrent logins neither ends the other's session while its own is
// ended. If it fails, it tries to revoke newest, whose tokens were not returned.
func (a *Authority) endOldestSessions(ctx context.Context, newest store.Session) error {
	if a.maxSessions == 0 {
		return nil
	}
	over, err := a.tooMany(ctx, newest)
	if err == nil {
		err = a.endOver(ctx, over)
	}
	if err != nil {
		a.withdraw(ctx, newest)
	}
	return err
}

// endOver ends sessions above the limit. If endsFor is over when one has
// ended, it leaves the others to the next login: there is one session less than
// before this one.
//
// Each session is revoked first, and those that were revoked are denied with one
// call: so none is denied that can still be refreshed. If the denial fails, the login
// fails and is reported, and their access tokens may stay valid until they expire.
func (a *Authority) endOver(ctx context.Context, over []store.Session) error {
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), min(a.timeout, endsFor))
	defer cancel()
	now := a.now()
	n := 0
	var stopped error
	for n < len(over) && stopped == nil && (n == 0 || within.Err() == nil) {
		s := over[n]
		if stopped = a.endOne(ctx, s.ID, now); stopped == nil {
			n++
			a.Report(ctx, events.Event{Kind: events.SessionLimit, UserID: s.UserID, ClientID: s.ClientID, SessionID: s.ID, Generation: s.Generation})
		}
	}
	return errors.Join(a.deny(ctx, endedSessions(over[:n]...), a.over(now)), stopped)
}

// endOne revokes a session. After an error it reads the session, because the store may
// have revoked it all the same.
func (a *Authority) endOne(ctx context.Context, id string, now time.Time) error {
	within, cancel := a.bounded(ctx)
	defer cancel()
	err := a.store.RevokeSession(within, id, now)
	if err == nil {
		return nil
	}
	again, done := a.bounded(ctx)
	defer done()
	if s, readErr := a.store.Session(again, id); readErr == nil && !s.RevokedAt.IsZero() {
		return nil
	}
	return unavailable("revoke", err)
}

const (
	// maxEndedAtLogin is the maximum number of sessions that one login ends. There may
	// be more if MaxSessions was lowered; later logins end those.
	maxEndedAtLogin = 100

	// endsFor is how long a login ends sessions, if there are so many.
	endsFor = 500 * time.Millisecond

	// maxReadAtLogin is how many sessions, above MaxSessions, one login reads at most.
	maxReadAtLogin = 1000
)

// tooMany returns the active sessions above the limit, the newest of them first.
// newest is never among them, even if by another node's clock it is older.
func (a *Authority) tooMany(ctx context.Context, newest store.Session) (over []store.Session, err error) {
	now, after := a.now(), store.Newest()
	limit := min(a.maxSessions+maxEndedAtLogin, store.MaxPage)
	counted := 0
	for read := 0; read < a.maxSessions+maxReadAtLogin; {
		page, err := a.store.UserSessions(ctx, newest.UserID, after, limit)
		if err != nil {
			return nil, unavailable("user's sessions", err)
		}
		for _, s := range page {
			if !lasts(s, now) || a.accessOnly(s) || s.Actor != "" {
				continue
			}
			counted++
			if counted <= a.maxSessions || s.ID == newest.ID {
				continue
			}
			if over = append(over, s); len(over) == maxEndedAtLogin {
				return over, nil
			}
		}
		if len(page) < limit {
			break
		}
		read += limit
		after = page[limit-1].Cursor()
	}
	return over, nil
}
