package tokens

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens/events"
)

// Logout ends the session that a refresh token belongs to. A refresh token of any
// generation is accepted. When it returns nil, the logout is committed. The
// session's access tokens are rejected from then on if Config.Revocations is set;
// otherwise they stay valid until they expire. Like every method that revokes, it
// completes even if ctx is done, within Config.Timeout for each step.
//
// It returns ErrInvalidClient, ErrMalformed for a client identifier that no store
// could hold, ErrInvalidRefresh if there is no session to end, ErrWrongClient,
// which changes nothing, or ErrUnavailable.
func (a *Authority) Logout(ctx context.Context, r RefreshRequest) error {
	ctx, cancel := a.bounded(ctx)
	defer cancel()
	named, err := a.presenter(ctx, r.ClientID, r.ClientSecret, r.ClientAsSent)
	if err != nil {
		return a.clientRefused(ctx, r.ClientID, err)
	}
	token, ok := a.refresh.open(r.Token)
	if !ok {
		return fmt.Errorf("%w: not genuine", ErrInvalidRefresh)
	}
	return a.logout(ctx, named, token)
}

// logout ends the session of a genuine token, for an authenticated client.
func (a *Authority) logout(ctx context.Context, named client, token presented) error {
	s, err := a.session(ctx, token.secret.id())
	if err != nil {
		return a.failed(ctx, err)
	}
	if _, err := a.holder(ctx, named, s); err != nil {
		return a.clientRefused(ctx, named.ID, err)
	}
	if !s.RevokedAt.IsZero() {
		return a.failed(ctx, a.refuse(ctx, s, ErrRevokedRefresh))
	}
	return a.loggedOut(ctx, s, a.revokePresented(ctx, s))
}

// LogoutPrincipal ends the session that an access token belongs to, as Logout
// does. It returns nil if the principal has no session, or if the session has
// already ended. It does not revoke an API key. ErrUnavailable is its only error.
func (a *Authority) LogoutPrincipal(ctx context.Context, p Principal) error {
	ctx, cancel := a.bounded(ctx)
	defer cancel()
	s, ok, err := a.sessionBehind(ctx, p)
	if err != nil || !ok {
		return a.failed(ctx, err)
	}
	return a.end(ctx, s)
}

// LogoutEverywhere ends all sessions that a user has when it is called, for "sign
// out everywhere" and for a user who was locked out. After a password change call
// PasswordChanged instead. When it returns nil, the logout is committed. The
// user's access tokens are rejected from then on if Config.Revocations is set;
// otherwise they stay valid until they expire. API keys do not change. A user
// without sessions is not an error. It completes even if ctx is done.
//
// First the sessions end in the store, with one call of RevokeUserSessions that
// has four times Config.Timeout. Then their access tokens are denied, a thousand
// sessions at a time, each thousand within Config.Timeout. If the second step
// fails, LogoutEverywhere returns ErrUnavailable, its only error: no session can
// be refreshed any more, and the same call, made again, denies the rest.
func (a *Authority) LogoutEverywhere(ctx context.Context, userID string) error {
	if err := a.revokeAll(ctx, userID, ""); err != nil {
		return a.failed(ctx, err)
	}
	a.Report(ctx, events.Event{Kind: events.LogoutEverywhere, UserID: userID})
	return nil
}

// end ends a session at its user's request.
func (a *Authority) end(ctx context.Context, s store.Session) error {
	return a.loggedOut(ctx, s, a.revoke(ctx, endedSessions(s), func(ctx context.Context, at time.Time) error {
		return a.store.RevokeSession(ctx, s.ID, at)
	}))
}

// loggedOut reports that a session has ended, or the error that prevented it.
func (a *Authority) loggedOut(ctx context.Context, s store.Session, err error) error {
	if err != nil {
		return a.failed(ctx, err)
	}
	a.Report(ctx, events.Event{Kind: events.Logout, UserID: s.UserID, Actor: s.Actor, ClientID: s.ClientID, SessionID: s.ID, Generation: s.Generation})
	return nil
}

// sessionBehind returns the session of a principal, as sessionOf does. A token of
// another issuer has none here, even if its "sid" is that of one.
func (a *Authority) sessionBehind(ctx context.Context, p Principal) (store.Session, bool, error) {
	if p.Issuer != "" && p.Issuer != a.issuer {
		return store.Session{}, false, nil
	}
	return a.sessionOf(ctx, p.Subject, p.SessionID)
}

// sessionOf returns the session of a user with this "sid", which is all that an
// access token has. It returns false if the session was revoked or is unknown.
func (a *Authority) sessionOf(ctx context.Context, userID, sid string) (store.Session, bool, error) {
	if !isStoreID(sid) {
		return store.Session{}, false, nil
	}
	s, err := a.store.Session(ctx, sid)
	switch {
	case errors.Is(err, store.ErrNotFound), err == nil && (s.UserID != userID || !s.RevokedAt.IsZero()):
		return store.Session{}, false, nil
	case err != nil:
		return store.Session{}, false, unavailable("session", err)
	}
	return s, true, nil
}

// clientRefused reports an error that concerns the client or the store, and
// returns it.
func (a *Authority) clientRefused(ctx context.Context, clientID string, err error) error {
	if errors.Is(err, ErrInvalidClient) {
		a.Report(ctx, events.Event{Kind: events.ClientRefused, ClientID: printable(clientID), Err: err})
	}
	return a.failed(ctx, err)
}

// failed reports an error of the store, and returns it.
func (a *Authority) failed(ctx context.Context, err error) error {
	if errors.Is(err, ErrUnavailable) {
		a.Report(ctx, events.Event{Kind: unavailableKind(err), Err: err})
	}
	return err
}
