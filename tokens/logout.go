package tokens

import (
	"context"
	"errors"
	"fmt"

	"github.com/sallyport-go/sallyport/store"
)

// Logout ends the session that a refresh token belongs to, whichever of the
// session's tokens it is. It is committed when Logout returns nil; access
// tokens of the session are good until they expire.
//
// It fails with ErrInvalidRefresh where there is no session to end, with
// ErrWrongClient, which changes nothing, and with ErrUnavailable.
func (a *Authority) Logout(ctx context.Context, r RefreshRequest) error {
	token, ok := a.refresh.open(r.Token)
	if !ok {
		return fmt.Errorf("%w: not genuine", ErrInvalidRefresh)
	}
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	s, err := a.session(ctx, token.sessionID)
	switch {
	case err != nil:
		return a.failed(ctx, err)
	case r.ClientID != "" && s.ClientID != "" && r.ClientID != s.ClientID:
		return ErrWrongClient
	case !s.RevokedAt.IsZero():
		return ErrRevokedRefresh
	}
	return a.end(ctx, s)
}

// LogoutPrincipal ends the session that an access token belongs to. A principal
// without a session, or whose session is over, is no error.
func (a *Authority) LogoutPrincipal(ctx context.Context, p Principal) error {
	if p.SessionID == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	sessions, err := a.store.UserSessions(ctx, p.Subject)
	if err != nil {
		return a.failed(ctx, unavailable("user's sessions", err))
	}
	for _, s := range sessions {
		// the access token knows only the image of the session's ID
		if sessionImage(s.ID) == p.SessionID {
			return a.end(ctx, s)
		}
	}
	return nil
}

// LogoutEverywhere ends all sessions of a user: for "sign out everywhere", and
// for a host whose user has a new password or was locked out. It is committed
// when LogoutEverywhere returns nil; access tokens are good until they expire.
func (a *Authority) LogoutEverywhere(ctx context.Context, userID string) error {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	if err := a.store.RevokeUserSessions(ctx, userID, a.now()); err != nil {
		return a.failed(ctx, unavailable("revoke a user's sessions", err))
	}
	a.Report(ctx, Event{Kind: EventLogoutEverywhere, UserID: userID})
	return nil
}

func (a *Authority) end(ctx context.Context, s store.Session) error {
	if err := a.store.RevokeSession(ctx, s.ID, a.now()); err != nil {
		return a.failed(ctx, unavailable("revoke session", err))
	}
	a.Report(ctx, Event{Kind: EventLogout, UserID: s.UserID, ClientID: s.ClientID, SessionID: sessionImage(s.ID), Generation: s.Generation})
	return nil
}

// failed reports an error if it is the store's.
func (a *Authority) failed(ctx context.Context, err error) error {
	if errors.Is(err, ErrUnavailable) {
		a.Report(ctx, Event{Kind: EventStoreFailure, Err: err})
	}
	return err
}
