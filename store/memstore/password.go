package memstore

import (
	"context"
	"fmt"

	"github.com/sallyport-go/sallyport/store"
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
	u := s.byLogin(login)
	var encoded string
	lookup := store.ErrNotFound
	var found store.User
	if u != nil {
		found, encoded, lookup = u.User, u.hash, nil
	}
	// It hashes without a lock.
	_, renewed, err := s.passwords.Authenticate(ctx, password, found, encoded, lookup)
	if err == store.ErrBadCredentials { //nolint:errorlint // one that has a cause keeps it
		return store.User{}, err
	}
	if err != nil {
		return store.User{}, fmt.Errorf("memstore: Authenticate: %w", err)
	}
	if renewed != "" {
		s.renew(u, renewed)
	}
	// Read the user again, by the ID: while the password was hashed they may have
	// been removed or changed, and another user may have their login.
	now := s.byID(u.ID)
	if now == nil {
		return store.User{}, store.ErrBadCredentials
	}
	as := copied(now.User)
	as.CredentialVersion = u.CredentialVersion // that of the hash that was verified
	return as, nil
}

// renew replaces the hash with which the password was verified by a current one,
// unless the user has another password by now.
func (s *Store) renew(verified *user, hash string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if u := s.users[verified.ID]; u != nil && u.hash == verified.hash {
		s.put(&user{User: u.User, hash: hash})
	}
}
