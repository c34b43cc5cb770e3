package tokens

import (
	"errors"
	"fmt"
)

// Check reports whether the form of the login is valid: the client identifier,
// the scopes, the login and the password. It does not call the store. Login makes
// the same check first, so a caller that counts attempts can reject such a
// request without counting it.
//
// It returns ErrMalformed for a client identifier of more than 512 bytes or not
// of UTF-8 without NUL. It returns ErrInvalidScope for a malformed scope, for
// more than 64 scopes, or for a list that is empty and not nil. It returns
// ErrBadCredentials for a login or a password that no user can have: an empty
// login, a login of more than 512 bytes, a password of more than 4096 bytes, or
// either not of UTF-8 without NUL.
func (r LoginRequest) Check() error {
	if err := checkClientID(r.ClientID, r.ClientAsSent); err != nil {
		return err
	}
	if err := checkScopes(r.Scopes); err != nil {
		return err
	}
	// rejected here, because no user can have them
	if r.Login == "" || !isString(r.Login) || len(r.Password) > maxPassword || !isText(string(r.Password)) {
		return fmt.Errorf("%w: out of bounds", ErrBadCredentials)
	}
	return nil
}

// Check reports whether the client identifier and the scopes have a valid form,
// as LoginRequest.Check does. It does not read the token: use
// Authority.IsRefreshToken.
//
// It returns ErrMalformed or ErrInvalidScope.
func (r RefreshRequest) Check() error {
	if err := checkClientID(r.ClientID, r.ClientAsSent); err != nil {
		return err
	}
	return checkScopes(r.Scopes)
}

// Check reports whether the client identifier and the scopes have a valid form,
// as LoginRequest.Check does. It does not read the key: use Authority.IsAPIKey.
//
// It returns ErrMalformed or ErrInvalidScope.
func (r KeyRequest) Check() error {
	if err := checkClientID(r.ClientID, r.ClientAsSent); err != nil {
		return err
	}
	return checkScopes(r.Scopes)
}

// Check reports whether the client identifier has a valid form, as
// LoginRequest.Check does. It does not read the token.
//
// It returns ErrMalformed.
func (r RevokeRequest) Check() error { return checkClientID(r.ClientID, r.ClientAsSent) }

func checkClientID(id string, asSent ClientCredentials) error {
	if !isString(id) || !isString(asSent.ID) {
		return fmt.Errorf("%w: client identifier", ErrMalformed)
	}
	return nil
}

// stopped wraps an error of LoginRequest.BeforePassword.
type stopped struct{ error }

// stoppedBy returns the error of LoginRequest.BeforePassword that ended a login,
// or nil if another error ended it.
func stoppedBy(err error) error {
	if s, ok := errors.AsType[stopped](err); ok {
		return s.error
	}
	return nil
}
