package tokens

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens/events"
)

// An API key is a prefix, 26 random characters (130 bits) and a checksum of 7:
//
//	sp_ak_ [A-Z2-7]{33}
//
// APIKeyPattern finds it, and a mistyped key is rejected without a lookup. The store
// has its SHA-256.
const (
	keyRandom   = 26
	keyChecksum = 7
)

// APIKeyPattern is a regular expression in RE2 syntax that finds API keys in any
// text, for secret scanners. If Config.Prefix is not "sp", replace "sp" by it. A
// match is an API key if its last seven characters are the CRC-32 of all
// characters before them (IEEE, big-endian, in base32 without padding).
const APIKeyPattern = `\bsp_ak_[A-Z2-7]{33}\b` //nolint:gosec // finds credentials, and is none

// TokenTypeAPIKey is the subject_token_type of an API key in a token exchange
// (RFC 8693 §3).
const TokenTypeAPIKey = "urn:sallyport:token-type:api-key"

var base32Text = base32.StdEncoding.WithPadding(base32.NoPadding)

// KeyRequest is a request to exchange an API key for an access token (RFC 8693
// §2.1).
type KeyRequest struct {
	// Key is required: the API key, as CreateAPIKey returned it.
	Key Secret

	// ClientID is the client that the access token is issued to, at most 512 bytes.
	// Empty: Config.DefaultClient or, if that is empty, none.
	ClientID string

	// ClientSecret is the client's secret. It is required if Config.Clients has a
	// secret for the client, and ignored otherwise.
	ClientSecret Secret

	// ClientAsSent is as in LoginRequest.
	ClientAsSent ClientCredentials

	// Scopes narrow the access token: at most 64 scope-tokens. Each must be held by
	// the user now, and allowed by the key and the client, or the exchange returns
	// ErrInvalidScope. Nil: all such scopes. Empty and not nil: ErrInvalidScope.
	Scopes []string
}

// ExchangesKeys reports whether Config.APIKeys is set.
func (a *Authority) ExchangesKeys() bool { return a.apiKeys != nil }

// IsAPIKey reports whether a text has the form and the checksum of an API key
// with Config.Prefix. It does not call the store, so the key may be unknown or
// revoked. A text for which it returns false is rejected by ExchangeKey in any
// case.
func (a *Authority) IsAPIKey(text Secret) bool {
	random, ok := strings.CutPrefix(string(text), a.prefix+"_ak_")
	if !ok || len(random) != keyRandom+keyChecksum {
		return false
	}
	return random[keyRandom:] == checksum(string(text[:len(text)-keyChecksum]))
}

func checksum(s string) string {
	return base32Text.EncodeToString(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(s))))
}

// ExchangeKey returns an access token for an API key, for its owner as they are
// now (RFC 8693). The key stays valid. No session is created, and no refresh
// token is returned. The access token expires with the key at the latest. The
// client is authenticated before the key is looked up. ExchangeKey does not limit
// attempts: middleware does.
//
// A key with Networks is accepted only if the client's address is in one of them: the
// address that events.WithAddress has put into ctx. Package middleware puts
// its Config.ClientIP there. Without an address such a key is rejected. The client
// gets the answer of any other key that is not accepted; the error, and the event, are
// ErrKeyNetwork.
//
// It returns ErrInvalidClient, ErrUnauthorizedClient, ErrInvalidKey,
// ErrInvalidScope, ErrMalformed, ErrClaims or ErrUnavailable.
func (a *Authority) ExchangeKey(ctx context.Context, r KeyRequest) (Pair, error) {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	p, key, err := a.exchange(ctx, r)
	e := event(events.KeyExchange, p.Principal)
	e.KeyID, e.UserID, e.Err = key.ID, key.Owner.Subject(), err
	if err != nil {
		e.Kind = failure(err, events.KeyRefused)
	}
	a.Report(ctx, e)
	return p, err
}

func (a *Authority) exchange(ctx context.Context, r KeyRequest) (Pair, store.APIKey, error) {
	if err := r.Check(); err != nil {
		return Pair{}, store.APIKey{}, err
	}
	c, err := a.admit(ctx, r.ClientID, r.ClientSecret, r.ClientAsSent, GrantExchange)
	if err != nil {
		return Pair{}, store.APIKey{}, err
	}
	now := a.now()
	k, err := a.liveKey(ctx, r.Key, now)
	if err != nil {
		return Pair{}, k, err
	}
	if !k.AllowedFrom(events.AddressFrom(ctx)) {
		return Pair{}, k, ErrKeyNetwork
	}
	user, err := a.owner(ctx, k.Owner, ErrInvalidKey)
	if err != nil {
		return Pair{}, k, err
	}
	if a.passwordEndsKeys && outdated(k.CredentialVersion, user) {
		return Pair{}, k, fmt.Errorf("%w: %w", ErrInvalidKey, errMoved)
	}
	if !c.isOf(user) {
		return Pair{}, k, fmt.Errorf("%w: the client is another's account", ErrInvalidKey)
	}
	granted, err := grant(held(user.Scopes, k.Scopes, c.Scopes), r.Scopes)
	if err != nil {
		return Pair{}, k, err
	}
	p, err := a.pair(ctx, user, origin{clientID: c.ID, sid: k.ID, key: true, kind: k.Owner.Kind}, granted, r.Scopes, k.ExpiresAt)
	if errors.Is(err, errOver) {
		return Pair{}, k, fmt.Errorf("%w: expired", ErrInvalidKey)
	}
	if err != nil {
		return Pair{}, k, err
	}
	if err := a.apiKeys.UseAPIKey(ctx, k.ID, now); err != nil {
		return Pair{}, k, unavailable("use API key", err)
	}
	p.Exchanged = true
	return p, k, nil
}

// liveKey looks up a key that can be used. If a key was found but has ended, it
// returns the key and an error, so that the event names its owner.
func (a *Authority) liveKey(ctx context.Context, key Secret, now time.Time) (store.APIKey, error) {
	if a.apiKeys == nil || !a.IsAPIKey(key) {
		return store.APIKey{}, fmt.Errorf("%w: not genuine", ErrInvalidKey)
	}
	k, err := a.apiKeys.APIKey(ctx, sha256.Sum256([]byte(key)))
	switch {
	case errors.Is(err, store.ErrNotFound):
		return store.APIKey{}, fmt.Errorf("%w: %w", ErrInvalidKey, err)
	case err != nil:
		return store.APIKey{}, unavailable("API key", err)
	case !k.RevokedAt.IsZero():
		return k, fmt.Errorf("%w: revoked", ErrInvalidKey)
	case !k.ExpiresAt.IsZero() && !now.Before(k.ExpiresAt):
		return k, fmt.Errorf("%w: expired", ErrInvalidKey)
	}
	return k, nil
}
