package memstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/passwords"
)

// SetPassword replaces the password of the user with this ID, and changes their
// CredentialVersion. It ends no session: call PasswordChanged of the
// tokens.Authority after it.
//
// It returns [store.ErrNotFound] if there is no such user, [passwords.ErrBusy] or
// [passwords.ErrTooLong].
func (s *Store) SetPassword(ctx context.Context, id, password string) error {
	if _, err := s.User(ctx, id); err != nil {
		return fmt.Errorf("memstore: SetPassword: %w", err) // before the work of a hash
	}
	hash, err := s.passwords.Hash(ctx, password)
	if err != nil {
		return fmt.Errorf("memstore: SetPassword: %w", err)
	}
	return s.SetHash(ctx, id, hash)
}

// SetHash replaces the password of the user with this ID by the one that encoded
// is a hash of, in one of the forms that package passwords reads, for example a
// bcrypt hash of an older system. Their CredentialVersion changes. A hash that
// differs from those the store makes is replaced when the user logs in.
//
// encoded is not checked. If it cannot be read or is empty, a login counts as one
// with a wrong password: Authenticate returns a [store.FaultError], after the
// same work. SetHash returns [store.ErrNotFound] if there is no such user.
func (s *Store) SetHash(ctx context.Context, id, encoded string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.users[id]
	if old == nil {
		return fmt.Errorf("memstore: SetHash: %w", store.ErrNotFound)
	}
	changed := old.User
	changed.CredentialVersion = newVersion()
	s.put(&user{User: changed, hash: encoded})
	return nil
}

// Authenticate returns the user with this login and password; see [store.Users].
// It returns [passwords.ErrBusy] if there are more logins than the hasher
// accepts.
func (s *Store) Authenticate(ctx context.Context, login, password string) (store.User, error) {
	if err := ctx.Err(); err != nil {
		return store.User{}, err
	}
	u, err := s.verified(ctx, login, password)
	if errors.Is(err, passwords.ErrMismatch) {
		return store.User{}, store.ErrBadCredentials
	}
	if err != nil {
		return store.User{}, fmt.Errorf("memstore: Authenticate: %w", err)
	}
	return copied(u.User), nil
}

// verified returns the user with this login and password, or ErrMismatch. It
// hashes without a lock.
func (s *Store) verified(ctx context.Context, login, password string) (*user, error) {
	u := s.byLogin(login)
	if u == nil {
		return nil, s.passwords.VerifyUnknown(ctx, password)
	}
	renew, err := s.passwords.Verify(ctx, u.hash, password)
	if errors.Is(err, passwords.ErrFormat) {
		return nil, &store.FaultError{UserID: u.ID, Field: "password hash", Err: err}
	}
	if err != nil {
		return nil, err
	}
	if renew {
		s.renew(ctx, u, password)
	}
	// Read the user again, by the ID: while the password was hashed they may have
	// been removed or changed, and another user may have their login.
	// The version stays that of the hash that was verified.
	now := s.byID(u.ID)
	if now == nil {
		return nil, passwords.ErrMismatch
	}
	as := *now
	as.CredentialVersion = u.CredentialVersion
	return &as, nil
}

// renew replaces the hash with which the password was verified by a current one.
// Its errors are ignored: the next login tries again.
func (s *Store) renew(ctx context.Context, verified *user, password string) {
	hash, err := s.passwords.Hash(ctx, password)
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	// only that hash: the user may have another password by now
	if u := s.users[verified.ID]; u != nil && u.hash == verified.hash {
		s.put(&user{User: u.User, hash: hash})
	}
}
