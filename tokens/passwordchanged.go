package tokens

import (
	"context"
	"errors"
	"slices"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens/events"
)

// PasswordOption changes what PasswordChanged ends.
type PasswordOption uint8

// EndAPIKeys has PasswordChanged revoke the user's API keys too, as
// Config.PasswordEndsAPIKeys has it always do.
const EndAPIKeys PasswordOption = 1

// PasswordChanged does all that a host must do once a user has a new password, or
// once something else that they could log in with is gone, such as a second factor
// that was removed. Call it after the change is committed:
//
//	err := users.SetPassword(ctx, id, password)
//	if err == nil {
//		err = authority.PasswordChanged(ctx, id)
//	}
//
// It ends all sessions of the user as LogoutEverywhere does, the caller's own
// among them, and with EndAPIKeys or Config.PasswordEndsAPIKeys revokes their API
// keys. Log the user in again to give them a session; a handler that uses cookies
// clears them with middleware's Auth.ClearCookies, or sets new ones.
//
// After it returns nil, nothing works that was opened with the old password: no
// refresh token, no access token where Config.Revocations is set, and no session
// that a login by the old password was opening meanwhile. The last needs the
// user's CredentialVersion: where a host leaves that empty, a login by the old
// password that was verified before the change and written after this call keeps
// its session. API keys that were made before the change survive it, unless they
// are ended; a session that was opened with the old password makes no new ones.
//
// It runs to its end also after ctx is done. ErrUnavailable is its only error: then
// call it again, which goes on where it stopped.
func (a *Authority) PasswordChanged(ctx context.Context, userID string, options ...PasswordOption) error {
	ctx = context.WithoutCancel(ctx)
	err := a.revokeAll(ctx, userID)
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
	keys, err := a.apiKeys.UserAPIKeys(within, userID)
	if err != nil {
		return unavailable("user's API keys", err)
	}
	for some := range slices.Chunk(keys, atOnce) {
		now := a.now()
		if err := a.deny(ctx, endedKeys(some...), a.over(now)); err != nil {
			return err
		}
		for _, k := range some {
			if err := within.Err(); err != nil {
				return unavailable("revoke API keys", err)
			}
			if err := a.write(ctx, endedKeys(k), now, a.revokingKey(k)); err != nil {
				return err
			}
			a.Report(ctx, events.Event{Kind: events.KeyRevoked, UserID: k.UserID, KeyID: k.ID, SessionID: keySID(k.ID)})
		}
	}
	return nil
}

func endedKeys(keys ...store.APIKey) []ended {
	all := make([]ended, len(keys))
	for i, k := range keys {
		all[i] = ended{keySID(k.ID), k.ExpiresAt}
	}
	return all
}
