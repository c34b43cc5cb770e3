package store

import (
	"context"
	"time"
)

// Revocations is a deny list: it stores which sessions have ended until their
// last access token has expired. It is optional: see the field of this name in
// the Config of package tokens.
//
// A session is identified here by the "sid" of its access tokens: its ID. So is an
// API key from which access tokens were made.
type Revocations interface {
	// DenySession puts a session on the list until a time. It is committed when
	// DenySession returns nil. A session that is on the list already stays on it
	// until the later of the two times.
	DenySession(ctx context.Context, sid string, until time.Time) error

	// DenySessions does what DenySession does for many sessions, in as few round
	// trips as the store can: with one statement, one script or one pipeline. A
	// caller passes at most 1000; a session that is passed twice is put on the list
	// once, and an empty list is not an error. After an error some of them may be on
	// the list, and the same call may be made again.
	DenySessions(ctx context.Context, sids []string, until time.Time) error

	// SessionDenied reports whether a session is on the list. After its time it may
	// be reported either way.
	SessionDenied(ctx context.Context, sid string) (bool, error)

	// DeleteExpiredDenials deletes the sessions whose time is not after before, and
	// no other, and returns how many that was. A session that is being written at
	// that moment may be left to the next call. A store that deletes them itself may
	// have fewer to delete.
	DeleteExpiredDenials(ctx context.Context, before time.Time) (int, error)
}
