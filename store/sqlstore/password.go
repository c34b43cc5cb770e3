package sqlstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/sallyport-go/sallyport/store"
)

// SetPassword replaces the password of the user with this ID, and changes their
// CredentialVersion. It ends no session: call PasswordChanged of the
// tokens.Authority after it.
//
// It returns [store.ErrNotFound] if there is no such user, [passwords.ErrBusy],
// [passwords.ErrTooLong], or [errors.ErrUnsupported] if Config.Users is set.
func (s *Store) SetPassword(ctx context.Context, id, password string) error {
	if err := s.keepsUsers("SetPassword"); err != nil {
		return err
	}
	if _, err := one(ctx, s.db, "SetPassword", withID(id), s.user.read, id); err != nil {
		return err // before the work of a hash
	}
	hash, err := s.passwords.Hash(ctx, password)
	if err != nil {
		return fmt.Errorf("sqlstore: SetPassword: %w", err)
	}
	return s.setHash(ctx, "SetPassword", id, hash)
}

// SetHash replaces the password of the user with this ID by the one that encoded
// is a hash of, in one of the forms that package passwords reads, for example a
// bcrypt hash of an older system. Their CredentialVersion changes. A hash that
// differs from those the store makes is replaced when the user logs in.
//
// encoded is not checked. If it cannot be read or is empty, a login counts as one
// with a wrong password: Authenticate returns a [store.FaultError], after the
// same work. SetHash returns [store.ErrNotFound] if there is no such user, or
// [errors.ErrUnsupported] if Config.Users is set.
func (s *Store) SetHash(ctx context.Context, id, encoded string) error {
	if err := s.keepsUsers("SetHash"); err != nil {
		return err
	}
	return s.setHash(ctx, "SetHash", id, encoded)
}

func (s *Store) setHash(ctx context.Context, doing, id, encoded string) error {
	rows, err := s.execOne(ctx, doing, s.user.setHash, id, encoded, rand.Text())
	if err != nil {
		return err
	}
	return found(doing, rows)
}

// Authenticate returns the user with this login and password; see [store.Users].
// It returns [passwords.ErrBusy] if there are more logins than the hasher
// accepts. It holds no transaction and no connection while it hashes. If
// Config.Users is set, it calls that.
func (s *Store) Authenticate(ctx context.Context, login, password string) (store.User, error) {
	if s.host != nil {
		return s.host.Authenticate(ctx, login, password)
	}
	const doing = "Authenticate"
	u, err := one(ctx, s.db, doing, asked(scanUser, func(u hashed) bool { return u.Login == login }), s.user.byLogin, login)
	_, renewed, err := s.passwords.Authenticate(ctx, password, u.User, u.hash, err)
	if err != nil {
		return store.User{}, err
	}
	if renewed != "" {
		// Only in the place of the hash that was verified. If it fails, the next login
		// tries again.
		_, _ = s.execOne(ctx, "renew", s.user.renewHash, u.ID, renewed, u.hash)
	}
	// Read the user again, by the ID: while the password was hashed they may have
	// been removed or changed, and another user may have their login.
	now, err := one(ctx, s.db, doing, withID(u.ID), s.user.read, u.ID)
	if errors.Is(err, store.ErrNotFound) {
		return store.User{}, store.ErrBadCredentials
	}
	if err != nil {
		return store.User{}, err
	}
	now.CredentialVersion = u.CredentialVersion // the version of the hash that was verified
	return now.User, nil
}
