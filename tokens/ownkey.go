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
// scope, as in a host that does not use scopes, is the key not narrowed. Its Expires
// must be in the future, or zero.
//
// The principal's session must be active, because a key outlives it. An access
// token that was made from an API key, that came without a refresh token, or
// whose session was ended cannot create keys, nor can who acts for the user. Nor can a
// session that was created with a password that has changed since: the key has the
// CredentialVersion of the session, and the user is read again after the key is
// written.
//
// It returns ErrNoSession, ErrInvalidScope, ErrMalformed, ErrInvalidToken if the
// user may no longer log in, or ErrUnavailable.
func (a *Authority) CreateOwnAPIKey(ctx context.Context, p Principal, o KeyOptions) (Secret, store.APIKey, error) {
	if a.apiKeys == nil {
		return "", store.APIKey{}, errNoAPIKeys
	}
	if err := o.check(); err != nil {
		return "", store.APIKey{}, err
	}
	if now := a.now(); !o.Expires.IsZero() && !o.Expires.After(now) {
		return "", store.APIKey{}, fmt.Errorf("%w: the key would have expired", ErrMalformed)
	}
	within, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	m, err := a.maker(within, p)
	if err != nil {
		return "", store.APIKey{}, a.failed(ctx, err)
	}
	if o.Scopes, err = m.scopes(p, o.Scopes); err != nil {
		return "", store.APIKey{}, err
	}
	text, k := a.newKey(store.Owner{ID: m.user.ID}, m.session.CredentialVersion, o)
	return a.createKey(within, m.user, text, k, ErrNoSession, nil)
}

// maker is the user who makes a key of their own, and what limits the key.
type maker struct {
	user    store.User
	session store.Session
	client  client
}

// maker returns the user of a principal whose session may make keys.
func (a *Authority) maker(ctx context.Context, p Principal) (maker, error) {
	s, ok, err := a.sessionBehind(ctx, p)
	if err != nil {
		return maker{}, err
	}
	if !ok || !lasts(s, a.lately()) || a.accessOnly(s) || s.Actor != "" {
		return maker{}, ErrNoSession
	}
	user, err := a.user(ctx, p.Subject, ErrInvalidToken)
	if err != nil {
		return maker{}, err
	}
	if outdated(s.CredentialVersion, user) {
		return maker{}, ErrNoSession
	}
	c, err := a.ownClient(ctx, s)
	return maker{user, s, c}, err
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

// scopes returns the scopes of a key that a principal makes. They are empty, which
// does not narrow, only if neither the user nor any limit has scopes.
func (m maker) scopes(p Principal, asked []string) ([]string, error) {
	has := p.Scopes()
	if len(asked) == 0 && len(has)+len(m.user.Scopes)+len(m.session.Scopes)+len(m.client.Scopes) == 0 {
		return nil, nil
	}
	scopes, err := grant(both(held(m.user.Scopes, m.session.Scopes, m.client.Scopes), has), asked)
	if err == nil && len(scopes) == 0 {
		err = fmt.Errorf("%w: a key of no scope would narrow nothing", ErrInvalidScope)
	}
	return scopes, err
}

// OwnerAPIKeys returns a page of the API keys of an owner that are not revoked, the
// newest first. Expired keys are included, and keys that were replaced, whose Successor
// is the ID of the key that replaces them. after is that of the page behind it; it is
// empty if this is the last. An owner without keys is not an error. It returns
// ErrMalformed if the page is invalid or Config.APIKeys is not set, or ErrUnavailable.
func (a *Authority) OwnerAPIKeys(ctx context.Context, owner store.Owner, p Page) (keys []store.APIKey, after string, err error) {
	if a.apiKeys == nil {
		return nil, "", errNoAPIKeys
	}
	from, limit, err := p.cursor()
	if err != nil {
		return nil, "", err
	}
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	if keys, err = a.apiKeys.OwnerAPIKeys(ctx, owner, from, limit); err != nil {
		return nil, "", a.failed(ctx, unavailable("owner's API keys", err))
	}
	if len(keys) == limit {
		after = next(keys[limit-1].Cursor())
	}
	return keys, after, nil
}

// RevokeAPIKey permanently revokes a key of an owner, by the ID of its
// store.APIKey, and no other: not its successor, and not the key that it replaces. It
// returns false if the owner has no such key. When it returns
// true, the revocation is committed. Access tokens that were made from the key
// are rejected from then on if Config.Revocations is set; otherwise they stay
// valid until they expire. It completes even if ctx is done.
//
// It returns ErrMalformed if Config.APIKeys is nil, or ErrUnavailable.
func (a *Authority) RevokeAPIKey(ctx context.Context, owner store.Owner, id string) (bool, error) {
	if a.apiKeys == nil {
		return false, errNoAPIKeys
	}
	within, cancel := a.bounded(ctx)
	defer cancel()
	k, ok, err := a.keyOf(within, owner, id)
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
	a.keyRevoked(ctx, k)
	return nil
}

// keyRevoked reports that a key was revoked.
func (a *Authority) keyRevoked(ctx context.Context, k store.APIKey) {
	e := keyEvent(events.KeyRevoked, k)
	e.SessionID = k.ID
	a.Report(ctx, e)
}
