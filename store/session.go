package store

import (
	"context"
	"errors"
	"time"
)

// Sessions stores one row for each session. A login creates a session, each
// refresh advances it, and a logout, a reused refresh token or its age ends it. A
// year of hourly refreshes leaves one row.
type Sessions interface {
	// CreateSession adds a session. Every field comes back as it was given. It
	// returns ErrConflict if the ID is taken, and does not change the session that
	// has it.
	CreateSession(ctx context.Context, s Session) error

	// Session returns the session with this ID, whether it is active, revoked or
	// expired, with the result of every write that has completed: a lagging read
	// replica is wrong. It returns ErrNotFound if there is none.
	Session(ctx context.Context, id string) (Session, error)

	// AdvanceSession moves a session from generation from to from+1 and sets
	// AdvancedAt and IdleUntil, in one atomic step. Of any number of callers with
	// the same from exactly one gets nil. The others, callers with a generation that
	// is not the session's, and callers after a revocation get ErrConflict and
	// change nothing. It returns ErrNotFound if there is no such session.
	//
	// A session may be created at generation 0: then it is the token of a step that may
	// be made once, and is advanced from 0 to 1 by exactly one of its callers.
	AdvanceSession(ctx context.Context, id string, from int64, at, idleUntil time.Time) error

	// RevokeSession ends a session permanently: no call advances it afterwards, and
	// no call undoes the revocation. It is committed when RevokeSession returns nil.
	// A session that is revoked already keeps its first RevokedAt; one that does not
	// exist is not an error. A zero time is rejected with an error that is not a
	// sentinel, and ends nothing.
	RevokeSession(ctx context.Context, id string, at time.Time) error

	// UserSessions returns a page of the user's sessions that are not revoked. The
	// newest is the first, by CreatedAt, and of those with one CreatedAt the one with
	// the greatest ID. The page begins behind after, which need not be the position of
	// a session. It has limit sessions, and fewer only if there are no more; limit is
	// 1 to MaxPage. A user without sessions is not an error.
	UserSessions(ctx context.Context, userID string, after Cursor, limit int) ([]Session, error)

	// RevokeUserSessions ends every session that the user has when it is called,
	// each as RevokeSession does, and no other user's. It leaves the session with the
	// ID except as it is; an empty except is none. It ends them before it reads what to
	// return, so after an error all of them may have ended; the same call may be made
	// again, and ends the rest.
	//
	// It returns the IDs of the sessions that it ended, and of those that earlier or
	// concurrent calls of it ended at since or later, so that a caller that could
	// not deny them all gets them again. Each ID is returned once, in any order; a
	// user without sessions is not an error. It may omit a session whose AdvancedAt is
	// before since: no access token of it is valid any more. So what a caller has to
	// deny is what was used lately, and not all that a user ever had. It may return
	// other revoked sessions of the user, but no session that is not revoked, and none
	// that the store has deleted. The times at and since are of the caller's clock, and since is not
	// after at; a zero since is before every revocation. After a call with a later
	// since, a store may omit what was ended before that.
	RevokeUserSessions(ctx context.Context, userID, except string, at, since time.Time) ([]string, error)

	// DeleteExpiredSessions deletes the sessions whose IdleUntil or ExpiresAt is not
	// after before, revoked or not, and returns how many that was. It deletes no
	// other: a revoked session stays until it would have expired. A session that is
	// being written at that moment may be left to the next call. A store that
	// deletes expired sessions itself may have fewer to delete.
	DeleteExpiredSessions(ctx context.Context, before time.Time) (int, error)
}

// Session is one login of one user with one client, and all its refreshes. It
// contains no secret: no token can be made from it.
//
// With a deny list, a login that returns an access token and no refresh token
// creates a session too, so that it can be listed, ended and denied. It stays at
// Generation 1, and its IdleUntil and its ExpiresAt are both the end of that
// access token. For a store it is a session like any other.
type Session struct {
	// ID identifies the session. It is the "sid" of its access tokens, and a one-way
	// hash of what its refresh tokens contain: no token can be made from it.
	ID string

	// UserID is the ID of the user whose session it is.
	UserID string

	// CredentialVersion is that of the user at the login: see [User]. A session
	// whose version differs from its user's is not refreshed. It never changes.
	// Empty: the user had none.
	CredentialVersion string

	// ClientID is the OAuth client that the session is bound to. Empty: the login
	// named none.
	ClientID string

	// Scopes limit the session to a part of what the user may do, each a scope-token
	// (RFC 6749 §3.3). Empty: they do not limit it.
	Scopes []string

	// Generation counts the refreshes. It begins at 1, or at 0 for a step
	// that can be made once (see AdvanceSession), and each advance adds 1.
	Generation int64

	// CreatedAt is when the session was created.
	CreatedAt time.Time

	// AuthenticatedAt is when the user last proved who they are: at the login, or
	// later if the host asked them again. A refresh does not change it. Zero: the
	// session was created by a release that did not store it.
	AuthenticatedAt time.Time

	// Methods are how the user proved it, by the names of RFC 8176 §2, for example
	// "pwd", "otp" and "mfa": at most 16, each a scope-token (RFC 6749 §3.3) of 1 to
	// 128 bytes. They never change. Empty: it is not known.
	Methods []string

	// Actor is the ID of the user who acts for UserID, for example of support staff.
	// It never changes. Empty: the user acts for themselves.
	Actor string

	// AdvancedAt is when the session reached its Generation: when it was created or
	// last refreshed.
	AdvancedAt time.Time

	// IdleUntil is when the session expires unless it is refreshed before.
	IdleUntil time.Time

	// ExpiresAt is when the session expires, however often it is refreshed.
	ExpiresAt time.Time

	// RevokedAt is when the session was ended. Zero: it is not revoked.
	RevokedAt time.Time

	// Label tells the user which of their sessions this is, for example "Firefox on
	// Linux".
	Label string
}

// Advanced returns the session as AdvanceSession leaves it, or the session as it is and
// ErrConflict if it is revoked or its generation is not from. It is for a Store that
// reads and writes a session under one lock, or in one transaction that no other writer
// of the session can enter: by itself it is not atomic.
func (s Session) Advanced(from int64, at, idleUntil time.Time) (Session, error) {
	if !s.RevokedAt.IsZero() || s.Generation != from {
		return s, ErrConflict
	}
	s.Generation, s.AdvancedAt, s.IdleUntil = from+1, at, idleUntil
	return s, nil
}

// Revoked returns the session as RevokeSession leaves it: a session that is revoked
// already keeps its RevokedAt. Call [CheckRevocation] first. As Advanced, it is for a
// Store with a lock or a transaction.
func (s Session) Revoked(at time.Time) Session {
	if s.RevokedAt.IsZero() {
		s.RevokedAt = at
	}
	return s
}

// EndsAt returns when the session expires unless it is refreshed before: the earlier of
// IdleUntil and ExpiresAt. DeleteExpiredSessions deletes the session if that is not after
// its argument.
func (s Session) EndsAt() time.Time {
	if s.IdleUntil.Before(s.ExpiresAt) {
		return s.IdleUntil
	}
	return s.ExpiresAt
}

// CheckRevocation returns an error, which is not a sentinel, if the time of a revocation
// is zero: a session or a key with such a RevokedAt would not be revoked.
func CheckRevocation(at time.Time) error {
	if at.IsZero() {
		return errors.New("store: the time of a revocation must not be zero: a zero time means \"not revoked\"")
	}
	return nil
}
