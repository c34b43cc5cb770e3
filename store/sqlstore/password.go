package sqlstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/passwords"
)

// SetPassword gives the user with this ID another password, and with it another
// CredentialVersion. ErrNotFound if there is no such user. It ends no session: call
// PasswordChanged of the tokens.Authority for that.
func (s *Store) SetPassword(ctx context.Context, id, password string) error {
	if err := s.keepsUsers("SetPassword"); err != nil {
		return err
	}
	if _, err := one(ctx, s.db, "SetPassword", scanUser, s.user.read, id); err != nil {
		return err // before the work of a hash
	}
	hash, err := s.passwords.Hash(ctx, password)
	if err != nil {
		return fmt.Errorf("sqlstore: SetPassword: %w", err)
	}
	return s.setHash(ctx, "SetPassword", id, hash)
}

// SetHash gives the user with this ID the password that encoded is a hash of, in
// one of the forms that package passwords reads: say, a bcrypt hash out of an
// older system's table. Their CredentialVersion changes. A hash that the store would
// make otherwise itself is replaced when the user logs in. One that cannot be read,
// or is empty, counts as a wrong password at a login: Authenticate returns a
// [store.FaultError], after the same work. ErrNotFound if there is no such user.
func (s *Store) SetHash(ctx context.Context, id, encoded string) error {
	if err := s.keepsUsers("SetHash"); err != nil {
		return err
	}
	return s.setHash(ctx, "SetHash", id, encoded)
}

func (s *Store) setHash(ctx context.Context, doing, id, encoded string) error {
	rows, err := s.exec(ctx, doing, s.user.setHash, id, encoded, rand.Text())
	if err != nil {
		return err
	}
	return found(doing, rows)
}

// Authenticate returns the user whom login and password name together; see
// [store.Users]. When more logins come at once than the hasher takes, it returns
// [passwords.ErrBusy]. No transaction and no connection is held while it hashes.
func (s *Store) Authenticate(ctx context.Context, login, password string) (store.User, error) {
	if s.host != nil {
		return s.host.Authenticate(ctx, login, password)
	}
	u, err := s.verified(ctx, login, password)
	if errors.Is(err, passwords.ErrMismatch) {
		return store.User{}, store.ErrBadCredentials
	}
	return u, err
}

// verified returns the user with this login if the password is theirs, else
// ErrMismatch.
func (s *Store) verified(ctx context.Context, login, password string) (store.User, error) {
	const doing = "Authenticate"
	u, err := one(ctx, s.db, doing, scanUser, s.user.byLogin, login)
	renew := false
	switch {
	case err == nil:
		renew, err = s.passwords.Verify(ctx, u.hash, password)
		if errors.Is(err, passwords.ErrFormat) {
			err = &store.FaultError{UserID: u.ID, Field: "password hash", Err: err}
		}
	case errors.Is(err, store.ErrNotFound):
		err = s.passwords.VerifyUnknown(ctx, password)
	default:
		return store.User{}, err
	}
	if err != nil {
		return store.User{}, fmt.Errorf("sqlstore: %s: %w", doing, err)
	}
	if renew {
		s.renew(ctx, u, password)
	}
	// They may have been removed, or given another tier, while we were working;
	// their login may even be another's by now, so it is the ID that counts.
	now, err := one(ctx, s.db, doing, scanUser, s.user.read, u.ID)
	if errors.Is(err, store.ErrNotFound) {
		return store.User{}, passwords.ErrMismatch
	}
	now.CredentialVersion = u.CredentialVersion // that of the hash which was verified
	return now.User, err
}

// renew replaces the hash that the password was verified with by a current one:
// only that hash, for the user may have another password by now. It is no matter
// if that fails: the next login tries again.
func (s *Store) renew(ctx context.Context, verified hashed, password string) {
	hash, err := s.passwords.Hash(ctx, password)
	if err != nil {
		return
	}
	_, _ = s.exec(ctx, "renew", s.user.renewHash, verified.ID, hash, verified.hash)
}
