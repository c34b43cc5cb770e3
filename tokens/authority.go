// Package tokens issues access tokens and refresh tokens for credentials, and
// verifies access tokens. It does not use net/http: package middleware provides
// the handlers.
//
// An [Authority] signs access tokens (JWTs of RFC 9068) and creates one session
// for each login. Each refresh replaces the session's refresh token. A refresh
// token is valid once: a second use ends the session (RFC 9700 §4.14.2), except
// within Config.RetryGrace. A [Verifier] verifies the access tokens in another
// process.
package tokens

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/sallyport-go/sallyport/internal/configcheck"
	"github.com/sallyport-go/sallyport/internal/faultlog"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens/events"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

// Authority issues and verifies tokens. Create it with [New]. It is safe for
// concurrent use, and its configuration does not change after New, except for the
// keys of Config.KeyRing. It starts no goroutine.
type Authority struct {
	unfinished *unfinished
	faults     *faultlog.Log // where there are no events

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
	verifier *Verifier // of the tokens of this Authority
	anyone   *Verifier // of those of Config.Issuers too
	refresh  refreshKeys
	prefix   string

	accessTTL, idleTTL, sessionTTL time.Duration
	maxSessions                    int
	passwordEndsKeys               bool
	keyOverlap                     time.Duration
	grace, leeway, timeout         time.Duration

	claims   func(context.Context, store.User) (map[string]any, error)
	keyOwner func(context.Context, store.Owner) (store.User, error)

	contextClass func(methods []string) string
	secondFactor func(ctx context.Context, userID, method, code string) ([]string, error)
	stepTTL      time.Duration

	events func(context.Context, events.Event)
	clock  func() time.Time
}

// Format writes "tokens.Authority{}" for every verb, so that no key is printed.
func (Authority) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "tokens.Authority{}") }

const (
	defaultAccessTTL = time.Hour

	maxTTL          = 100 * 365 * 24 * time.Hour
	maxGrace        = 300 * time.Second
	maxLeeway       = 5 * time.Minute
	refreshKeyBytes = 32
	maxString       = 512 // bytes, of what the store contract promises
)

// New returns an Authority. It copies the Config: later changes to it have no
// effect, except for those of KeyRing. It does not call the store.
//
// If the Config is invalid, New returns one error that joins all defects:
// *ConfigError values, each with the path of its field, for example "tokens:
// Config.RefreshKeys[0]: must be at least 32 random bytes, got 5".
func New(c Config) (*Authority, error) {
	wrong := configcheck.List{Package: "tokens"}
	complain := wrong.At("Config.")
	c.checkStores(complain)
	prefix := or(c.Prefix, "sp")
	if !isPrefix(prefix) {
		complain("Prefix", "must be 2 to 16 lower-case letters and digits, got %q", prefix)
	}
	ring := ringOf(c, complain)
	checkRefreshKeys(c, complain)
	remembered := newCache(c.Cache, complain)
	others := checkIssuers(c.Issuers, c.Issuer, &wrong, "Config.")
	c.checkTimes(complain)
	if err := wrong.Err(); err != nil {
		return nil, err
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	verifier := &Verifier{
		keys: ring, issuer: c.Issuer, audience: c.Audience,
		leeway: c.Leeway, accessTTL: c.AccessTTL, cache: remembered, events: c.Events, faults: &faultlog.Log{}, clock: c.Now,
	}
	anyone := *verifier // with the same cache
	anyone.others = others
	a := &Authority{
		store: checkedStore{c.Store, c.KeyOwner != nil}, keyOwner: c.KeyOwner, keyOverlap: c.KeyOverlap, revocations: c.Revocations,
		defaultClient: c.DefaultClient, accountAsClient: c.AccountAsClient, anyClient: c.InsecureUnregisteredClients,
		ignoreDenyFailure: c.InsecureIgnoreDenyFailure,
		issuer:            c.Issuer, audience: c.Audience,
		keys: ring, verifier: verifier, anyone: &anyone, refresh: newRefreshKeys(prefix, c.RefreshKeys), prefix: prefix,
		accessTTL: c.AccessTTL, idleTTL: c.IdleTTL, sessionTTL: c.SessionTTL, maxSessions: c.MaxSessions,
		passwordEndsKeys: c.PasswordEndsAPIKeys, unfinished: &unfinished{},
		grace: c.RetryGrace, leeway: c.Leeway, timeout: c.Timeout,
		claims: c.Claims, contextClass: c.ContextClass, secondFactor: c.SecondFactor, stepTTL: c.StepTTL, events: c.Events, faults: &faultlog.Log{}, clock: c.Now,
	}
	if c.APIKeys != nil {
		a.apiKeys = checkedKeys{c.APIKeys}
	}
	if c.Clients != nil {
		a.clients = checkedClients{c.Clients}
	}
	return a, nil
}

// now returns the time as the stores keep it: in UTC, truncated to the
// microsecond.
func (a *Authority) now() time.Time { return a.clock().UTC().Truncate(time.Microsecond) }

// Verify returns the principal of a genuine access token that is valid now. It
// accepts exactly the tokens that an Authority with the same issuer, audience and
// keys issued, and those that Config.Issuers allow.
//
// Verify does not call Config.Store. So a user who may no longer log in can use
// their access tokens until the tokens expire or, with Config.Revocations, until
// their sessions are ended. With Config.Revocations each call asks the deny list.
//
// It returns ErrExpiredToken for a genuine token that expired at most one
// Config.AccessTTL ago, ErrRevokedToken for a token whose session or API key is
// on the deny list, ErrUnavailable if the deny list returns an error, and
// ErrInvalidToken for every other token. A token for another issuer or audience,
// and one that expired longer ago, is rejected before its signature is verified.
func (a *Authority) Verify(ctx context.Context, token Secret) (Principal, error) {
	p, err := a.anyone.Verify(ctx, token)
	if err != nil {
		return Principal{}, err
	}
	if err := a.checkDenied(ctx, p); err != nil {
		return Principal{}, err
	}
	return p, nil
}

// Issuer returns Config.Issuer, the "iss" of the access tokens.
func (a *Authority) Issuer() string { return a.issuer }

// Audience returns Config.Audience, the "aud" of the access tokens.
func (a *Authority) Audience() string { return a.audience }

// JWKS returns the public keys as a JWK Set (RFC 7517 §5): those that verify now,
// and those that will sign later. It never contains an HMAC key or a private
// member. If all keys are HMAC keys, the set is empty.
func (a *Authority) JWKS() []byte { return a.keys.Current().JWKS(a.clock()) }
