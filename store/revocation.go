package store

import (
	"context"
	"time"
)

// Revocations is a deny list: it stores the sessions that were ended, for as long
// as their last access token could still be shown. A store that has it is named
// in a field of its own; nothing asks for it by type assertion.
//
// A session is named here by the "sid" of its access tokens, which is not its ID
// in Sessions.
type Revocations interface {
	// DenySession puts a session on the list until a time. It is committed when
	// DenySession returns nil. A session that is on the list already stays on it
	// until the later of the two times.
	DenySession(ctx context.Context, sid string, until time.Time) error

	// DenySessions does what DenySession does for many sessions, in as few round
	// trips as the store can: with one statement, one script or one pipeline. A
	// caller gives it 1000 at most; one that is given twice is put on the list
	// once, and none is no error. After an error some of them may be on the list,
	// and the same call may be made again.
	DenySessions(ctx context.Context, sids []string, until time.Time) error

	// SessionDenied reports whether a session is on the list. Past its time it
	// may be reported either way.
	SessionDenied(ctx context.Context, sid string) (bool, error)

	// DeleteExpiredDenials forgets the sessions whose time is not after before,
	// and no other, and says how many they were. A session that is being written
	// at that moment may be left to the next call. A store that forgets them by
	// itself may have fewer to delete.
	DeleteExpiredDenials(ctx context.Context, before time.Time) (int, error)
}
