package memstore

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"

	"github.com/sallyport-go/sallyport/store"
)

// user is a user and the hash of their password. Both maps of the store point to
// the current one. It is not changed once it is in them.
type user struct {
	store.User

	hash string
}

var errTaken = fmt.Errorf("memstore: the user's ID or login is taken: %w", store.ErrConflict)

// AddUser adds a user who logs in with u.Login and password. u.ID and u.Login
// must not be empty. The store chooses the CredentialVersion, and ignores that of
// u.
//
// It returns [store.ErrConflict] if the ID or the login is taken,
// [passwords.ErrBusy] or [passwords.ErrTooLong].
func (s *Store) AddUser(ctx context.Context, u store.User, password string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := check(u); err != nil {
		return err
	}
	if s.byID(u.ID) != nil || s.byLogin(u.Login) != nil {
		return errTaken // before the work of a hash
	}
	hash, err := s.passwords.Hash(ctx, password)
	if err != nil {
		return fmt.Errorf("memstore: AddUser: %w", err)
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users[u.ID] != nil || s.logins[u.Login] != nil {
		return errTaken
	}
	added := copied(u)
	added.CredentialVersion = newVersion()
	s.put(&user{User: added, hash: hash})
	return nil
}

// newVersion returns a random CredentialVersion, which no user has had.
func newVersion() string { return rand.Text() }

// SetUser replaces the user with the same ID, for example to change the tier, the
// scopes or the login. The password does not change. Another login changes the
// CredentialVersion. That of u is ignored, so that a user who was read before a
// concurrent SetPassword does not restore the old one.
//
// It returns [store.ErrNotFound] if there is no such user, and
// [store.ErrConflict] if the login is another user's.
func (s *Store) SetUser(ctx context.Context, u store.User) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := check(u); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.users[u.ID]
	if old == nil {
		return fmt.Errorf("memstore: SetUser: %w", store.ErrNotFound)
	}
	if other := s.logins[u.Login]; other != nil && other != old {
		return errTaken
	}
	set := copied(u)
	set.CredentialVersion = old.CredentialVersion
	if u.Login != old.Login {
		set.CredentialVersion = newVersion()
	}
	delete(s.logins, old.Login)
	s.put(&user{User: set, hash: old.hash})
	return nil
}

// RemoveUser deletes the user with this ID. Their login can be used again; their
// ID should never be given to another user. Their sessions and keys stay until
// they expire, and are rejected. It returns [store.ErrNotFound] if there is no
// such user.
func (s *Store) RemoveUser(ctx context.Context, id string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.users[id]
	if old == nil {
		return fmt.Errorf("memstore: RemoveUser: %w", store.ErrNotFound)
	}
	delete(s.users, id)
	delete(s.logins, old.Login)
	return nil
}

// User returns the user with this ID; see [store.Users].
func (s *Store) User(ctx context.Context, id string) (store.User, error) {
	if err := ctx.Err(); err != nil {
		return store.User{}, err
	}
	u := s.byID(id)
	if u == nil {
		return store.User{}, store.ErrNotFound
	}
	return copied(u.User), nil
}

func (s *Store) byID(id string) *user {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.users[id]
}

func (s *Store) byLogin(login string) *user {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.logins[login]
}

// check reports what makes u no user.
func check(u store.User) error {
	if u.ID == "" || u.Login == "" {
		return fmt.Errorf("memstore: the ID and the login of a user must not be empty, got %q and %q", u.ID, u.Login)
	}
	return nil
}

func (s *Store) put(u *user) { s.users[u.ID], s.logins[u.Login] = u, u }

func copied(u store.User) store.User {
	u.Scopes = slices.Clone(u.Scopes)
	return u
}
