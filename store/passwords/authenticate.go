package passwords

import (
	"context"
	"errors"

	"github.com/sallyport-go/sallyport/store"
)

// Authenticate decides a login, as Authenticate of [store.Users] must: a Store looks the
// user up by the login, passes on what it has found, and stores renewed.
//
//	u, encoded, err := look up the user and their hash
//	u, renewed, err := hasher.Authenticate(ctx, password, u, encoded, err)
//	if renewed != "" {
//		replace the user's hash, if it still is encoded
//	}
//	return u, err
//
// The look-up returns an error that wraps [store.ErrNotFound] for a login that does not
// exist or may not log in: that costs as much work as a wrong password. Any other error
// of the look-up is returned as it is, without any work.
//
// user is u if the password matches encoded. Otherwise it is the zero User, and err is
// store.ErrBadCredentials, a [store.FaultError] for a hash that cannot be read, ErrBusy,
// or an error that wraps ctx's.
//
// renewed is a new hash of the password if the password matches and [Hasher.Verify] says
// that the hash should be renewed, and empty otherwise. Store it only in the place of
// encoded, since the password may have changed meanwhile, without a change of the
// CredentialVersion, and ignore a failure: the next login tries again.
func (h *Hasher) Authenticate(ctx context.Context, password string, u store.User, encoded string, lookup error) (user store.User, renewed string, err error) {
	renew := false
	switch {
	case lookup == nil:
		renew, err = h.Verify(ctx, encoded, password)
	case errors.Is(lookup, store.ErrNotFound):
		err = h.VerifyUnknown(ctx, password)
	default:
		err = lookup
	}
	switch {
	case errors.Is(err, ErrMismatch):
		return store.User{}, "", store.ErrBadCredentials
	case errors.Is(err, ErrFormat):
		return store.User{}, "", &store.FaultError{UserID: u.ID, Field: "password hash", Err: err}
	case err != nil:
		return store.User{}, "", err
	}
	if renew {
		renewed, err = h.Hash(ctx, password)
		if err != nil {
			renewed = ""
		}
	}
	return u, renewed, nil
}
