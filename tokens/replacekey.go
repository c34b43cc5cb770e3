package tokens

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens/events"
)

// MaxKeyOverlap is the maximum time that an API key works after it was replaced.
const MaxKeyOverlap = 90 * 24 * time.Hour

const defaultKeyOverlap = 24 * time.Hour

// Replacement says how an API key is replaced. The zero value is a key that lasts as
// long as the one that it replaces did, and an overlap of Config.KeyOverlap.
type Replacement struct {
	// Until is when the key that is replaced expires, if it does not expire earlier. A
	// time that is not in the future ends it at once. Access tokens that it was exchanged
	// for before may last longer, by Config.AccessTTL: revoke the key to end them too.
	// Zero: Config.KeyOverlap from now.
	Until time.Time

	// Expires is when the new key expires. Zero: after the lifetime that the replaced
	// key was created with, and never if that had no end.
	Expires time.Time
}

// ReplaceAPIKey creates a new key in the place of one of an owner's, by the ID of its
// store.APIKey: with its label, its scopes and its networks, for the same owner. The
// new key works at once, and is returned only here. The old one keeps working until
// r.Until, at most MaxKeyOverlap from now, and never longer than it would have: its
// ExpiresAt is brought forward, and its Successor is the ID of the new one. Lists have
// both until then.
//
// Revoking the old key ends it, and leaves the new one. Revoking the new key leaves the
// old one as it is: it still expires at that time, and can be replaced again. A key whose
// successor works cannot be replaced: replace the successor. Of any number of
// concurrent calls for one key exactly one returns a key.
//
// Use ReplaceOwnAPIKey if a user requests it: this method does not check what the
// requester may do. It returns ErrInvalidKey if the owner has no such key that works,
// ErrReplaced if the key has a successor that works, ErrMalformed for an Until that is
// too late, an Expires that is not in the future, or if Config.APIKeys is nil, or
// ErrUnavailable. After an error no new key works. After ErrUnavailable the old one may
// expire at r.Until all the same, and can be replaced again until then.
func (a *Authority) ReplaceAPIKey(ctx context.Context, owner store.Owner, id string, r Replacement) (Secret, store.APIKey, error) {
	until, err := a.until(r, MaxKeyOverlap)
	if err != nil {
		return "", store.APIKey{}, err
	}
	if err := a.checkOwner(owner); err != nil {
		return "", store.APIKey{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	old, expires, err := a.replaceable(ctx, owner, id, r)
	if err != nil {
		return "", store.APIKey{}, a.failed(ctx, err)
	}
	user, err := a.owner(ctx, owner, ErrInvalidKey)
	if err != nil {
		return "", store.APIKey{}, a.failed(ctx, err)
	}
	return a.replaceKey(ctx, user, user.CredentialVersion, old, until, KeyOptions{
		Label: old.Label, Scopes: old.Scopes, Networks: old.Networks, Expires: expires,
	}, ErrUnavailable)
}

// until returns when the replaced key ends, and what is wrong with the replacement.
func (a *Authority) until(r Replacement, most time.Duration) (time.Time, error) {
	if a.apiKeys == nil {
		return time.Time{}, errNoAPIKeys
	}
	now := a.now()
	switch {
	case !r.Expires.IsZero() && !r.Expires.After(now):
		return time.Time{}, fmt.Errorf("%w: the new key would have expired", ErrMalformed)
	case r.Until.IsZero():
		return now.Add(a.keyOverlap), nil
	case r.Until.After(now.Add(most)):
		return time.Time{}, fmt.Errorf("%w: the key that is replaced must end within %v", ErrMalformed, most)
	case r.Until.Before(now):
		return now, nil
	}
	return r.Until.UTC().Truncate(time.Microsecond), nil
}

// replaceable returns a key that may be replaced, and when its successor expires.
func (a *Authority) replaceable(ctx context.Context, owner store.Owner, id string, r Replacement) (store.APIKey, time.Time, error) {
	old, ok, err := a.keyOf(ctx, owner, id)
	if err != nil {
		return store.APIKey{}, time.Time{}, err
	}
	now := a.now()
	if !ok || !works(old, now) {
		return store.APIKey{}, time.Time{}, fmt.Errorf("%w: it is unknown, expired or revoked", ErrInvalidKey)
	}
	lasted := old
	if old.Successor != "" {
		next, err := a.apiKeys.APIKeyByID(ctx, old.Successor)
		switch {
		case err == nil && works(next, now):
			return store.APIKey{}, time.Time{}, ErrReplaced
		case err == nil && next.Owner == owner:
			lasted = next // the end of the old one was brought forward
		case err != nil && !errors.Is(err, store.ErrNotFound):
			return store.APIKey{}, time.Time{}, unavailable("API key", err)
		}
	}
	expires := r.Expires
	if expires.IsZero() && !lasted.ExpiresAt.IsZero() {
		expires = now.Add(lasted.ExpiresAt.Sub(lasted.CreatedAt))
	}
	return old, expires, nil
}

// works reports whether a key can be exchanged.
func works(k store.APIKey, now time.Time) bool {
	return k.RevokedAt.IsZero() && (k.ExpiresAt.IsZero() || now.Before(k.ExpiresAt))
}

// replaceKey writes the new key first and then what ends the old one, so that no
// failure leaves the owner without a key. The second write is conditional: it has one
// winner, and the key of any other caller is revoked before it was returned.
func (a *Authority) replaceKey(
	ctx context.Context, user store.User, version string, old store.APIKey, until time.Time, o KeyOptions, refused error,
) (Secret, store.APIKey, error) {
	text, k := a.newKey(old.Owner, version, o)
	text, k, err := a.createKey(ctx, user, text, k, refused, func(ctx context.Context) error {
		err := a.apiKeys.ReplaceAPIKey(ctx, old.ID, old.Successor, k.ID, until)
		switch {
		case errors.Is(err, store.ErrConflict):
			return fmt.Errorf("%w: %w", ErrReplaced, err)
		case errors.Is(err, store.ErrNotFound):
			return fmt.Errorf("%w: %w", ErrInvalidKey, err)
		case err != nil:
			return unavailable("replace API key", err)
		}
		return nil
	})
	if err == nil {
		e := keyEvent(events.KeyReplaced, old)
		e.Successor = k.ID
		a.Report(ctx, e)
	}
	return text, k, err
}

// ReplaceOwnAPIKey replaces a key of the user who is signed in, as ReplaceAPIKey does,
// with at most Config.KeyOverlap. The new key can never do more than the principal: it
// has the scopes of the old one, which must be among those that CreateOwnAPIKey would
// give it, or, if the old one was not narrowed, all of those. The principal's session
// must be active, as it must for CreateOwnAPIKey.
//
// It returns the errors of ReplaceAPIKey, and ErrNoSession, ErrInvalidScope and
// ErrInvalidToken as CreateOwnAPIKey does.
func (a *Authority) ReplaceOwnAPIKey(ctx context.Context, p Principal, id string, r Replacement) (Secret, store.APIKey, error) {
	until, err := a.until(r, a.keyOverlap)
	if err != nil {
		return "", store.APIKey{}, err
	}
	within, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	m, err := a.maker(within, p)
	if err != nil {
		return "", store.APIKey{}, a.failed(ctx, err)
	}
	old, expires, err := a.replaceable(within, store.Owner{ID: p.Subject}, id, r)
	if err != nil {
		return "", store.APIKey{}, a.failed(ctx, err)
	}
	scopes, err := m.scopes(p, old.Scopes)
	if err != nil {
		return "", store.APIKey{}, err
	}
	return a.replaceKey(within, m.user, m.session.CredentialVersion, old, until, KeyOptions{
		Label: old.Label, Scopes: scopes, Networks: old.Networks, Expires: expires,
	}, ErrNoSession)
}
