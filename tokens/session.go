package tokens

import (
	"context"
	"time"

	"github.com/sallyport-go/sallyport/store"
)

// OpenSession is an active session as its user may see it.
type OpenSession struct {
	// ID identifies the session: it is the "sid" of its access tokens. It cannot be
	// used as a token.
	ID string

	// ClientID is the client of the login. Empty: the login named none.
	ClientID string

	// Scopes limit the session. Empty: they do not.
	Scopes []string

	// Label is that of the LoginRequest.
	Label string

	// CreatedAt is when the user logged in, LastUsedAt when the session was last
	// refreshed, and ExpiresAt when it ends unless it is refreshed before.
	CreatedAt, LastUsedAt, ExpiresAt time.Time
}

// Sessions returns the active sessions of a user, oldest first: not those that
// were revoked or have expired. A user without sessions is not an error.
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
				ID: s.ID, ClientID: s.ClientID, Scopes: s.Scopes, Label: s.Label,
				CreatedAt: s.CreatedAt, LastUsedAt: s.AdvancedAt, ExpiresAt: earlier(s.IdleUntil, s.ExpiresAt),
			})
		}
	}
	return all, nil
}

// EndSession ends one session of a user, by the ID of its OpenSession, as Logout
// does. It returns false if the user has no such session. When it returns true,
// the logout is committed. It completes even if ctx is done. ErrUnavailable is
// its only error.
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

// EndOtherSessions ends all sessions of the principal's user, except the one that
// the principal's access token belongs to. LogoutEverywhere ends that one too.
//
// It returns ErrNoSession, and ends no session, if the principal's own session is
// not active. It returns ErrUnavailable if it could end only part of them: call it
// again to end the rest. It takes at most four times Config.Timeout, and one step
// more.
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
		if s.ID != p.SessionID {
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

// lasts reports whether a session can be refreshed.
func lasts(s store.Session, now time.Time) bool {
	return s.RevokedAt.IsZero() && now.Before(s.IdleUntil) && now.Before(s.ExpiresAt)
}
