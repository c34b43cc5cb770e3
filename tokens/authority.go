// Package tokens turns credentials into token pairs and access tokens into
// principals. It knows nothing of HTTP.
//
// An [Authority] signs access tokens (JWTs as RFC 9068 has them), opens a
// session a login, and rotates its refresh token at each refresh: single use,
// and a second use ends the session (RFC 9700 §4.14.2).
package tokens

import (
	"context"
	"errors"
	"fmt"
	"io"
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

// Authority issues and verifies tokens. It is safe for concurrent use, and
// immutable after New.
type Authority struct {
	unfinished *unfinished

	store       store.Store
	apiKeys     store.APIKeys
	clients     store.Clients
	revocations store.Revocations

	defaultClient                      string
	accountAsClient, ignoreDenyFailure bool
	anyClient                          bool

	issuer   string
	audience string
	keys     *keys.Ring
	verifier *Verifier
	refresh  refreshKeys
	prefix   string

	accessTTL, idleTTL, sessionTTL time.Duration
	maxSessions                    int
	passwordEndsKeys               bool
	grace, leeway, timeout         time.Duration

	claims func(context.Context, store.User) (map[string]any, error)
	events func(context.Context, events.Event)
	clock  func() time.Time
}

// Format writes "tokens.Authority{}" for every verb, and never a key.
func (Authority) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "tokens.Authority{}") }

const (
	defaultAccessTTL = time.Hour

	maxTTL          = 100 * 365 * 24 * time.Hour
	maxGrace        = 300 * time.Second
	maxLeeway       = 5 * time.Minute
	refreshKeyBytes = 32
	maxString       = 512 // bytes, of what the store contract promises
)

// New returns an Authority, or one error that joins all that is wrong with the
// Config, each with the path of its field.
func New(c Config) (*Authority, error) {
	var wrong []error
	complain := func(path, format string, args ...any) {
		wrong = append(wrong, fmt.Errorf("tokens: Config."+path+": "+format, args...))
	}
	if c.Store == nil {
		complain("Store", "is required")
	}
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
	if c.MaxSessions < 0 {
		complain("MaxSessions", "must be at least 1, or 0 for no limit, got %d", c.MaxSessions)
	}
	prefix := or(c.Prefix, "sp")
	if !isPrefix(prefix) {
		complain("Prefix", "must be 2 to 16 lower-case letters and digits, got %q", prefix)
	}
	ring := ringOf(c, complain)
	checkRefreshKeys(c, complain)
	remembered := newCache(c.Cache, complain)
	for _, d := range []struct {
		name        string
		value       *time.Duration
		zero, unit  time.Duration
		least, most time.Duration
	}{
		{"AccessTTL", &c.AccessTTL, defaultAccessTTL, time.Second, time.Second, maxTTL},
		{"IdleTTL", &c.IdleTTL, 30 * 24 * time.Hour, time.Microsecond, time.Second, maxTTL},
		{"SessionTTL", &c.SessionTTL, 90 * 24 * time.Hour, time.Microsecond, time.Second, maxTTL},
		{"RetryGrace", &c.RetryGrace, 0, time.Microsecond, 0, maxGrace},
		{"Leeway", &c.Leeway, 0, time.Microsecond, 0, maxLeeway},
		{"Timeout", &c.Timeout, 5 * time.Second, 1, 1, maxTTL},
	} {
		*d.value = or(*d.value, d.zero)
		switch {
		case *d.value < d.least, *d.value > d.most:
			complain(d.name, "must be %v to %v, got %v", d.least, d.most, *d.value)
		case *d.value%d.unit != 0:
			complain(d.name, "must be a multiple of %v, got %v", d.unit, *d.value)
		}
	}
	if len(wrong) > 0 {
		return nil, errors.Join(wrong...)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	verifier := &Verifier{
		keys: ring, issuer: c.Issuer, audience: c.Audience,
		leeway: c.Leeway, accessTTL: c.AccessTTL, cache: remembered, events: c.Events, clock: c.Now,
	}
	a := &Authority{
		store: checkedStore{c.Store}, revocations: c.Revocations,
		defaultClient: c.DefaultClient, accountAsClient: c.AccountAsClient, anyClient: c.InsecureUnregisteredClients,
		ignoreDenyFailure: c.InsecureIgnoreDenyFailure,
		issuer:            c.Issuer, audience: c.Audience,
		keys: ring, verifier: verifier, refresh: newRefreshKeys(prefix, c.RefreshKeys), prefix: prefix,
		accessTTL: c.AccessTTL, idleTTL: c.IdleTTL, sessionTTL: c.SessionTTL, maxSessions: c.MaxSessions,
		passwordEndsKeys: c.PasswordEndsAPIKeys, unfinished: &unfinished{},
		grace: c.RetryGrace, leeway: c.Leeway, timeout: c.Timeout,
		claims: c.Claims, events: c.Events, clock: c.Now,
	}
	if c.APIKeys != nil {
		a.apiKeys = checkedKeys{c.APIKeys}
	}
	if c.Clients != nil {
		a.clients = checkedClients{c.Clients}
	}
	return a, nil
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
		complain("Keys", "are not wanted beside a KeyRing")
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

// now is the time that stores keep: UTC, cut to the microsecond.
func (a *Authority) now() time.Time { return a.clock().UTC().Truncate(time.Microsecond) }

// Verify returns the principal of a genuine access token that is valid now. It
// does not call the Store: a user who can no longer log in keeps their access
// tokens until those expire, or, with Config.Revocations, until their sessions
// end. Only the deny list is called.
//
// It accepts only what an Authority with the same issuer, audience and keys makes.
// It returns ErrExpiredToken for a genuine token that expired at most one
// Config.AccessTTL ago, ErrRevokedToken for one whose session was ended,
// ErrUnavailable if the deny list returns an error, and ErrInvalidToken for every
// other token. A token for another issuer or audience, and one that expired longer
// ago, is rejected before its signature is verified.
func (a *Authority) Verify(ctx context.Context, token Secret) (Principal, error) {
	p, err := a.verifier.Verify(ctx, token)
	if err != nil {
		return Principal{}, err
	}
	if err := a.checkDenied(ctx, p); err != nil {
		return Principal{}, err
	}
	return p, nil
}

// Issuer returns the "iss" of the tokens.
func (a *Authority) Issuer() string { return a.issuer }

// Audience returns the "aud" of the tokens.
func (a *Authority) Audience() string { return a.audience }

// JWKS returns the public keys as a JWK Set (RFC 7517 §5): those that verify now,
// and those that will sign later. It never contains an HMAC key or a private
// member.
func (a *Authority) JWKS() []byte { return a.keys.Current().JWKS(a.clock()) }
