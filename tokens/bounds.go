package tokens

import (
	"errors"
	"fmt"
)

// Check reports whether the login could succeed by its form alone: the lengths and
// the characters of the client identifier, the scopes, the login and the password.
// It asks nothing. Login makes the same check before anything else, so a caller who
// counts attempts refuses what fails it without counting.
//
// It fails with ErrMalformed, ErrInvalidScope or ErrBadCredentials.
func (r LoginRequest) Check() error {
	if err := checkClientID(r.ClientID); err != nil {
		return err
	}
	if err := checkScopes(r.Scopes); err != nil {
		return err
	}
	// no store has such a login, and no such password is worth a hash
	if r.Login == "" || !isString(r.Login) || len(r.Password) > maxPassword || !isText(string(r.Password)) {
		return fmt.Errorf("%w: out of bounds", ErrBadCredentials)
	}
	return nil
}

// Check is for a refresh what LoginRequest.Check is for a login: the client
// identifier and the scopes. The token is not looked at; IsRefreshToken does that.
//
// It fails with ErrMalformed or ErrInvalidScope.
func (r RefreshRequest) Check() error {
	if err := checkClientID(r.ClientID); err != nil {
		return err
	}
	return checkScopes(r.Scopes)
}

// Check is for an exchange what LoginRequest.Check is for a login: the client
// identifier and the scopes. The key is not looked at; IsAPIKey does that.
//
// It fails with ErrMalformed or ErrInvalidScope.
func (r KeyRequest) Check() error {
	if err := checkClientID(r.ClientID); err != nil {
		return err
	}
	return checkScopes(r.Scopes)
}

// Check is for a revocation what LoginRequest.Check is for a login: the client
// identifier. The token is not looked at.
//
// It fails with ErrMalformed.
func (r RevokeRequest) Check() error { return checkClientID(r.ClientID) }

func checkClientID(id string) error {
	if !isString(id) {
		return fmt.Errorf("%w: client identifier", ErrMalformed)
	}
	return nil
}

// stopped is an error of LoginRequest.BeforePassword.
type stopped struct{ error }

// stoppedBy returns the error of LoginRequest.BeforePassword that ended a login, and
// nil if that did not end it.
func stoppedBy(err error) error {
	if s, ok := errors.AsType[stopped](err); ok {
		return s.error
	}
	return nil
}
