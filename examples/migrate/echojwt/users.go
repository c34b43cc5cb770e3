package echojwt

import (
	"context"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/passwords"
)

// users is the store: the users are those of the API's own table, and the sessions are
// in a store of Sallyport's.
type users struct {
	store.Sessions

	db     *Database
	hasher *passwords.Hasher
}

// Authenticate verifies the bcrypt hashes that the table has. It does not replace them
// by argon2id hashes yet, so that the old servers can still read them.
func (u users) Authenticate(ctx context.Context, login, password string) (store.User, error) {
	row, err := u.row(func(row user) bool { return row.login == login })
	found, _, err := u.hasher.Authenticate(ctx, password, row.user(), row.hash, err)
	return found, err
}

// User returns the user as they are now, at each login and each refresh.
func (u users) User(ctx context.Context, id string) (store.User, error) {
	if err := ctx.Err(); err != nil {
		return store.User{}, err
	}
	row, err := u.row(func(row user) bool { return row.id == id })
	if err != nil {
		return store.User{}, err
	}
	return row.user(), nil
}

func (u users) row(is func(user) bool) (user, error) {
	row, ok := u.db.user(is)
	if !ok {
		return user{}, store.ErrNotFound
	}
	return row, nil
}

func (u user) user() store.User { return store.User{ID: u.id, Login: u.login, Tier: "standard"} }

// claims returns the claims that the handlers read.
func (u users) claims(_ context.Context, of store.User) (map[string]any, error) {
	row, err := u.row(func(row user) bool { return row.id == of.ID })
	if err != nil {
		return nil, err
	}
	return map[string]any{"name": row.name, "admin": row.admin}, nil
}
