package tokens

import (
	"context"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens/events"
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

	// Label is that of the LoginRequest, or the Reason of a SignInRequest with an Actor.
	Label string

	// Actor is the ID of who acts for the user in this session: see
	// SignInRequest.Actor. Empty: the user acts for themselves.
	Actor string

	// CreatedAt is when the user logged in, LastUsedAt when the session was last
	// refreshed, and ExpiresAt when it ends unless it is refreshed before.
	CreatedAt, LastUsedAt, ExpiresAt time.Time
}

// Sessions returns a page of the active sessions of a user, the newest first: not
// those that were revoked or have expired. So a page may be shorter than its limit,
// or empty, and not the last. after is that of the page behind it; it is empty if this
// is the last. A user without sessions is not an error. It makes one call of the
// store. It returns ErrMalformed if the page is invalid, or ErrUnavailable.
func (a *Authority) Sessions(ctx context.Context, userID string, p Page) (all []OpenSession, after string, err error) {
	from, limit, err := p.cursor()
	if err != nil {
		return nil, "", err
	}
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	sessions, err := a.store.UserSessions(ctx, userID, from, limit)
	if err != nil {
		return nil, "", a.failed(ctx, unavailable("user's sessions", err))
	}
	now := a.now()
	for _, s := range sessions {
		if lasts(s, now) {
			all = append(all, OpenSession{
				ID: s.ID, ClientID: s.ClientID, Scopes: s.Scopes, Label: s.Label, Actor: s.Actor,
				CreatedAt: s.CreatedAt, LastUsedAt: s.AdvancedAt, ExpiresAt: earlier(s.IdleUntil, s.ExpiresAt),
			})
		}
	}
	if len(sessions) == limit {
		after = next(sessions[limit-1].Cursor())
	}
	return all, after, nil
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
// not active. After ErrUnavailable part of them may have ended: call it again to end
// the rest. Like LogoutEverywhere it makes one call of RevokeUserSessions, however
// many sessions there are, which has four times Config.Timeout, and then denies their
// access tokens, a thousand sessions at a time, each thousand within Config.Timeout.
// It completes even if ctx is done.
func (a *Authority) EndOtherSessions(ctx context.Context, p Principal) error {
	within, cancel := a.bounded(ctx)
	defer cancel()
	own, ok, err := a.sessionBehind(within, p)
	switch {
	case err != nil:
		return a.failed(ctx, err)
	case !ok || !lasts(own, a.lately()):
		return ErrNoSession
	}
	if err := a.revokeAll(ctx, p.Subject, own.ID); err != nil {
		return a.failed(ctx, err)
	}
	a.Report(ctx, events.Event{Kind: events.LogoutOthers, UserID: p.Subject, Actor: p.Actor, ClientID: p.ClientID, SessionID: own.ID})
	return nil
}

// lately returns the time at which a session or a key must have been open whose access
// token is presented: as long as Config.Leeway accepts the token, what ended with it has
// not ended for it.
func (a *Authority) lately() time.Time { return a.now().Add(-a.verifier.leeway) }

// lasts reports whether a session can be refreshed. One at generation 0 is not open
// yet.
func lasts(s store.Session, now time.Time) bool {
	return s.Generation > 0 && s.RevokedAt.IsZero() && now.Before(s.IdleUntil) && now.Before(s.ExpiresAt)
}
