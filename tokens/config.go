package tokens

import (
	"context"
	"fmt"
	"time"

	"github.com/sallyport-go/sallyport/internal/configcheck"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens/events"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

// Config configures an Authority. The zero value of each optional field is the
// safe default. Fields that weaken security begin with Insecure.
type Config struct {
	// Store is required. It reads the host's users and stores their sessions.
	// Package store has the contract and its implementations.
	Store store.Store

	// APIKeys stores API keys: long-lived credentials that programs exchange for access tokens. Nil: there are no API keys. Then ExchangeKey
	// rejects every key, and the methods that create or list keys return
	// ErrMalformed.
	APIKeys store.APIKeys

	// KeyOwner returns an account or a service account that owns API keys, as it is now,
	// and store.ErrNotFound once it is deleted or suspended: then its keys are rejected.
	// It is called when a key of such an owner is created, exchanged or replaced, and
	// when one of its access tokens is introspected, within Config.Timeout. Any other
	// error ends as ErrUnavailable. It must be safe for concurrent use.
	//
	// The result has the ID that was asked for. Its Account, Tier, Seats and Scopes go
	// into the access tokens; the Account of an account is always its own ID. Login and
	// CredentialVersion are ignored. While it is set, no user may have an ID that begins
	// with "account:" or "service:", because such an owner's tokens have it as their
	// subject: a login of such a user is ErrContract. It requires APIKeys. Nil: only
	// users own keys.
	KeyOwner func(context.Context, store.Owner) (store.User, error)

	// KeyOverlap is how long an API key works after its user has replaced it, unless
	// they say less, from 1 s to MaxKeyOverlap. Zero: 24 h.
	KeyOverlap time.Duration

	// Clients stores the registered OAuth clients: their grants, their scopes, how
	// their refresh tokens rotate, and the digests of their secrets. A client that a
	// request names is authenticated before any other check that calls the store.
	// Set it if different applications may do different things, or if a client has a
	// secret.
	//
	// Nil: no client is registered. Then a request may name any client identifier,
	// which binds the session to that name, and a client secret is ignored.
	Clients store.Clients

	// DefaultClient is the client ID of a login or an exchange that names none, for
	// example "web". Set it if a wire format has no field for the client. It
	// requires Clients, where it must be registered as a public client: New does not
	// look it up, and such a request is rejected with ErrInvalidClient if it is not
	// there or has a secret. At most 512 bytes of UTF-8 without NUL. Empty: if
	// Clients is set, a request that names no client is rejected.
	DefaultClient string

	// AccountAsClient also accepts the user's account as the client identifier, for
	// APIs whose clients send the account there. For example, a user whose Account
	// is "acme" may then log in with the client identifier "acme", or with that of a
	// registered client, and with no other. The account is User.Account, or User.ID
	// if that is empty.
	//
	// Such a client is public. It may use each grant, its tokens get all scopes of
	// the user, and its refresh tokens have Config.RetryGrace. A registered client
	// with the same identifier takes precedence, so the ID of a registered client
	// should not be that of an account.
	AccountAsClient bool

	// InsecureUnregisteredClients accepts a client that is not in Clients as if
	// Clients were nil: its identifier is only a name, it is not authenticated, and
	// it may do what its user may do. Registered clients are still authenticated.
	// Use it only until all clients are registered. It requires Clients, and cannot
	// be combined with AccountAsClient. False: an unknown client is rejected with
	// ErrInvalidClient.
	InsecureUnregisteredClients bool

	// Revocations is the deny list. With it the access tokens of a revoked session
	// or API key are rejected at once. Verify looks up the session of each token in
	// it, and Sweep deletes its expired entries. Nil: the access tokens of a revoked
	// session stay valid until they expire.
	Revocations store.Revocations

	// InsecureIgnoreDenyFailure makes Verify accept access tokens that may have been
	// revoked while the deny list returns an error. It requires Revocations. False:
	// Verify returns ErrUnavailable.
	InsecureIgnoreDenyFailure bool

	// Issuer is required: the "iss" of the access tokens, for example
	// "https://id.example.com". Verifiers compare it code point by code point. From
	// 1 to 512 bytes of UTF-8 without NUL. RFC 8414 §2 requires an https URL without
	// query or fragment; New does not check that.
	Issuer string

	// Audience is required: the "aud" of the access tokens. It names the API that
	// the tokens are for, for example "https://api.example.com". From 1 to 512 bytes
	// of UTF-8 without NUL.
	Audience string

	// Keys is required, unless KeyRing is set: the keys of the access tokens.
	// Keys[0] signs, and all keys verify. To rotate, first append the new key on
	// every node, then move it to the front. The order counts only for keys without
	// a schedule: of keys with a SignsFrom or a RetiresAt the clock decides, as it
	// does in a KeyRing.
	Keys []keys.Key

	// Issuers are other issuers whose access tokens Verify accepts too, each by its
	// own rules and with its own keys, for a host that migrates from another system:
	// tokens that are out stay valid until they expire. Only Verify accepts them:
	// they cannot be introspected or revoked, but Revocations can deny their sessions.
	// At most 64. Nil: only the tokens of this Authority are accepted.
	Issuers []Issuer

	// KeyRing replaces Keys if the keys change while the host runs. It must be
	// created by keys.NewRing. Nil: Keys are used.
	KeyRing *keys.Ring

	// RefreshKeys is required: secrets of at least 32 random bytes, for example of
	// keys.NewSecret, none of them also in Keys or KeyRing. RefreshKeys[0] makes
	// refresh tokens, and all of them verify refresh tokens, so they are rotated as
	// Keys are. A refresh token whose key was removed is rejected, and its session
	// can no longer be refreshed.
	RefreshKeys []keys.Secret

	// Prefix begins refresh tokens ("sp_rt_...") and API keys ("sp_ak_..."), so that
	// people and secret scanners recognize them: 2 to 16 lower-case ASCII letters
	// and digits. Refresh tokens and keys with another prefix are rejected, so do
	// not change it later. Empty: "sp".
	Prefix string

	// AccessTTL is the lifetime of an access token, in whole seconds, from 1 s to
	// 100 years. Zero: 1 h.
	AccessTTL time.Duration

	// IdleTTL is how long a session lasts without a refresh, in whole microseconds,
	// from 1 s to SessionTTL, and at least AccessTTL or SessionTTL, whichever is shorter.
	// Zero: 30 days, or SessionTTL if that is shorter.
	IdleTTL time.Duration

	// SessionTTL is the maximum lifetime of a session, however often it is
	// refreshed, in whole microseconds, from 1 s to 100 years. No access token of
	// the session outlives it. Zero: 90 days.
	SessionTTL time.Duration

	// MaxSessions is the maximum number of sessions of one user. A login above it
	// ends those that are older than the newest MaxSessions, as Logout does. Logins
	// with AccessOnly do not count. Concurrent logins may leave one session more until
	// the next login. One login reads at most the newest MaxSessions and 1000 more,
	// and ends at most 100 within Config.Timeout: if MaxSessions is lowered, later
	// logins end the rest. Zero: no limit.
	MaxSessions int

	// PasswordEndsAPIKeys makes a new password end the user's API keys, as it ends
	// the user's sessions: ExchangeKey rejects a key whose CredentialVersion differs
	// from its user's, and PasswordChanged revokes all keys of the user. False: API
	// keys survive a new password, unless PasswordChanged is called with EndAPIKeys.
	PasswordEndsAPIKeys bool

	// RetryGrace is how long after the first use of a refresh token a second use
	// gets the same successor instead of ending the session: 0 to 300 s, in whole
	// microseconds. Set it, for example to 10 s, if a response may be lost, or if
	// browser tabs refresh concurrently. It also ends when the successor is used. A
	// registered client has its own store.Client.Grace instead. Zero: a second use
	// ends the session.
	//
	// The node that served the first use recorded its time by its own clock. A node
	// whose clock is more than 2 s behind that time cannot tell how long ago it was:
	// it returns ErrClock, which is a kind of ErrUnavailable, and changes nothing.
	// If a clock is set back, the same times come again, and a grace that had ended
	// may apply once more, at most for its own length.
	RetryGrace time.Duration

	// Cache limits the cache of verified access tokens. Its zero value caches the
	// tokens of all keys other than HMAC.
	Cache CacheConfig

	// Leeway is how far the clocks of the nodes may differ, in whole microseconds,
	// from 0 to 5 minutes. A token is accepted this long before its "nbf" and after
	// its "exp". Zero: no tolerance after "exp". A token of this Authority is valid
	// from 10 s before it was issued in any case. A refresh token has no leeway: it is
	// refused from the end of its session on, by the clock of the node that is asked.
	Leeway time.Duration

	// Timeout limits how long one login, refresh or logout waits for the store, and
	// how long one Verify waits for the deny list, from 1 ns to 100 years. After it
	// the operation returns ErrUnavailable. Each write of a revocation has the same
	// time again, and the one call that ends all sessions of a user has four times
	// as long. Revocations complete even if the caller disconnects. Zero: 5 s.
	Timeout time.Duration

	// Claims returns the host's own claims for a user's access token, or for that of
	// another owner of an API key, whose ID is then the subject. It is called
	// for each access token: at each login, refresh and exchange, within
	// Config.Timeout. It must be safe for concurrent use. Nil: no additional claims.
	//
	// It must not return a registered claim: iss, sub, aud, exp, nbf, iat, jti,
	// client_id, scope, sid, acct, tier, seats, restricted, auth_time, amr, acr, act or
	// sub_kind, in any letter case. If it does, if the values are not JSON, or if the token would be
	// longer than MaxAccessToken, the operation returns ErrClaims. If Claims returns
	// an error, the operation returns ErrUnavailable.
	Claims func(context.Context, store.User) (map[string]any, error)

	// SecondFactor checks what a user shows as a second factor, after Authenticate has
	// returned a store.SecondFactorError: see CompleteLogin. method and code are what the
	// client sent: method is a scope-token or empty, code is at most 8192 bytes of UTF-8
	// without NUL. What they mean is the host's to say, for example "otp" and six digits,
	// or "hwk" and the JSON of a passkey's assertion.
	//
	// It returns how the user has proved who they are, by the names of RFC 8176 §2: 1 to
	// 14, for example "otp". Decide that by what was checked, and not by method. It
	// returns store.ErrBadCredentials if the code is wrong; any other error is that the
	// host could not check it, and ends as ErrUnavailable. A code that can be used more
	// than once, such as that of a TOTP, it must accept once. It must be safe for
	// concurrent use. Nil: there are no step tokens, and the client of such a user is told
	// only that a second factor is required.
	SecondFactor func(ctx context.Context, userID, method, code string) (proved []string, err error)

	// StepTTL is how long a step token is valid, in whole seconds, from 1 s to 1 h. It
	// requires SecondFactor. Zero: 5 minutes.
	StepTTL time.Duration

	// ContextClass returns the authentication context class ("acr", RFC 9068 §2.2.1) of
	// a user who was authenticated by these methods (names of RFC 8176 §2), for example
	// "urn:example:two-factor" if "mfa" is among them: a scope-token of RFC 6749 §3.3, of
	// 1 to 128 bytes, or empty for none. It is called for each access token of a session
	// whose methods are known, and must be safe for concurrent use. Set it if resource
	// servers ask for a class (RFC 9470). Nil: access tokens have no "acr".
	ContextClass func(methods []string) string

	// Events receives the events, for a security log: see package events. It is
	// called on the goroutine of the operation, which waits for it, and must be safe
	// for concurrent use. Nil: faults are logged
	// by slog.Default, at most once a minute for each kind, and other events are
	// dropped.
	Events func(context.Context, events.Event)

	// Now is the clock, for tests. It must be safe for concurrent use. Nil:
	// time.Now.
	Now func() time.Time
}

// checkStores complains of the Store and the optional stores, and of what requires one
// of them.
func (c *Config) checkStores(complain configcheck.Complain) {
	configcheck.Required("Store", c.Store, complain)
	configcheck.Optional("APIKeys", c.APIKeys, complain)
	configcheck.Optional("Clients", c.Clients, complain)
	configcheck.Optional("Revocations", c.Revocations, complain)
	checkNames(c.Issuer, c.Audience, complain)
	switch {
	case !isString(c.DefaultClient):
		complain("DefaultClient", "must be valid UTF-8 without NUL, at most %d bytes", maxString)
	case c.DefaultClient != "" && c.Clients == nil:
		complain("DefaultClient", "requires Clients, in which %q is registered", c.DefaultClient)
	}
	if c.InsecureUnregisteredClients && (c.Clients == nil || c.AccountAsClient) {
		complain("InsecureUnregisteredClients", "requires Clients, and no AccountAsClient")
	}
	if c.InsecureIgnoreDenyFailure && c.Revocations == nil {
		complain("InsecureIgnoreDenyFailure", "requires Revocations")
	}
	if c.KeyOwner != nil && c.APIKeys == nil {
		complain("KeyOwner", "requires APIKeys")
	}
	if c.PasswordEndsAPIKeys && c.APIKeys == nil {
		complain("PasswordEndsAPIKeys", "requires APIKeys")
	}
	if c.MaxSessions < 0 {
		complain("MaxSessions", "must be at least 1, or 0 for no limit, got %d", c.MaxSessions)
	}
}

// checkTimes sets the durations that are zero, and complains of those that are out of
// bounds.
func (c *Config) checkTimes(complain configcheck.Complain) {
	valid, idle := true, c.IdleTTL
	if c.StepTTL != 0 && c.SecondFactor == nil {
		complain("StepTTL", "requires SecondFactor")
	}
	for _, d := range []struct {
		name        string
		value       *time.Duration
		zero, unit  time.Duration
		least, most time.Duration
	}{
		{"AccessTTL", &c.AccessTTL, defaultAccessTTL, time.Second, time.Second, maxTTL},
		{"IdleTTL", &c.IdleTTL, 30 * 24 * time.Hour, time.Microsecond, time.Second, maxTTL},
		{"SessionTTL", &c.SessionTTL, 90 * 24 * time.Hour, time.Microsecond, time.Second, maxTTL},
		{"KeyOverlap", &c.KeyOverlap, defaultKeyOverlap, time.Microsecond, time.Second, MaxKeyOverlap},
		{"RetryGrace", &c.RetryGrace, 0, time.Microsecond, 0, maxGrace},
		{"Leeway", &c.Leeway, 0, time.Microsecond, 0, maxLeeway},
		{"StepTTL", &c.StepTTL, 5 * time.Minute, time.Second, time.Second, time.Hour},
		{"Timeout", &c.Timeout, 5 * time.Second, 1, 1, maxTTL},
	} {
		*d.value = or(*d.value, d.zero)
		switch {
		case *d.value < d.least, *d.value > d.most:
			complain(d.name, "must be %v to %v, got %v", d.least, d.most, *d.value)
			valid = false
		case *d.value%d.unit != 0:
			complain(d.name, "must be a multiple of %v, got %v", d.unit, *d.value)
			valid = false
		}
	}
	if valid && c.IdleTTL < c.AccessTTL && c.IdleTTL < c.SessionTTL {
		// a client that refreshes when its access token expires would find the session expired
		complain("IdleTTL", "must be at least AccessTTL (%v), or SessionTTL (%v), got %v", c.AccessTTL, c.SessionTTL, c.IdleTTL)
	}
	if valid && idle > c.SessionTTL { // every session would end before
		complain("IdleTTL", "must be at most SessionTTL (%v), got %v", c.SessionTTL, idle)
	}
}

// ringOf returns Config.KeyRing, or a new ring of Config.Keys.
func ringOf(c Config, complain configcheck.Complain) *keys.Ring {
	switch {
	case c.KeyRing == nil:
		r, err := keys.NewRing(c.Keys...)
		configcheck.Repeat(err, "", complain)
		return r
	case len(c.Keys) > 0:
		complain("Keys", "must be empty if KeyRing is set")
	case c.KeyRing.Current() == nil:
		complain("KeyRing", "must be created by keys.NewRing")
	}
	return c.KeyRing
}

func checkRefreshKeys(c Config, complain configcheck.Complain) {
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
				complain(path, "must differ from RefreshKeys[%d]: each secret has one use", j)
			}
		}
		for j, k := range c.Keys {
			if k.Secret != "" && s.Equal(k.Secret) {
				complain(path, "must differ from the Secret of Keys[%d]: each secret has one use", j)
			}
		}
		if c.KeyRing != nil && c.KeyRing.Holds(s) {
			complain(path, "must differ from the secrets of KeyRing: each secret has one use")
		}
	}
}

const maxPrefix = 16 // bytes of Config.Prefix

func isPrefix(s string) bool {
	for i := range len(s) {
		if (s[i] < 'a' || s[i] > 'z') && (s[i] < '0' || s[i] > '9') {
			return false
		}
	}
	return len(s) >= 2 && len(s) <= maxPrefix
}

func or[T comparable](v, zero T) T {
	var nothing T
	if v == nothing {
		return zero
	}
	return v
}
