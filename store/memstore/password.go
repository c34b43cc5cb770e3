package memstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/passwords"
)

// SetPassword gives the user with this ID another password, and with it another
// CredentialVersion. ErrNotFound if there is no such user. It ends no session: call
// PasswordChanged of the tokens.Authority for that.
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

// SetHash gives the user with this ID the password that encoded is a hash of, in
// one of the forms that package passwords reads: say, a bcrypt hash out of an
// older system's table. Their CredentialVersion changes. A hash that the store would
// make otherwise itself is replaced when the user logs in. One that cannot be read,
// or is empty, counts as a wrong password at a login: Authenticate returns a
// [store.FaultError], after the same work. ErrNotFound if there is no such user.
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

// Authenticate returns the user whom login and password name together; see
// [store.Users]. When more logins come at once than the hasher takes, it returns
// [passwords.ErrBusy].
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

// verified returns the user with this login if the password is theirs, else
// ErrMismatch. The hashes are worked out with no lock held.
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
	// They may have been removed, or given another tier, while we were working;
	// their login may even be another's by now, so it is the ID that counts.
	// The version stays that of the hash which was verified.
	now := s.byID(u.ID)
	if now == nil {
		return nil, passwords.ErrMismatch
	}
	as := *now
	as.CredentialVersion = u.CredentialVersion
	return &as, nil
}

// renew replaces the hash that the password was verified with by a current one.
// It is no matter if that fails: the next login tries again.
func (s *Store) renew(ctx context.Context, verified *user, password string) {
	hash, err := s.passwords.Hash(ctx, password)
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	// Only that hash: the user may have another password by now.
	if u := s.users[verified.ID]; u != nil && u.hash == verified.hash {
		s.put(&user{User: u.User, hash: hash})
	}
}
