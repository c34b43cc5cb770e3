// Package store declares the interfaces through which Sallyport stores a host's
// data: its users, their sessions and, if the host has them, API keys, OAuth
// clients and a deny list. It needs the standard library only.
//
// A host implements [Store] on its own tables, or uses store/memstore,
// store/sqlstore or store/redisstore. Test your own implementation with
// store/storetest: it tests each sentence below that says what a method does.
//
// # What holds for every method
//
// Methods are called by many goroutines concurrently. The calls of CreateSession,
// Session, AdvanceSession and RevokeSession for one session are linearizable: all
// callers see them one after the other, each at a moment between its call and its
// return.
//
// An error that is none of ErrNotFound, ErrConflict and ErrBadCredentials (the
// sentinels) means that the store failed. Sallyport answers it with 503, and
// never treats it as "not found", as a reused token or as success. A store must
// return a driver's error unchanged or wrapped, and must not translate it into a
// sentinel with another meaning. Sentinels may be wrapped; Sallyport tests for
// them with [errors.Is].
//
// An error that means that the store failed may have a method RetryAfter()
// time.Duration: how long until the same call may succeed. The 503 then has that
// Retry-After.
//
// When its context is done, a method returns within 5 s, with an error that is
// not a sentinel. By then it may or may not have made its change.
//
// Identifiers are compared byte by byte: "a" and "A" are different, "a" and "a "
// are different, and a column whose collation ignores either difference is wrong.
// Session and key identifiers are 1 to 64 letters, digits or any of -._~ (the
// unreserved characters of RFC 3986 §2.3). All other strings but passwords are
// valid UTF-8 without NUL and at most 512 bytes.
//
// A store that outlives the process loses nothing when it is closed and opened
// again.
//
// Sallyport passes times in UTC, truncated to the microsecond. A store returns
// them equal (by [time.Time.Equal]), and a zero time as zero.
//
// A slice that is passed in or returned belongs to the caller: a store keeps and
// returns copies.
//
// No method uses a clock: the caller decides what has expired.
//
// A method that deletes expired rows delays no other call for long, however many
// there are: it deletes in batches. If it fails half-way, what it has deleted
// stays deleted.
package store

import "errors"

// Store has the users and their sessions. It is required: each other interface of
// this package is optional, and has a field of its own in the Config of package
// tokens.
type Store interface {
	Users
	Sessions
}

var (
	// ErrNotFound means that the store has looked, and that what was asked for does
	// not exist.
	ErrNotFound = errors.New("store: not found")

	// ErrConflict means that a write was not made because its condition does not
	// hold: another caller was faster, or the identifier is taken.
	ErrConflict = errors.New("store: conflict")

	// ErrBadCredentials means that the login and the password do not match. It
	// deliberately gives no reason.
	ErrBadCredentials = errors.New("store: bad credentials")

	// ErrBusy means that this process had no free connection to the store for as long
	// as the call could wait, while the store answered other calls. It is not a
	// sentinel: the request gets 503 as for any other error, and the event is
	// events.StoreBusy instead of events.StoreFailure. A store may wrap it, and no
	// store must.
	ErrBusy = errors.New("store: all connections to the store are in use")
)
