package store

import (
	"context"
	"fmt"
	"strings"
)

// Users checks passwords and looks up users. The host implements it on its own
// table, on an LDAP directory, or on another system that has its accounts.
type Users interface {
	// Authenticate returns the user with this login and this password.
	//
	// It returns ErrBadCredentials for every other pair: the same for an unknown
	// login, a wrong password, and a user who is locked out or deleted, and after
	// about the same work (package
	// [github.com/sallyport-go/sallyport/store/passwords] does that). For a user who
	// has no password, or whose stored hash cannot be read, it returns a
	// [FaultError], which is an ErrBadCredentials: the host gets an event, and the
	// client sees no difference.
	//
	// The password is compared exactly as it is given: it is not trimmed, truncated
	// or folded. Only texts that Unicode defines as equivalent may count as the
	// same, because one device types "é" as one character and another as two. A
	// password is valid UTF-8 without NUL and at most 4096 bytes.
	//
	// The CredentialVersion of the result is that of the row whose password was
	// verified: it is read together with the hash, before the work, and not again
	// after it. If Authenticate renews the hash, it replaces only the one that was
	// verified, and does not change the version.
	//
	// A host that does not let a user in for a reason of its own, or that asks them
	// for a second factor, returns a [RefusalError] or a [SecondFactorError]. It
	// returns either only if login and password match, and ErrBadCredentials otherwise.
	Authenticate(ctx context.Context, login, password string) (User, error)

	// User returns the user with this ID as they are now, and ErrNotFound once they
	// are deleted or locked out. It is called at each refresh, and at the end of
	// each login, so that a user who may no longer log in gets no new token, and
	// that a new tier, seat count or scope is in the next one. It returns the result
	// of every write that has completed: a cache or a lagging read replica is wrong,
	// because a login uses it to learn that the password has changed meanwhile.
	User(ctx context.Context, id string) (User, error)
}

// User is the part of a user's account that Sallyport reads.
type User struct {
	// ID identifies the user permanently; it is the subject ("sub") of their tokens.
	// It must not be empty, and must never be given to another user.
	ID string

	// Login is the name that the user types. Sallyport does not store it, and does
	// not put it into tokens.
	Login string

	// Account is the account whose quota the user's requests are counted on. Users
	// with the same Account share one quota. Empty: the user has a quota of their
	// own.
	Account string

	// Tier is the account's tier, a name in the host's table of tiers, for example
	// "free". Empty: the account has no tier.
	Tier string

	// Seats is how many seats the account pays for, if its tier counts them, less
	// than 2^53. Zero and less count as 1.
	Seats int

	// Scopes are what the user may do, each a scope-token (RFC 6749 §3.3) of 1 to
	// 128 bytes, for example "articles:read". Empty: the host does not use scopes,
	// or the user holds none.
	Scopes []string

	// CredentialVersion changes whenever the credentials of the user change: with a
	// new password, a new login, a removed second factor, or a lifted lockout. It is
	// any text that the user has never had before, for example random or a counter.
	// A stronger hash of the same password does not change it. Sessions and API keys
	// keep the version with which they were created. A new version ends the user's
	// sessions; API keys survive it, unless PasswordEndsAPIKeys is set in the Config
	// of package tokens.
	//
	// Empty: the host does not track it. Then a login that runs while the password
	// changes may create a session with the old password after the call that ended
	// all others, and only another such call ends it.
	CredentialVersion string
}

// RefusalError is returned by Authenticate for a login and a password that match,
// of a user whom the host does not let in for a reason of its own: "the e-mail
// address is not confirmed". Its words are sent to the client.
type RefusalError struct {
	// UserID is the ID of the user. It is for the event, and is not sent.
	UserID string

	// Code is the reason for programs: 1 to 64 lower-case letters, digits and
	// underscores, such as "user_not_verified". The FastAPI wire format sends it as
	// LOGIN_USER_NOT_VERIFIED. Required.
	Code string

	// Description is the reason for people: 1 to 512 bytes of text without control
	// characters. Required.
	Description string
}

// Error returns the code and the description.
func (e *RefusalError) Error() string {
	return "store: the host refuses the login: " + e.Code + ": " + e.Description
}

// Refusal returns what a client is told: the Code and the Description.
func (e *RefusalError) Refusal() (code, description string) { return e.Code, e.Description }

// SecondFactorError is returned by Authenticate for a login and a password that
// match, of a user who has to show a second factor too. See SecondFactor in the Config
// of package tokens.
type SecondFactorError struct {
	// UserID is the ID of the user. It is not sent. It is required if
	// Config.SecondFactor is set, and for the event otherwise.
	UserID string

	// CredentialVersion is that of the row whose password was verified, as in the User
	// that Authenticate returns: the step that this login has made ends when the user's
	// credentials change. It is required if Config.SecondFactor is set and the host
	// tracks versions.
	CredentialVersion string

	// Methods are the factors that the user may show, by the names of RFC 8176 §2:
	// 1 to 16.
	Methods []string
}

// Error returns the methods.
func (e *SecondFactorError) Error() string {
	return "store: the login needs a second factor: " + strings.Join(e.Methods, " ")
}

// FaultError is an ErrBadCredentials whose cause is what the host has stored for
// the user, and not what the caller typed, for example a password hash that
// cannot be read. Sallyport answers and counts it as a wrong password, and
// reports it to the host as an event.
type FaultError struct {
	// UserID is the user's ID.
	UserID string

	// Field names what is wrong, for example "password hash".
	Field string

	// Err says what is wrong with it. Its text must not contain the field's value.
	Err error
}

// Error returns the field and what is wrong with it, without the user's ID.
func (e *FaultError) Error() string {
	return fmt.Sprintf("store: the user's %s: %v", e.Field, e.Err)
}

// Is reports whether target is ErrBadCredentials.
func (e *FaultError) Is(target error) bool { return target == ErrBadCredentials }

// Unwrap returns Err.
func (e *FaultError) Unwrap() error { return e.Err }
