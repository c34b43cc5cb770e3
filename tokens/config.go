package tokens

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens/events"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

// Config configures an Authority. The zero value of each optional field is the
// safe default.
type Config struct {
	// Store is required: the host's users and sessions.
	Store store.Store

	// APIKeys stores API keys, which users exchange for access tokens. Nil: the
	// Authority has no API keys.
	APIKeys store.APIKeys

	// Clients stores the registered OAuth clients: their grants and scopes, how
	// their refresh tokens rotate, and the digests of their secrets. A client is
	// authenticated before any other check. Nil: no client is registered. Then any
	// client identifier binds a session, and a client secret is neither checked nor
	// stored.
	Clients store.Clients

	// DefaultClient is the client ID of a login or an exchange that names none, for
	// wire formats without a field for it. It must be registered in Clients as a
	// public client. Empty: if Clients is set, such a request is rejected.
	DefaultClient string

	// AccountAsClient accepts a client identifier that is not registered if it is
	// the user's account: User.Account, or User.ID if that is empty. Some existing
	// APIs work this way. Such a client is public, and has the permissions of a
	// client where none is registered. The ID of a registered client should not be
	// that of an account.
	AccountAsClient bool

	// InsecureUnregisteredClients accepts a client that is not in Clients as if
	// Clients were nil: its identifier is only a name, and it may do what its user
	// may do. Registered clients are still authenticated. Use it only until all
	// clients are registered. It cannot be combined with AccountAsClient.
	InsecureUnregisteredClients bool

	// Revocations is the deny list. With it the access tokens of a revoked session
	// or API key are rejected at once. Verify looks up each token in it, and Sweep
	// deletes its expired entries. Nil: access tokens stay valid until they expire.
	Revocations store.Revocations

	// InsecureIgnoreDenyFailure makes Verify accept access tokens, which may have
	// been revoked, if the deny list returns an error. False: Verify returns
	// ErrUnavailable.
	InsecureIgnoreDenyFailure bool

	// Issuer is required: the "iss" of the tokens, compared code point by code
	// point. RFC 8414 requires an https URL without query or fragment.
	Issuer string

	// Audience is required: the "aud" of the tokens. It names the API that the
	// tokens are for.
	Audience string

	// Keys is required, unless KeyRing is set. Keys[0] signs, and all keys verify.
	// To rotate, first append the new key on every node, then move it to the front.
	// Keys with a SignsFrom or a RetiresAt follow one another by the clock, as those
	// of a KeyRing do.
	Keys []keys.Key

	// KeyRing replaces Keys if the keys change while the host runs.
	KeyRing *keys.Ring

	// RefreshKeys is required: secrets of at least 32 random bytes, none of them
	// also in Keys. The first makes refresh tokens, and all of them verify refresh
	// tokens, so they are rotated as Keys are.
	RefreshKeys []keys.Secret

	// Prefix begins refresh tokens ("sp_rt_...") and API keys ("sp_ak_..."), so that
	// people and secret scanners recognize them: 2 to 16 lower-case letters and
	// digits. Empty: "sp".
	Prefix string

	// AccessTTL is the lifetime of an access token, in whole seconds. Zero: one
	// hour.
	AccessTTL time.Duration

	// IdleTTL is how long a session lasts without a refresh. Zero: 30 days.
	IdleTTL time.Duration

	// SessionTTL is the maximum lifetime of a session, however often it is
	// refreshed. No access token outlives it. Zero: 90 days.
	SessionTTL time.Duration

	// MaxSessions is the maximum number of sessions of one user. A login above it
	// ends the oldest session, as Logout does. Concurrent logins may leave one
	// session more until the next login. One login ends at most 100 sessions: if
	// MaxSessions is lowered, later logins end the rest. Zero: no limit.
	MaxSessions int

	// PasswordEndsAPIKeys makes a new password end the user's API keys, as it ends
	// the user's sessions: ExchangeKey rejects a key whose CredentialVersion differs
	// from its user's, and PasswordChanged revokes all keys of the user. False: API
	// keys survive a new password, unless PasswordChanged is called with EndAPIKeys.
	PasswordEndsAPIKeys bool

	// RetryGrace is how long after the first use of a refresh token a second use
	// gets the same successor instead of ending the session. It helps when a
	// response is lost, or when browser tabs refresh concurrently. At most 300 s.
	// Zero: a second use ends the session.
	//
	// The node that served the first use recorded its time by its own clock. A node
	// whose clock is more than 2 s behind that time cannot tell how long ago it was:
	// it returns ErrClock, which is a kind of ErrUnavailable, and changes nothing.
	// When a clock is set back, the same time comes twice: a window that had ended
	// opens again then, once, for the length of the grace. The window closes when
	// the successor is used.
	RetryGrace time.Duration

	// Cache limits the cache of verified access tokens. Zero: a cache for keys other
	// than HMAC.
	Cache CacheConfig

	// Leeway is how far the clocks of the nodes may differ, from 0 to 5 minutes.
	// Zero: no tolerance.
	Leeway time.Duration

	// Timeout limits how long one login, refresh or logout waits for the store, and
	// how long one Verify waits for the deny list. Zero: 5 s. Each write of a
	// revocation has the same time again, and the one call that ends all sessions of
	// a user four times as long. Revocations complete even if the caller
	// disconnects.
	Timeout time.Duration

	// Claims returns the host's own claims for a user's access token. It is called
	// at each login and refresh. It must not return a registered claim. Nil: no
	// additional claims.
	Claims func(context.Context, store.User) (map[string]any, error)

	// Events receives the events. It is called on the goroutine of the operation,
	// and must be safe for concurrent use. Nil: events are dropped.
	Events func(context.Context, events.Event)

	// Now is the clock. Nil: time.Now.
	Now func() time.Time
}

// ringOf returns the Config's ring, or one of its keys.
func ringOf(c Config, complain func(path, format string, args ...any)) *keys.Ring {
	switch {
	case c.KeyRing == nil:
		r, err := keys.NewRing(c.Keys...)
		for _, one := range joined(err) {
			if problem := (*keys.Error)(nil); errors.As(one, &problem) {
				complain(problem.Path, "%w", problem.Err)
			}
		}
		return r
	case len(c.Keys) > 0:
		complain("Keys", "must be empty if KeyRing is set")
	case c.KeyRing.Current() == nil:
		complain("KeyRing", "must be created by keys.NewRing")
	}
	return c.KeyRing
}

// joined returns the errors that an error joins.
func joined(err error) []error {
	if all, ok := err.(interface{ Unwrap() []error }); ok {
		return all.Unwrap()
	}
	return nil
}

func checkRefreshKeys(c Config, complain func(path, format string, args ...any)) {
	if len(c.RefreshKeys) == 0 {
		complain("RefreshKeys", "is required: at least one secret of %d random bytes", refreshKeyBytes)
	}
	for i, s := range c.RefreshKeys {
		path := fmt.Sprintf("RefreshKeys[%d]", i)
		if len(s) < refreshKeyBytes {
			complain(path, "must be at least %d random bytes, got %d", refreshKeyBytes, len(s))
		} else if !s.LooksRandom() {
			complain(path, "must be random, got too few different bytes")
		}
		for j, other := range c.RefreshKeys[:i] {
			if s.Equal(other) {
				complain(path, "is RefreshKeys[%d] again", j)
			}
		}
		for j, k := range c.Keys {
			if k.Secret != "" && s.Equal(k.Secret) {
				complain(path, "is the Secret of Keys[%d]: each secret has one use", j)
			}
		}
		if c.KeyRing != nil && c.KeyRing.Holds(s) {
			complain(path, "is the Secret of a key of KeyRing: each secret has one use")
		}
	}
}

func isPrefix(s string) bool {
	for i := range len(s) {
		if (s[i] < 'a' || s[i] > 'z') && (s[i] < '0' || s[i] > '9') {
			return false
		}
	}
	return len(s) >= 2 && len(s) <= 16
}

func or[T comparable](v, zero T) T {
	var nothing T
	if v == nothing {
		return zero
	}
	return v
}
