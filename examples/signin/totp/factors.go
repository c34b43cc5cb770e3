package main

import (
	"context"
	"crypto/subtle"
	"errors"
	"sync"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/memstore"
)

// factor is a user's authenticator app. A host has a table for them, and encrypts the
// secret with a key that is not in the database.
type factor struct {
	secret string
	active bool  // the user has shown a code of it
	used   int64 // the time step of the last code that was accepted
}

// factors are the authenticator apps of all users.
type factors struct {
	mu  sync.Mutex
	all map[string]*factor // by the ID of their user
	now func() time.Time
}

// enroll gives a user a new secret, unless they have an app that is active. A host that
// lets users replace it asks for a code of that one first.
func (f *factors) enroll(userID, secret string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.all[userID] != nil && f.all[userID].active {
		return false
	}
	f.all[userID] = &factor{secret: secret}
	return true
}

// isActive reports whether the user has to show a code.
func (f *factors) isActive(userID string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.all[userID] != nil && f.all[userID].active
}

const (
	period = 30 * time.Second
	skew   = 1 // steps that the clock of a phone may be wrong, in either direction
)

// use accepts a code of the user's app, once: no code of the same time step or of an
// earlier one is accepted after it (RFC 6238 §5.2). In SQL the last line is
//
//	UPDATE factors SET used = $1 WHERE user_id = $2 AND used < $1
//
// and the code is wrong if that changes no row.
func (f *factors) use(userID, code string, active bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	app := f.all[userID]
	if app == nil || app.active != active {
		return store.ErrBadCredentials
	}
	step, err := app.stepOf(code, f.now())
	if err != nil {
		return err
	}
	if step <= app.used {
		return store.ErrBadCredentials
	}
	app.used, app.active = step, true
	return nil
}

// stepOf returns the time step of a code.
func (a *factor) stepOf(code string, now time.Time) (int64, error) {
	current := now.Unix() / int64(period/time.Second)
	found := int64(0)
	for step := current - skew; step <= current+skew; step++ {
		want, err := totp.GenerateCodeCustom(a.secret, time.Unix(step*int64(period/time.Second), 0), totp.ValidateOpts{
			Period: uint(period / time.Second), Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1,
		})
		if err != nil {
			return 0, err
		}
		if subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 {
			found = step
		}
	}
	if found == 0 {
		return 0, store.ErrBadCredentials
	}
	return found, nil
}

// second is the SecondFactor of the Authority. It says what it has checked, and not
// what the client calls it.
func (f *factors) second(_ context.Context, userID, _, code string) ([]string, error) {
	if err := f.use(userID, code, true); err != nil {
		return nil, err
	}
	return []string{"otp"}, nil
}

// withFactors is the host's store: it asks those users for a second factor who have one.
type withFactors struct {
	*memstore.Store
	factors *factors
}

// Authenticate is Users.Authenticate of package store.
func (s withFactors) Authenticate(ctx context.Context, login, password string) (store.User, error) {
	user, err := s.Store.Authenticate(ctx, login, password)
	if err != nil || !s.factors.isActive(user.ID) {
		return user, err
	}
	return store.User{}, &store.SecondFactorError{
		UserID: user.ID, CredentialVersion: user.CredentialVersion, Methods: []string{"otp"},
	}
}

var errActive = errors.New("an authenticator app is active already")
