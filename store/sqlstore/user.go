package sqlstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/passwords"
)

const userColumns = "id, login, account, tier, seats, scopes, password_hash, credential_version"

type userSQL struct{ add, taken, read, byLogin, set, others, remove, setHash, renewHash statement }

func newUserSQL(f flavour) userSQL {
	const (
		read = "SELECT " + userColumns + " FROM sallyport_users "
		set  = "UPDATE sallyport_users SET credential_version = CASE WHEN login = $2 THEN credential_version ELSE $7 END, " +
			"login = $2, account = $3, tier = $4, seats = $5, scopes = $6"
		where = " WHERE id = $1"
	)
	return userSQL{
		add:     f.insertNew("sallyport_users", userColumns),
		taken:   f.SQL("SELECT EXISTS (SELECT 1 FROM sallyport_users WHERE id = $1 OR login = $2)"),
		read:    f.SQL(read + "WHERE id = $1"),
		byLogin: f.SQL(read + "WHERE login = $1"),
		// MySQL makes the assignments one after the other, so that of the login comes last,
		// and counts a row only if it changes, unless the DSN says otherwise.
		set:       f.Of(set+where, set+where, set+", writes = writes + 1"+where),
		others:    f.SQL("SELECT EXISTS (SELECT 1 FROM sallyport_users WHERE login = $2 AND id <> $1)"),
		remove:    f.SQL("DELETE FROM sallyport_users WHERE id = $1"),
		setHash:   f.SQL("UPDATE sallyport_users SET password_hash = $2, credential_version = $3 WHERE id = $1"),
		renewHash: f.SQL("UPDATE sallyport_users SET password_hash = $2 WHERE id = $1 AND password_hash = $3"),
	}
}

// hashed is a user and the hash of their password.
type hashed struct {
	store.User

	hash string
}

var errTaken = fmt.Errorf("the user's ID or login is taken: %w", store.ErrConflict)

// AddUser adds a user who logs in with u.Login and password. u.ID and u.Login
// must not be empty. The store chooses the CredentialVersion, and ignores that of
// u.
//
// It returns [store.ErrConflict] if the ID or the login is taken,
// [passwords.ErrBusy], [passwords.ErrTooLong], or [errors.ErrUnsupported] if
// Config.Users is set.
func (s *Store) AddUser(ctx context.Context, u store.User, password string) error {
	if err := s.manages("AddUser", u); err != nil {
		return err
	}
	taken, err := one(ctx, s.db, "AddUser", value[bool], s.user.taken, u.ID, u.Login)
	if err != nil {
		return err
	}
	if taken {
		return fmt.Errorf("sqlstore: AddUser: %w", errTaken) // before the work of a hash
	}
	hash, err := s.passwords.Hash(ctx, password)
	if err != nil {
		return fmt.Errorf("sqlstore: AddUser: %w", err)
	}
	return s.addUser(ctx, "AddUser", u, hash)
}

// AddUserWithHash is AddUser for a user of another system: encoded is the hash of their
// password, in one of the forms that package passwords reads. No hash is made here, so
// that a whole table can be taken over. A hash that differs from those the store makes is
// replaced when the user logs in.
//
// It returns an error that wraps [passwords.ErrFormat] if encoded cannot be read,
// [store.ErrConflict] if the ID or the login is taken, or [errors.ErrUnsupported] if
// Config.Users is set.
func (s *Store) AddUserWithHash(ctx context.Context, u store.User, encoded string) error {
	const doing = "AddUserWithHash"
	if err := s.manages(doing, u); err != nil {
		return err
	}
	if err := passwords.Check(encoded); err != nil {
		return fmt.Errorf("sqlstore: %s: %w", doing, err)
	}
	return s.addUser(ctx, doing, u, encoded)
}

// addUser writes the row of a new user.
func (s *Store) addUser(ctx context.Context, doing string, u store.User, hash string) error {
	taken, err := s.insert(ctx, doing, s.user.add, u.ID, u.Login, u.Account, u.Tier, u.Seats, array(u.Scopes), hash, rand.Text())
	if err == nil && taken {
		return fmt.Errorf("sqlstore: %s: %w", doing, errTaken)
	}
	return err
}

// SetUser replaces the user with the same ID, for example to change the tier, the
// scopes or the login. The password does not change. Another login changes the
// CredentialVersion. That of u is ignored, so that a user who was read before a
// concurrent SetPassword does not restore the old one.
//
// It returns [store.ErrNotFound] if there is no such user, [store.ErrConflict] if
// the login is another user's, or [errors.ErrUnsupported] if Config.Users is set.
func (s *Store) SetUser(ctx context.Context, u store.User) error {
	if err := s.manages("SetUser", u); err != nil {
		return err
	}
	rows, err := s.execOne(ctx, "SetUser", s.user.set, u.ID, u.Login, u.Account, u.Tier, u.Seats, array(u.Scopes), rand.Text())
	if err == nil {
		return found("SetUser", rows)
	}
	// Each driver reports a taken login in another way, so look it up.
	if others, e := one(ctx, s.db, "SetUser", value[bool], s.user.others, u.ID, u.Login); e == nil && others {
		return fmt.Errorf("sqlstore: SetUser: %w", errTaken)
	}
	return err
}

// RemoveUser deletes the user with this ID. Their login can be used again; their
// ID should never be given to another user. Their sessions and keys stay until
// they expire, and are rejected. It returns [store.ErrNotFound] if there is no
// such user, or [errors.ErrUnsupported] if Config.Users is set.
func (s *Store) RemoveUser(ctx context.Context, id string) error {
	if err := s.keepsUsers("RemoveUser"); err != nil {
		return err
	}
	rows, err := s.execOne(ctx, "RemoveUser", s.user.remove, id)
	if err != nil {
		return err
	}
	return found("RemoveUser", rows)
}

// User returns the user with this ID; see [store.Users]. If Config.Users is set,
// it calls that.
func (s *Store) User(ctx context.Context, id string) (store.User, error) {
	if s.host != nil {
		return s.host.User(ctx, id)
	}
	u, err := one(ctx, s.db, "User", withID(id), s.user.read, id)
	return u.User, err
}

// withID scans the user with this ID.
func withID(id string) func(row) (hashed, error) {
	return asked(scanUser, func(u hashed) bool { return u.ID == id })
}

// found returns ErrNotFound if no row was written.
func found(doing string, rows int64) error {
	if rows == 0 {
		return fmt.Errorf("sqlstore: %s: %w", doing, store.ErrNotFound)
	}
	return nil
}

// manages returns why the store cannot write u.
func (s *Store) manages(doing string, u store.User) error {
	if err := s.keepsUsers(doing); err != nil {
		return err
	}
	if u.ID == "" || u.Login == "" {
		return fmt.Errorf("sqlstore: %s: the ID and the login must not be empty, got %q and %q", doing, u.ID, u.Login)
	}
	return nil
}

func (s *Store) keepsUsers(doing string) error {
	if s.host != nil {
		return fmt.Errorf("sqlstore: %s: the users are those of Config.Users: %w", doing, errors.ErrUnsupported)
	}
	return nil
}

func scanUser(r row) (hashed, error) {
	var u hashed
	err := r.Scan(&u.ID, &u.Login, &u.Account, &u.Tier, &u.Seats, list{&u.Scopes}, &u.hash, &u.CredentialVersion)
	return u, err
}
