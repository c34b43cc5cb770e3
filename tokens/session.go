package tokens

import (
	"context"
	"time"

	"github.com/sallyport-go/sallyport/store"
)

// OpenSession is a session as its user may see it.
type OpenSession struct {
	// ID tells the session from others: it is the "sid" of its access tokens, and
	// helps nobody to a refresh token.
	ID string

	// ClientID, Scopes and Label are those of the login.
	ClientID string
	Scopes   []string
	Label    string

	// CreatedAt is when the user logged in, LastUsedAt when the session was last
	// refreshed, and ExpiresAt when it ends unless it is refreshed before.
	CreatedAt, LastUsedAt, ExpiresAt time.Time
}

// Sessions returns the sessions of a user that still last, oldest first.
// ErrUnavailable is its only error.
func (a *Authority) Sessions(ctx context.Context, userID string) ([]OpenSession, error) {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	sessions, err := a.store.UserSessions(ctx, userID)
	if err != nil {
		return nil, a.failed(ctx, unavailable("user's sessions", err))
	}
	now := a.now()
	var all []OpenSession
	for _, s := range sessions {
		if lasts(s, now) {
			all = append(all, OpenSession{
				ID: sessionSID(s.ID), ClientID: s.ClientID, Scopes: s.Scopes, Label: s.Label,
				CreatedAt: s.CreatedAt, LastUsedAt: s.AdvancedAt, ExpiresAt: earlier(s.IdleUntil, s.ExpiresAt),
			})
		}
	}
	return all, nil
}

// EndSession ends one session of a user by the ID that an OpenSession has, as
// Logout does, also after ctx is done; false if the user has no such session.
// ErrUnavailable is its only error.
func (a *Authority) EndSession(ctx context.Context, userID, id string) (bool, error) {
	ctx, cancel := a.bounded(ctx)
	defer cancel()
	s, ok, err := a.sessionOf(ctx, userID, id)
	if err != nil || !ok {
		return false, a.failed(ctx, err)
	}
	err = a.end(ctx, s)
	return err == nil, err
}

// EndOtherSessions ends all sessions of the principal's user but the one that
// the principal's access token belongs to. LogoutEverywhere ends that as well.
//
// It fails with ErrNoSession, having ended none, if the principal's own session
// does not last; and with ErrUnavailable, having ended some, after which it may
// be called again and goes on with the rest. It takes four times Config.Timeout at
// most, and one step more.
func (a *Authority) EndOtherSessions(ctx context.Context, p Principal) error {
	ctx, cancel := a.atLength(ctx)
	defer cancel()
	sessions, err := a.store.UserSessions(ctx, p.Subject)
	if err != nil {
		return a.failed(ctx, unavailable("user's sessions", err))
	}
	now := a.now()
	own := false
	var others []store.Session
	for _, s := range sessions {
		if sessionSID(s.ID) != p.SessionID {
			others = append(others, s)
			continue
		}
		own = lasts(s, now)
	}
	if !own {
		return ErrNoSession
	}
	return a.end(ctx, others...)
}

// lasts reports whether a session could be refreshed.
func lasts(s store.Session, now time.Time) bool {
	return s.RevokedAt.IsZero() && now.Before(s.IdleUntil) && now.Before(s.ExpiresAt)
}
