package tokens

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/sallyport-go/sallyport/store"
)

// CreateOwnAPIKey makes a key for the user who is signed in, as CreateAPIKey
// does. The key may do no more than the principal: its scopes are among the
// principal's, and all of those where none are named. A zero expiry is none.
//
// The principal's session has to last, for a key outlives it: an access token
// that a key was exchanged for, or whose session was ended, makes no keys.
//
// It fails with ErrNoSession, ErrInvalidScope, ErrMalformed, ErrInvalidToken if
// the user may no longer enter, or ErrUnavailable.
func (a *Authority) CreateOwnAPIKey(ctx context.Context, p Principal, name string, scopes []string, expires time.Time) (Secret, store.APIKey, error) {
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
	if !ok || !lasts(s, a.now()) {
		return "", store.APIKey{}, ErrNoSession
	}
	user, err := a.user(within, p.Subject, ErrInvalidToken)
	if err != nil {
		return "", store.APIKey{}, a.failed(ctx, err)
	}
	if len(user.Scopes) > 0 { // else the host has none, and there is nothing to narrow
		has := p.Scopes()
		if len(scopes) == 0 {
			scopes = has
		}
		more := func(name string) bool { return !slices.Contains(has, name) }
		// without any scope the key would narrow nothing
		if len(scopes) == 0 || slices.ContainsFunc(scopes, more) {
			return "", store.APIKey{}, fmt.Errorf("%w: more than the access token has", ErrInvalidScope)
		}
	}
	return a.CreateAPIKey(ctx, p.Subject, name, scopes, expires)
}

// UserAPIKeys returns the keys of a user that were not revoked, expired ones
// too, oldest first. ErrMalformed where Config.APIKeys is not set, or
// ErrUnavailable.
func (a *Authority) UserAPIKeys(ctx context.Context, userID string) ([]store.APIKey, error) {
	if a.apiKeys == nil {
		return nil, fmt.Errorf("%w: Config.APIKeys is not set", ErrMalformed)
	}
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	keys, err := a.apiKeys.UserAPIKeys(ctx, userID)
	if err != nil {
		return nil, a.failed(ctx, unavailable("user's API keys", err))
	}
	return keys, nil
}

// RevokeAPIKey ends a key of a user by its ID, for good; false if the user has no
// such key. It is committed when RevokeAPIKey returns nil. The access tokens that
// the key was exchanged for are dead by then where Config.Revocations is set, and
// else good until they expire. It runs to its end also after ctx is done. It
// fails as UserAPIKeys does.
func (a *Authority) RevokeAPIKey(ctx context.Context, userID, id string) (bool, error) {
	keys, err := a.UserAPIKeys(context.WithoutCancel(ctx), userID)
	if err != nil {
		return false, err
	}
	for _, k := range keys {
		if k.ID == id {
			err := a.revokeKey(ctx, k)
			return err == nil, err
		}
	}
	return false, nil
}

func (a *Authority) revokeKey(ctx context.Context, k store.APIKey) error {
	err := a.revoke(ctx, []ended{{keyImage(k.ID), k.ExpiresAt}}, func(ctx context.Context, at time.Time) error {
		return a.apiKeys.RevokeAPIKey(ctx, k.ID, at)
	})
	if err != nil {
		return a.failed(ctx, err)
	}
	a.Report(ctx, Event{Kind: EventKeyRevoked, UserID: k.UserID, KeyID: k.ID, SessionID: keyImage(k.ID)})
	return nil
}
