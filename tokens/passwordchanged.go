package tokens

import (
	"context"
	"errors"
	"slices"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens/events"
)

// PasswordOption changes what PasswordChanged revokes.
type PasswordOption uint8

// EndAPIKeys makes PasswordChanged revoke the user's API keys too, as
// Config.PasswordEndsAPIKeys makes it do always.
const EndAPIKeys PasswordOption = 1

// PasswordChanged does all that a host must do after a user's password has
// changed, or after another credential was removed, such as a second factor. Call
// it after the change is committed:
//
//	err := users.SetPassword(ctx, id, password)
//	if err == nil {
//		err = authority.PasswordChanged(ctx, id)
//	}
//
// It ends all sessions of the user as LogoutEverywhere does, including the
// caller's own. With EndAPIKeys or Config.PasswordEndsAPIKeys it also revokes the
// user's API keys. Log the user in again to give them a session. A handler that
// uses cookies clears them with middleware's Auth.ClearCookies, or sets new ones.
//
// After it returns nil, nothing that was created with the old password works: no
// refresh token, no access token if Config.Revocations is set, and no session that
// a concurrent login with the old password was creating. The last requires the
// user's CredentialVersion. If a host leaves that empty, a login with the old
// password that was verified before the change and written after this call keeps
// its session. API keys that were created before the change survive it, unless
// they are revoked. A session that was created with the old password creates no
// new keys.
//
// It completes even if ctx is done. ErrUnavailable is its only error: call it
// again, and it continues where it stopped.
func (a *Authority) PasswordChanged(ctx context.Context, userID string, options ...PasswordOption) error {
	ctx = context.WithoutCancel(ctx)
	err := a.revokeAll(ctx, userID, "")
	if a.passwordEndsKeys || slices.Contains(options, EndAPIKeys) {
		err = errors.Join(err, a.endKeys(ctx, userID))
	}
	if err != nil {
		return a.failed(ctx, err)
	}
	a.Report(ctx, events.Event{Kind: events.PasswordChanged, UserID: userID})
	return nil
}

// endKeys revokes all API keys of a user, expired ones too.
func (a *Authority) endKeys(ctx context.Context, userID string) error {
	if a.apiKeys == nil {
		return nil
	}
	within, cancel := a.atLength(ctx)
	defer cancel()
	after := store.Newest()
	for more := true; more; {
		keys, err := a.apiKeys.OwnerAPIKeys(within, store.Owner{ID: userID}, after, store.MaxPage)
		if err != nil {
			return unavailable("user's API keys", err)
		}
		if err := a.endKeyPage(ctx, within, keys); err != nil {
			return err
		}
		if more = len(keys) == store.MaxPage; more {
			after = keys[len(keys)-1].Cursor()
		}
	}
	return nil
}

// endKeyPage revokes keys, while within lasts.
func (a *Authority) endKeyPage(ctx, within context.Context, keys []store.APIKey) error {
	now := a.now()
	if err := a.deny(ctx, endedKeys(keys...), a.over(now)); err != nil {
		return err
	}
	for _, k := range keys {
		if err := within.Err(); err != nil {
			return unavailable("revoke API keys", err)
		}
		if err := a.write(ctx, endedKeys(k), now, a.revokingKey(k)); err != nil {
			return err
		}
		a.keyRevoked(ctx, k)
	}
	return nil
}

func endedKeys(keys ...store.APIKey) []ended {
	all := make([]ended, len(keys))
	for i, k := range keys {
		all[i] = ended{k.ID, k.ExpiresAt}
	}
	return all
}
