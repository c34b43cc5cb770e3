package tokens

import (
	"errors"
	"fmt"
)

// What an Authority answers instead of a result. Each is recognised with
// [errors.Is]; the text behind it is for the log, not for the caller.
var (
	// ErrMalformed: the request cannot be meant: a client identifier or a name
	// that no store could hold. Nothing was asked.
	ErrMalformed = errors.New("tokens: malformed request")

	// ErrInvalidClient: the OAuth client is not registered, or its secret is
	// wrong or missing. Nothing else was looked at.
	ErrInvalidClient = errors.New("tokens: invalid client")

	// ErrUnauthorizedClient: the client is who it says, and may not do this.
	ErrUnauthorizedClient = errors.New("tokens: unauthorized client")

	// ErrBadCredentials: login and password do not open a door together.
	ErrBadCredentials = errors.New("tokens: bad credentials")

	// ErrInvalidScope: a scope is none that can be asked for, or more is asked for
	// than the user holds and the client, the session or the API key allows.
	ErrInvalidScope = errors.New("tokens: invalid scope")

	// ErrInvalidRefresh: the refresh token opens nothing. The errors below that
	// begin with its text are kinds of it.
	ErrInvalidRefresh = errors.New("tokens: invalid refresh token")

	// ErrExpiredRefresh: the session has ended by its age. A kind of
	// ErrInvalidRefresh.
	ErrExpiredRefresh = fmt.Errorf("%w: the session has expired", ErrInvalidRefresh)

	// ErrRevokedRefresh: the session was ended, or its user may no longer enter. A
	// kind of ErrInvalidRefresh.
	ErrRevokedRefresh = fmt.Errorf("%w: the session was revoked", ErrInvalidRefresh)

	// ErrReused: the refresh token was used before, and its session is over now.
	// A kind of ErrInvalidRefresh.
	ErrReused = fmt.Errorf("%w: used before", ErrInvalidRefresh)

	// ErrWrongClient: the refresh token belongs to another client, for whom it
	// stays valid. A kind of ErrInvalidRefresh.
	ErrWrongClient = fmt.Errorf("%w: another client's", ErrInvalidRefresh)

	// ErrInvalidToken: the access token is not one of ours, or not for here.
	ErrInvalidToken = errors.New("tokens: invalid access token")

	// ErrRevokedToken: the access token is genuine, and its session is on the
	// deny list. A kind of ErrInvalidToken.
	ErrRevokedToken = fmt.Errorf("%w: the session was revoked", ErrInvalidToken)

	// ErrExpiredToken: the access token is genuine and was good once. It is not
	// a kind of ErrInvalidToken.
	ErrExpiredToken = errors.New("tokens: expired access token")

	// ErrInvalidKey: the API key opens nothing: unknown, expired, revoked, or its
	// user may no longer enter.
	ErrInvalidKey = errors.New("tokens: invalid API key")

	// ErrUnsupportedToken: the token is of a kind that cannot be revoked by
	// itself.
	ErrUnsupportedToken = errors.New("tokens: a token that cannot be revoked")

	// ErrNoSession: the access token is genuine, and no session is behind it that
	// still lasts, as this asks for.
	ErrNoSession = errors.New("tokens: no session")

	// ErrUnavailable: the store, the source of keys, or the host's Claims could
	// not say. It says nothing about what was asked, and the same request may succeed later.
	ErrUnavailable = errors.New("tokens: unavailable")

	// ErrClock: this node's clock is behind a time that the store has, by more
	// than clocks may differ, so that nobody can say whether a refresh token is
	// still within its RetryGrace. Nothing was changed. A kind of ErrUnavailable.
	ErrClock = fmt.Errorf("%w: the clock is behind the time of the store's row", ErrUnavailable)

	// ErrClaims: the host's Claims gave what no access token can carry: a
	// registered claim, a value that is no JSON, or too much.
	ErrClaims = errors.New("tokens: unusable claims")
)

// unavailable wraps what a store answered that was no sentinel.
func unavailable(what string, err error) error {
	return fmt.Errorf("%w: %s: %w", ErrUnavailable, what, err)
}
