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

// Config says how an Authority works. The zero value of what is not required is
// the safe default.
type Config struct {
	// Store is required: the host's users and sessions.
	Store store.Store

	// APIKeys lets users exchange long-lived keys for access tokens. Nil: there
	// are none.
	APIKeys store.APIKeys

	// Clients are the OAuth clients that are registered: what they are allowed,
	// how their refresh tokens rotate, and the secrets of those that have one.
	// They are authenticated before anything else is looked at. Nil: nobody is
	// registered; any client identifier binds a session, and a secret is neither
	// checked nor kept.
	Clients store.Clients

	// DefaultClient is the client of a login or an exchange that names none, as
	// those of dialects that have no place for it. It is registered in Clients,
	// as a public one. Empty: where there are Clients, such a request is refused.
	DefaultClient string

	// AccountAsClient takes a client identifier that is not registered for the
	// user's account (User.Account, or User.ID where that is empty), as some
	// APIs have it: the user logs in if it is theirs. Such a client is public,
	// and may do what a client may where none is registered. No ID of a
	// registered client should then be an account's.
	AccountAsClient bool

	// InsecureUnregisteredClients takes a client that Clients does not know as it
	// would be taken if there were no Clients: its identifier is just a name, and
	// it may do what its user may. Those that Clients knows are authenticated. It
	// is for the time until all are registered; it goes without AccountAsClient.
	InsecureUnregisteredClients bool

	// Revocations is the deny list: with it the access tokens of a session that
	// was revoked die at once, and those of an API key that was revoked. Verify
	// asks it about each token, and Sweep keeps it short. Nil: they are good until they expire.
	Revocations store.Revocations

	// InsecureIgnoreDenyFailure makes Verify accept access tokens that the deny
	// list cannot be asked about, which may have been revoked. Without it they
	// are ErrUnavailable.
	InsecureIgnoreDenyFailure bool

	// Issuer is required: the "iss" of the tokens, compared code point by code
	// point. By RFC 8414 it is an https URL without query or fragment.
	Issuer string

	// Audience is required: the "aud" of the tokens, which names the API that
	// they are for.
	Audience string

	// Keys are required, unless there is a KeyRing. Keys[0] signs, all of them
	// verify; so a new key is put last on every node before it is put first on
	// any. Keys with a SignsFrom or a RetiresAt follow one another by the clock,
	// as those of a KeyRing do.
	Keys []keys.Key

	// KeyRing stands in for Keys where they are replaced while the host runs.
	KeyRing *keys.Ring

	// RefreshKeys are required: secrets of 32 random bytes or more that refresh
	// tokens are made with, and no key of Keys. The first makes them, all of
	// them open them, so they are replaced as Keys are.
	RefreshKeys []keys.Secret

	// Prefix begins refresh tokens ("sp_rt_...") and API keys ("sp_ak_...") so
	// that people and secret scanners know whose they are: 2 to 16 lower-case
	// letters and digits. Empty: "sp".
	Prefix string

	// AccessTTL is how long an access token is good for, in whole seconds. Zero:
	// one hour.
	AccessTTL time.Duration

	// IdleTTL is how long a session waits for its next refresh. Zero: 30 days.
	IdleTTL time.Duration

	// SessionTTL is how long a session lasts however often it is refreshed. No
	// access token outlives it. Zero: 90 days.
	SessionTTL time.Duration

	// MaxSessions is how many sessions a user may have at once. A login that
	// opens one more ends the oldest, as Logout does; after logins at the
	// same time there may be one more until the next. One login ends 100 sessions
	// at most: where MaxSessions is new, later logins end the rest. Zero: no limit.
	MaxSessions int

	// PasswordEndsAPIKeys makes a new password end the user's API keys, as it ends
	// their sessions: ExchangeKey refuses a key whose CredentialVersion is no
	// longer its user's, and PasswordChanged revokes all of them. False: API keys
	// survive a new password, unless PasswordChanged is called with EndAPIKeys.
	PasswordEndsAPIKeys bool

	// RetryGrace is how long after the first use of a refresh token the same
	// token is answered once more, with the same successor: for responses that
	// were lost and for tabs that race. At most 300 s. Zero: no such thing; a
	// second use ends the session.
	//
	// The time of the first use was taken by the clock of the node that served
	// it. A node whose clock is more than 2 s behind that time cannot tell how
	// long ago it was: it answers ErrClock, which is ErrUnavailable, and changes
	// nothing. When a clock is set back, the same time comes twice: a window that
	// was over opens again then, once, for as long as the grace. It closes when
	// somebody uses the successor.
	RetryGrace time.Duration

	// Cache bounds the cache of verified access tokens. Zero: one for keys other than
	// HMAC.
	Cache CacheConfig

	// Leeway is how far the clocks of the nodes may differ. At most 5 minutes.
	// Zero: not at all.
	Leeway time.Duration

	// Timeout is how long one login, refresh or logout may wait for the store, and
	// one Verify for the deny list. Zero: 5 s. Each write of a revocation gets as
	// long again, and the one call that ends all sessions of a user four times as
	// long. Revocations are completed after the caller has disconnected, too.
	Timeout time.Duration

	// Claims gives the host's own claims for a user's access token; it is asked
	// at each login and refresh. It may set none of the registered claims. Nil:
	// no more claims.
	Claims func(context.Context, store.User) (map[string]any, error)

	// Events is told what happened, on the goroutine that it happened on, by
	// many of them at once. Nil: nobody is told.
	Events func(context.Context, events.Event)

	// Now is the clock. Nil: time.Now.
	Now func() time.Time
}

// Authority makes and checks tokens. It is safe for concurrent use, and nothing
// about it changes after New.
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

// Format writes that it is an Authority, and none of its keys, whatever the verb.
func (Authority) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "tokens.Authority{}") }

const (
	defaultAccessTTL = time.Hour

	maxTTL          = 100 * 365 * 24 * time.Hour
	maxGrace        = 300 * time.Second
	maxLeeway       = 5 * time.Minute
	refreshKeyBytes = 32
	maxString       = 512 // bytes, of what the store contract promises
)

// New returns an Authority, or all that is wrong with the Config at once, each
// with the path of its field.
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

// Verify returns the principal that a genuine, current access token names. It
// does not ask the store: a user who was locked out a minute ago keeps the
// access tokens that they have until those expire, or until their sessions are
// ended where Config.Revocations is set. That list is all that is asked.
//
// It accepts only what an Authority with the same issuer, audience and keys
// makes. It fails with ErrExpiredToken for a genuine token that has expired at most
// one Config.AccessTTL ago, with ErrRevokedToken for one whose session was ended, with
// ErrUnavailable if the deny list returns an error, and with ErrInvalidToken for every
// other. A token for another issuer or audience, and one that expired longer ago, is
// refused before its signature is looked at.
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

// JWKS returns the public keys as a JWK Set (RFC 7517 §5): those that verify
// now, and those that will sign later. HMAC keys are not among them, nor is any
// member that is private.
func (a *Authority) JWKS() []byte { return a.keys.Current().JWKS(a.clock()) }
