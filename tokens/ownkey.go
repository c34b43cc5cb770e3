package tokens

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens/events"
)

// CreateOwnAPIKey creates an API key for the user who is signed in, as
// CreateAPIKey does. The key can never do more than the principal: its scopes
// must be among the principal's, and be allowed by the user, the session and the
// client. Nil scopes: the key gets all of those. Only if none of the four has any
// scope, as in a host that does not use scopes, is the key not narrowed. expires
// must be in the future. A zero expires means that the key does not expire.
//
// The principal's session must be active, because a key outlives it. An access
// token that was made from an API key, that came without a refresh token, or
// whose session was ended cannot create keys, nor can who acts for the user. Nor can a session that was created
// with a password that has changed since: the key has the CredentialVersion of
// the session, and the user is read again after the key is written.
//
// It returns ErrNoSession, ErrInvalidScope, ErrMalformed, ErrInvalidToken if the
// user may no longer log in, or ErrUnavailable.
func (a *Authority) CreateOwnAPIKey(ctx context.Context, p Principal, name string, scopes []string, expires time.Time) (Secret, store.APIKey, error) {
	if a.apiKeys == nil {
		return "", store.APIKey{}, errNoAPIKeys
	}
	if err := checkScopes(scopes); err != nil {
		return "", store.APIKey{}, err
	}
	if now := a.now(); !expires.IsZero() && !expires.After(now) {
		return "", store.APIKey{}, fmt.Errorf("%w: the key would have expired", ErrMalformed)
	}
	within, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	s, ok, err := a.sessionOf(within, p.Subject, p.SessionID)
	if err != nil {
		return "", store.APIKey{}, a.failed(ctx, err)
	}
	if !ok || !lasts(s, a.now()) || a.accessOnly(s) || s.Actor != "" {
		return "", store.APIKey{}, ErrNoSession
	}
	user, err := a.user(within, p.Subject, ErrInvalidToken)
	if err != nil {
		return "", store.APIKey{}, a.failed(ctx, err)
	}
	if outdated(s.CredentialVersion, user) {
		return "", store.APIKey{}, ErrNoSession
	}
	c, err := a.ownClient(within, s)
	if err != nil {
		return "", store.APIKey{}, a.failed(ctx, err)
	}
	if scopes, err = keyScopes(p, user, s, c, scopes); err != nil {
		return "", store.APIKey{}, err
	}
	return a.createKey(within, user, s.CredentialVersion, name, scopes, expires, ErrNoSession)
}

// ownClient returns the client of a session, which limits the scopes of a key.
func (a *Authority) ownClient(ctx context.Context, s store.Session) (client, error) {
	if !a.registers() {
		return client{}, nil
	}
	c, err := a.client(ctx, or(s.ClientID, a.defaultClient))
	if errors.Is(err, ErrInvalidClient) {
		return client{}, fmt.Errorf("%w: its client is not registered any more", ErrNoSession)
	}
	return c, err
}

// keyScopes returns the scopes of a key that a principal creates. They are empty,
// which does not narrow, only if neither the user nor any limit has scopes.
func keyScopes(p Principal, user store.User, s store.Session, c client, asked []string) ([]string, error) {
	has := p.Scopes()
	if len(asked) == 0 && len(has)+len(user.Scopes)+len(s.Scopes)+len(c.Scopes) == 0 {
		return nil, nil
	}
	scopes, err := grant(both(held(user.Scopes, s.Scopes, c.Scopes), has), asked)
	if err == nil && len(scopes) == 0 {
		err = fmt.Errorf("%w: a key of no scope would narrow nothing", ErrInvalidScope)
	}
	return scopes, err
}

// UserAPIKeys returns a page of the API keys of a user that are not revoked, the
// newest first. Expired keys are included. after is that of the page behind it; it is
// empty if this is the last. A user without keys is not an error. It returns
// ErrMalformed if the page is invalid or Config.APIKeys is not set, or ErrUnavailable.
func (a *Authority) UserAPIKeys(ctx context.Context, userID string, p Page) (keys []store.APIKey, after string, err error) {
	if a.apiKeys == nil {
		return nil, "", errNoAPIKeys
	}
	from, limit, err := p.cursor()
	if err != nil {
		return nil, "", err
	}
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	if keys, err = a.apiKeys.UserAPIKeys(ctx, userID, from, limit); err != nil {
		return nil, "", a.failed(ctx, unavailable("user's API keys", err))
	}
	if len(keys) == limit {
		after = next(keys[limit-1].Cursor())
	}
	return keys, after, nil
}

// RevokeAPIKey permanently revokes a key of a user, by the ID of its
// store.APIKey. It returns false if the user has no such key. When it returns
// true, the revocation is committed. Access tokens that were made from the key
// are rejected from then on if Config.Revocations is set; otherwise they stay
// valid until they expire. It completes even if ctx is done.
//
// It returns ErrMalformed if Config.APIKeys is nil, or ErrUnavailable.
func (a *Authority) RevokeAPIKey(ctx context.Context, userID, id string) (bool, error) {
	if a.apiKeys == nil {
		return false, errNoAPIKeys
	}
	within, cancel := a.bounded(ctx)
	defer cancel()
	k, ok, err := a.keyOf(within, userID, id)
	if err != nil || !ok {
		return false, a.failed(ctx, err)
	}
	err = a.revokeKey(ctx, k)
	return err == nil, err
}

// revokingKey returns the write that revokes a key.
func (a *Authority) revokingKey(k store.APIKey) func(context.Context, time.Time) error {
	return func(ctx context.Context, at time.Time) error { return a.apiKeys.RevokeAPIKey(ctx, k.ID, at) }
}

func (a *Authority) revokeKey(ctx context.Context, k store.APIKey) error {
	if err := a.revoke(ctx, endedKeys(k), a.revokingKey(k)); err != nil {
		return a.failed(ctx, err)
	}
	a.Report(ctx, events.Event{Kind: events.KeyRevoked, UserID: k.UserID, KeyID: k.ID, SessionID: k.ID})
	return nil
}
