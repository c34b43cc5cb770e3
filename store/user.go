package store

import (
	"context"
	"fmt"
)

// Users checks passwords and looks up users. The host implements it on its own
// table, on its LDAP directory or on another system that holds its accounts.
type Users interface {
	// Authenticate returns the user whom login and password name together.
	//
	// It returns ErrBadCredentials for every other pair: the same for an unknown
	// login, a wrong password, and a user who is locked out or deleted, and after
	// about the same work (see [github.com/sallyport-go/sallyport/store/passwords]
	// for a hasher that sees to it). The same, too, for a user who has no password
	// or whose stored one cannot be read: that is a [FaultError], by which the host
	// hears of it and the caller does not.
	//
	// The password is compared exactly as it is given: neither trimmed, nor cut,
	// nor folded. Only text that Unicode holds to be the same may count as the
	// same, as one device types "é" as one character and another as two.
	//
	// The CredentialVersion is that of the very row whose password was verified:
	// it is read together with the hash, before the work, and never again after
	// it. A hash that is renewed on the way replaces only the one that was
	// verified, and leaves the version as it is.
	Authenticate(ctx context.Context, login, password string) (User, error)

	// User returns the user with this ID as they are now, and ErrNotFound once
	// they are deleted or locked out. It is asked at every refresh, so that a
	// user who may no longer enter gets no new token, and that a new tier, seat
	// count or scope is in the next one. It shows every write that has returned: a
	// cache or a read replica that lags will not do, for it is how a login finds
	// out that the password was changed meanwhile.
	User(ctx context.Context, id string) (User, error)
}

// User is the part of a user's account that Sallyport reads.
type User struct {
	// ID names the user for ever; it becomes the subject ("sub") of their
	// tokens. Never empty, never given to somebody else.
	ID string

	// Login is the name that they type. Sallyport stores it nowhere.
	Login string

	// Account names the account whose quota the user's requests are counted on.
	// Users with the same Account share one quota; empty means that the user has a
	// quota of their own.
	Account string

	// Tier names the account's tier, a key of the host's table of tiers.
	Tier string

	// Seats is how many seats the account pays for, where its tier counts them.
	// Less than one counts as one.
	Seats int

	// Scopes are what the user may do, each a scope-token of RFC 6749 §3.3.
	Scopes []string

	// CredentialVersion changes whenever what the user can log in with changes: a
	// new password, a new login, a factor that was removed, a lock-out that was
	// lifted. It is any text; a random one or a counter will do, as long as the
	// user never has the same one twice. A stronger hash of the same password is
	// no change. Sessions and API keys keep the version that they were made with.
	// A session ends with it; API keys survive it, unless the host says otherwise
	// (PasswordEndsAPIKeys in the Config of package tokens).
	//
	// Empty means that the host does not track it. Then a login that is under way
	// while the password changes may open a session with the old password, after
	// the call that ended all the others: only another such call ends it.
	CredentialVersion string
}

// FaultError is an ErrBadCredentials whose cause is what the host has stored of
// the user, and not what the caller typed: a password hash that cannot be read, say.
// Sallyport answers and counts it as a wrong password, and reports it to the host
// as an event.
type FaultError struct {
	// UserID names the user.
	UserID string

	// Field is what is wrong, in words: "password hash".
	Field string

	// Err says what is wrong with it. Its text never has the field's value in it.
	Err error
}

// Error names the field and what is wrong with it.
func (e *FaultError) Error() string {
	return fmt.Sprintf("store: the user's %s: %v", e.Field, e.Err)
}

// Is reports whether target is ErrBadCredentials.
func (e *FaultError) Is(target error) bool { return target == ErrBadCredentials }

// Unwrap is Err.
func (e *FaultError) Unwrap() error { return e.Err }
