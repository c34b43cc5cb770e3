package tokens

import (
	"errors"
	"fmt"

	"github.com/sallyport-go/sallyport/configerror"
)

// The errors of an Authority. Test for them with [errors.Is]. The wrapped text is
// for the log, not for the caller.
var (
	// ErrMalformed means that the request has an invalid form, for example a client
	// identifier that no store could hold, or that it needs Config.APIKeys and there
	// is none.
	ErrMalformed = errors.New("tokens: malformed request")

	// ErrInvalidClient means that the OAuth client is not registered, or that its
	// secret is wrong or missing. Nothing else was checked.
	ErrInvalidClient = errors.New("tokens: invalid client")

	// ErrUnauthorizedClient means that the client is authenticated, but may not use
	// this grant.
	ErrUnauthorizedClient = errors.New("tokens: unauthorized client")

	// ErrBadCredentials means that the login and the password do not match. It
	// deliberately gives no reason.
	ErrBadCredentials = errors.New("tokens: bad credentials")

	// ErrRefused means that the login and the password match, and that the host does
	// not let the user in: the [store.RefusalError] in it has its words for the client.
	ErrRefused = errors.New("tokens: login refused by the host")

	// ErrSecondFactor means that the login and the password match, and that the user
	// has to show a second factor: see the [store.SecondFactorError] in it and, if
	// Config.SecondFactor is set, the [StepError] with the step token.
	ErrSecondFactor = errors.New("tokens: second factor required")

	// ErrWrongFactor means that the second factor of a CompleteLogin is wrong. The step
	// token stays valid. It is a kind of ErrBadCredentials.
	ErrWrongFactor = fmt.Errorf("%w: wrong second factor", ErrBadCredentials)

	// ErrInvalidStep means that a step token is not genuine, has expired or was used, or
	// that the user's credentials have changed since it was made.
	ErrInvalidStep = errors.New("tokens: invalid step token")

	// ErrInvalidScope means that a requested scope is malformed, or that it exceeds
	// what the user holds and the client, the session or the API key allows.
	ErrInvalidScope = errors.New("tokens: invalid scope")

	// ErrInvalidRefresh means that the refresh token is not accepted. The errors
	// below that begin with its text are kinds of it.
	ErrInvalidRefresh = errors.New("tokens: invalid refresh token")

	// ErrExpiredRefresh means that the session has expired. It is a kind of
	// ErrInvalidRefresh.
	ErrExpiredRefresh = fmt.Errorf("%w: the session has expired", ErrInvalidRefresh)

	// ErrRevokedRefresh means that the session was revoked, that its user may no
	// longer log in, or that their credentials have changed since the login. It is a
	// kind of ErrInvalidRefresh.
	ErrRevokedRefresh = fmt.Errorf("%w: the session was revoked", ErrInvalidRefresh)

	// ErrReused means that the refresh token was used before. Its session is revoked
	// now (RFC 9700 §4.14.2). It is a kind of ErrInvalidRefresh.
	ErrReused = fmt.Errorf("%w: used before", ErrInvalidRefresh)

	// ErrWrongClient means that the refresh token belongs to another client, for
	// which it stays valid. It is a kind of ErrInvalidRefresh.
	ErrWrongClient = fmt.Errorf("%w: another client's", ErrInvalidRefresh)

	// ErrInvalidToken means that the access token is not genuine, is for another
	// issuer or audience, or expired long ago.
	ErrInvalidToken = errors.New("tokens: invalid access token")

	// ErrRevokedToken means that the access token is genuine, and that its session
	// or API key is on the deny list. It is a kind of ErrInvalidToken.
	ErrRevokedToken = fmt.Errorf("%w: the session was revoked", ErrInvalidToken)

	// ErrExpiredToken means that the access token is genuine and has expired, at
	// most one Config.AccessTTL ago. It is not a kind of ErrInvalidToken.
	ErrExpiredToken = errors.New("tokens: expired access token")

	// ErrInvalidKey means that the API key is unknown, expired or revoked, that its
	// owner may no longer log in or use it, or that a new password ended it.
	ErrInvalidKey = errors.New("tokens: invalid API key")

	// ErrKeyNetwork means that the API key would be accepted from another address: the
	// client's is in none of its Networks. The client is not told. In an event it says
	// that a key was probably stolen. It is a kind of ErrInvalidKey.
	ErrKeyNetwork = fmt.Errorf("%w: the client's address is in none of its networks", ErrInvalidKey)

	// ErrReplaced means that the API key cannot be replaced: it has a successor that
	// works, or another caller has replaced or revoked it at the same time.
	ErrReplaced = errors.New("tokens: the API key has a successor")

	// ErrUnsupportedToken means that a token of this kind cannot be revoked (RFC
	// 7009 §2.2.1): an access token without a session, or one without
	// Config.Revocations.
	ErrUnsupportedToken = errors.New("tokens: a token that cannot be revoked")

	// ErrNoSession means that the access token is genuine, but has no active
	// session, which the method requires.
	ErrNoSession = errors.New("tokens: no session")

	// ErrUnavailable means that the store, the source of keys or the host's Claims
	// returned an error. It says nothing about the credential: the same request may
	// succeed later.
	ErrUnavailable = errors.New("tokens: unavailable")

	// ErrClock means that this node's clock is more than 2 s behind a time in the
	// store, so that the Authority cannot decide whether a refresh token is still
	// within its RetryGrace. Nothing was changed. It is a kind of ErrUnavailable.
	ErrClock = fmt.Errorf("%w: the clock is behind the time of the store's row", ErrUnavailable)

	// ErrClaims means that the host's Claims returned what an access token cannot
	// carry: a registered claim, a value that is not JSON, or too much data.
	ErrClaims = errors.New("tokens: unusable claims")
)

// unavailable wraps an error of a store that is none of its sentinels.
func unavailable(what string, err error) error {
	return fmt.Errorf("%w: %s: %w", ErrUnavailable, what, err)
}

// ConfigError is one invalid field of a [Config] or a [VerifierConfig].
type ConfigError = configerror.Error
