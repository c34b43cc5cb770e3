// Package store declares the interfaces through which Sallyport stores a host's
// data: its users, their sessions and, if the host has them, API keys, OAuth
// clients and a deny list. It needs the standard library only.
//
// A host implements [Store] on its own tables, or starts with
// store/memstore. The author of a Store runs store/storetest against it:
// each sentence below that says what a method does is a rule there.
//
// # What holds for every method
//
// Methods are called by many goroutines at once. To all callers CreateSession,
// Session, AdvanceSession and RevokeSession of one session happen one after the
// other, each at a moment between its call and its return.
//
// An error that is not one of this package's sentinels means "the store
// failed". Sallyport answers it with 503: it never takes it for "not found",
// for theft or for success. So a driver's error is to be returned as it is, or
// wrapped, and never translated into a sentinel that it does not mean.
// Sentinels may be wrapped; they are recognised with [errors.Is].
//
// Such an error may have a method RetryAfter() time.Duration: how long until the
// same call is worth another try. The 503 then says so in Retry-After.
//
// When the context is done a method returns soon, with an error that is not a
// sentinel. It may or may not have done its work by then.
//
// Identifiers are compared byte by byte: "a" and "A" are two, "a" and "a " are
// two, and a column whose collation folds either is wrong for them. Session and
// key identifiers are at most 64 bytes of URL-safe ASCII. All other strings are
// valid UTF-8 without NUL and at most 512 bytes.
//
// A store that outlives the process forgets nothing when it is closed and opened
// again.
//
// Times come in UTC, cut to the microsecond. They come back equal (as
// [time.Time.Equal] has it), and a zero time comes back zero.
//
// A slice that is passed in or returned belongs to the caller: a store keeps and
// gives out copies.
//
// No method looks at a clock: what is expired is decided by the caller.
//
// A method that deletes what has expired holds no other call up for long, however
// much there is: it deletes some at a time. When it fails half-way, what it has
// deleted stays deleted.
package store

import "errors"

// Store is what a host implements: its users and their sessions.
type Store interface {
	Users
	Sessions
}

var (
	// ErrNotFound means that the store has looked, and that the thing asked for does
	// not exist.
	ErrNotFound = errors.New("store: not found")

	// ErrConflict means that a write was not made because its condition does not
	// hold (any longer): another caller was faster, or the identifier is taken.
	ErrConflict = errors.New("store: conflict")

	// ErrBadCredentials means that the login and the password do not match. It
	// deliberately gives no reason.
	ErrBadCredentials = errors.New("store: bad credentials")
)
