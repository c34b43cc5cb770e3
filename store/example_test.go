package store_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/memstore"
	"github.com/sallyport-go/sallyport/store/passwords"
)

// A host has its users in a table of its own, and implements store.Users on it.
// Sessions come from a shipped store.
func Example() {
	ctx := context.Background()
	hasher := must(passwords.New(passwords.Config{}))
	sessions := must(memstore.New(memstore.Config{Passwords: hasher}))
	members := &members{hasher: hasher, byLogin: map[string]row{
		"ada": {id: "7", club: "chess", hash: must(hasher.Hash(ctx, "correct horse")), version: "1"},
	}}

	var both store.Store = struct {
		store.Users
		store.Sessions
	}{members, sessions} // tokens.Config.Store

	user, err := both.Authenticate(ctx, "ada", "correct horse")
	fmt.Println(user.ID, user.Account, err)
	_, err = both.Authenticate(ctx, "ada", "wrong horse")
	fmt.Println(errors.Is(err, store.ErrBadCredentials))
	_, err = both.Authenticate(ctx, "eve", "correct horse")
	fmt.Println(errors.Is(err, store.ErrBadCredentials)) // the same answer, after the same work
	_, err = both.User(ctx, "8")
	fmt.Println(errors.Is(err, store.ErrNotFound))
	// Output:
	// 7 chess <nil>
	// true
	// true
	// true
}

// row is a row of the host's table.
type row struct {
	id, club, hash string
	version        string // changes with the password; a renewed hash keeps it
	locked         bool
}

// members implements store.Users.
type members struct {
	hasher  *passwords.Hasher
	byLogin map[string]row
}

func (m *members) Authenticate(ctx context.Context, login, password string) (store.User, error) {
	found, ok := m.byLogin[login]
	var err error
	if ok {
		_, err = m.hasher.Verify(ctx, found.hash, password) // true: renew the hash
	} else {
		err = m.hasher.VerifyUnknown(ctx, password) // as slow as a known login
	}
	switch {
	case errors.Is(err, passwords.ErrMismatch), err == nil && found.locked:
		return store.User{}, store.ErrBadCredentials
	case err != nil:
		return store.User{}, err // ends as 503
	}
	return found.user(login), nil
}

func (m *members) User(_ context.Context, id string) (store.User, error) {
	for login, r := range m.byLogin {
		if r.id == id && !r.locked {
			return r.user(login), nil
		}
	}
	return store.User{}, store.ErrNotFound
}

// user returns the row as Sallyport sees it.
func (r row) user(login string) store.User {
	return store.User{ID: r.id, Login: login, Account: r.club, Tier: "member", CredentialVersion: r.version}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
