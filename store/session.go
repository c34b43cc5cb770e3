package store

import (
	"context"
	"time"
)

// Sessions stores one row a session. A session is opened by a login, moved
// on by each refresh and ended by a logout, a reuse or its own age; a year of
// hourly refreshes leaves one row.
type Sessions interface {
	// CreateSession adds a session. ErrConflict if the ID is taken, in which case
	// the session that has it stays as it was.
	CreateSession(ctx context.Context, s Session) error

	// Session returns the session with this ID, live, revoked or expired, as the
	// last write that returned has left it: a read replica that lags will not
	// do. ErrNotFound if there is none.
	Session(ctx context.Context, id string) (Session, error)

	// AdvanceSession moves a session from generation from to from+1 and sets
	// AdvancedAt and IdleUntil, in one atomic step. Of any number of callers with
	// the same from exactly one gets nil. The others, callers with a generation
	// that is not the session's, and callers after a revocation get ErrConflict
	// and change nothing. ErrNotFound if there is no
	// such session.
	AdvanceSession(ctx context.Context, id string, from int64, at, idleUntil time.Time) error

	// RevokeSession ends a session for good: nothing advances it afterwards, and
	// nothing un-revokes it. It is committed when RevokeSession returns nil. A
	// session that is revoked already keeps its first RevokedAt; one that does
	// not exist is no error. A zero time is refused with an error that is no
	// sentinel, and ends nothing.
	RevokeSession(ctx context.Context, id string, at time.Time) error

	// UserSessions returns a user's sessions that are not revoked, oldest first;
	// none is no error.
	UserSessions(ctx context.Context, userID string) ([]Session, error)

	// RevokeUserSessions ends every session that the user has when it is called,
	// each as RevokeSession does, and no other user's. It ends them before it
	// looks for what to return, so that after an error all of them may have ended;
	// the same call may be made again, and ends the rest.
	//
	// It returns the IDs of the sessions that it ended, and of those that other
	// calls of it, made before or at the same time, ended at since or later: a
	// caller that could not deny them all gets them again. Each ID is returned
	// once, in any order; none is no error. It may return more of the user's
	// sessions that are revoked, but never one that is not, and none that the
	// store has forgotten. At and since are times of the caller's clock, and since
	// is not after at; a zero since is before every revocation. Once a call was
	// made with a later since, a store may leave out what was ended before that.
	RevokeUserSessions(ctx context.Context, userID string, at, since time.Time) ([]string, error)

	// DeleteExpiredSessions forgets the sessions whose IdleUntil or ExpiresAt is
	// not after before, revoked or not, and says how many they were. It forgets
	// no other: a revoked session stays until it would have expired. A session
	// that is being written at that moment may be left to the next call. A store
	// that forgets expired sessions by itself may have fewer to delete.
	DeleteExpiredSessions(ctx context.Context, before time.Time) (int, error)
}

// Session is one login of one user through one client, and all its refreshes.
// Nothing in it is a secret: no token can be made from it.
//
// Where there is a deny list, a login that hands out an access token and no
// refresh token is a session too, so that it can be listed, ended and denied. It
// stays at Generation 1, and its IdleUntil and its ExpiresAt are both the end of
// that access token. To a store it is a session like any other.
type Session struct {
	// ID names the session. It is part of the refresh token, but of no access
	// token.
	ID string

	// UserID is the ID of the user who logged in.
	UserID string

	// CredentialVersion is the user's at the login: see [User]. A session whose
	// version is no longer its user's is not refreshed. It never changes, and is
	// empty for a user who had none.
	CredentialVersion string

	// ClientID is the OAuth client that the session is bound to; empty if the
	// login named none.
	ClientID string

	// Scopes narrow the session to a part of what the user may do; empty
	// narrows nothing.
	Scopes []string

	// Generation counts the refreshes. It begins at 1.
	Generation int64

	// CreatedAt is when the user logged in.
	CreatedAt time.Time

	// AdvancedAt is when the session came to its Generation.
	AdvancedAt time.Time

	// IdleUntil is when the session ends unless it is refreshed before.
	IdleUntil time.Time

	// ExpiresAt is when the session ends however often it is refreshed.
	ExpiresAt time.Time

	// RevokedAt is when the session was ended; zero while it was not.
	RevokedAt time.Time

	// Label tells the user which of their sessions this is ("Firefox on Linux").
	Label string
}
