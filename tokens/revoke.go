package tokens

import (
	"context"
	"errors"
	"fmt"

	"github.com/sallyport-go/sallyport/store"
)

// RevokeRequest is a request to revoke a token (RFC 7009 §2.1).
type RevokeRequest struct {
	// Token is required: a refresh token, an access token or an API key. Its form
	// tells which.
	Token Secret

	// ClientID is the client that presents the token, as in RefreshRequest.
	ClientID string

	// ClientSecret is the client's secret, as in RefreshRequest.
	ClientSecret Secret

	// ClientAsSent is as in LoginRequest.
	ClientAsSent ClientCredentials
}

// Revoke ends what a token belongs to (RFC 7009): the session of a refresh token
// or of an access token, with all of its tokens, or an API key with the access
// tokens that were made from it. When it returns nil, the revocation is
// committed. It completes even if ctx is done.
//
// The first result is the "sid" of the session or key that has ended, by this
// call or before. It is empty if the token belongs to none that this caller may
// end.
//
// A token that is not valid, and a token of another client, is not an error (RFC
// 7009 §2.2): nothing changes. An API key needs no client: each holder of a key
// may revoke it. An access token can be revoked if Config.Revocations is set and
// the token has a session. Otherwise Revoke returns ErrUnsupportedToken.
//
// It returns ErrInvalidClient, ErrMalformed, ErrUnsupportedToken or
// ErrUnavailable. After ErrUnavailable the token may still be valid.
func (a *Authority) Revoke(ctx context.Context, r RevokeRequest) (sid string, err error) {
	ctx, cancel := a.bounded(ctx)
	defer cancel()
	named, err := a.presenter(ctx, r.ClientID, r.ClientSecret, r.ClientAsSent)
	if err != nil {
		return "", a.clientRefused(ctx, r.ClientID, err)
	}
	if token, genuine := a.refresh.open(r.Token); genuine {
		err := a.logout(ctx, named, token)
		switch {
		case err == nil, errors.Is(err, ErrRevokedRefresh):
			return token.secret.id(), nil
		case errors.Is(err, ErrInvalidRefresh): // unknown, or another client's
			return "", nil
		}
		return "", err
	}
	if a.IsAPIKey(r.Token) {
		return a.revokePresentedKey(ctx, r.Token)
	}
	p, err := a.verifier.Verify(ctx, r.Token)
	switch {
	case errors.Is(err, ErrUnavailable):
		return "", err
	case err != nil:
		return "", nil
	}
	if _, err := a.holder(ctx, named, store.Session{ClientID: p.ClientID}); err != nil {
		if errors.Is(err, ErrWrongClient) {
			return "", nil
		}
		return "", a.clientRefused(ctx, r.ClientID, err)
	}
	if err := a.revokeAccess(ctx, p); err != nil {
		return "", err
	}
	return p.SessionID, nil
}

// revokePresentedKey revokes a key that was presented. Every holder of a key may
// revoke it. The access tokens of a key that was revoked before are denied now if
// they were not.
func (a *Authority) revokePresentedKey(ctx context.Context, key Secret) (sid string, err error) {
	k, err := a.liveKey(ctx, key, a.now())
	switch {
	case errors.Is(err, ErrUnavailable):
		return "", a.failed(ctx, err)
	case err == nil:
		err = a.revokeKey(ctx, k)
	case k.RevokedAt.IsZero():
		return "", nil
	default:
		err = a.failed(ctx, a.denyAgain(ctx, k.ID, a.over(k.RevokedAt)))
	}
	if err != nil {
		return "", err
	}
	return k.ID, nil
}

// revokeAccess ends the session of an access token.
func (a *Authority) revokeAccess(ctx context.Context, p Principal) error {
	if a.revocations == nil || p.SessionID == "" {
		return fmt.Errorf("%w: an access token", ErrUnsupportedToken)
	}
	s, ok, err := a.sessionOf(ctx, p.Subject, p.SessionID)
	if err != nil {
		return a.failed(ctx, err)
	}
	if ok {
		return a.end(ctx, s)
	}
	if k, ok, err := a.keyOf(ctx, p.Owner(), p.SessionID); err != nil || ok {
		if err != nil {
			return a.failed(ctx, err)
		}
		return fmt.Errorf("%w: an access token of the key %s", ErrUnsupportedToken, k.ID)
	}
	// its session or key has ended, but the token may not be denied yet
	return a.failed(ctx, a.denyAgain(ctx, p.SessionID, a.over(a.now())))
}

// keyOf returns the API key of an owner with this "sid". It returns false if the
// key was revoked or is unknown.
func (a *Authority) keyOf(ctx context.Context, owner store.Owner, sid string) (store.APIKey, bool, error) {
	if a.apiKeys == nil {
		return store.APIKey{}, false, nil
	}
	if !isStoreID(sid) {
		return store.APIKey{}, false, nil
	}
	k, err := a.apiKeys.APIKeyByID(ctx, sid)
	switch {
	case errors.Is(err, store.ErrNotFound), err == nil && (k.Owner != owner || !k.RevokedAt.IsZero()):
		return store.APIKey{}, false, nil
	case err != nil:
		return store.APIKey{}, false, unavailable("API key", err)
	}
	return k, true, nil
}
