package storetest_test

import (
	"context"
	"time"

	"github.com/sallyport-go/sallyport/store"
)

// override is a store with some of its methods replaced.
type override struct {
	store.Store

	authenticate func(ctx context.Context, login, password string) (store.User, error)
	user         func(ctx context.Context, id string) (store.User, error)
	create       func(ctx context.Context, s store.Session) error
	session      func(ctx context.Context, id string) (store.Session, error)
	advance      func(ctx context.Context, id string, from int64, at, idleUntil time.Time) error
	revoke       func(ctx context.Context, id string, at time.Time) error
	list         func(ctx context.Context, userID string) ([]store.Session, error) // all, of which a page is cut
	page         func(ctx context.Context, userID string, after store.Cursor, limit int) ([]store.Session, error)
	revokeAll    func(ctx context.Context, userID, except string, at, since time.Time) ([]string, error)
	drop         func(ctx context.Context, before time.Time) (int, error)
}

func (b override) Authenticate(ctx context.Context, login, password string) (store.User, error) {
	if b.authenticate == nil {
		return b.Store.Authenticate(ctx, login, password)
	}
	return b.authenticate(ctx, login, password)
}

func (b override) User(ctx context.Context, id string) (store.User, error) {
	if b.user == nil {
		return b.Store.User(ctx, id)
	}
	return b.user(ctx, id)
}

func (b override) CreateSession(ctx context.Context, s store.Session) error {
	if b.create == nil {
		return b.Store.CreateSession(ctx, s)
	}
	return b.create(ctx, s)
}

func (b override) Session(ctx context.Context, id string) (store.Session, error) {
	if b.session == nil {
		return b.Store.Session(ctx, id)
	}
	return b.session(ctx, id)
}

func (b override) AdvanceSession(ctx context.Context, id string, from int64, at, idleUntil time.Time) error {
	if b.advance == nil {
		return b.Store.AdvanceSession(ctx, id, from, at, idleUntil)
	}
	return b.advance(ctx, id, from, at, idleUntil)
}

func (b override) RevokeSession(ctx context.Context, id string, at time.Time) error {
	if b.revoke == nil {
		return b.Store.RevokeSession(ctx, id, at)
	}
	return b.revoke(ctx, id, at)
}

func (b override) UserSessions(ctx context.Context, userID string, after store.Cursor, limit int) ([]store.Session, error) {
	switch {
	case b.page != nil:
		return b.page(ctx, userID, after, limit)
	case b.list != nil:
		all, err := b.list(ctx, userID)
		return sessionPage(all, after, limit), err
	}
	return b.Store.UserSessions(ctx, userID, after, limit)
}

func (b override) RevokeUserSessions(ctx context.Context, userID, except string, at, since time.Time) ([]string, error) {
	if b.revokeAll == nil {
		return b.Store.RevokeUserSessions(ctx, userID, except, at, since)
	}
	return b.revokeAll(ctx, userID, except, at, since)
}

func (b override) DeleteExpiredSessions(ctx context.Context, before time.Time) (int, error) {
	if b.drop == nil {
		return b.Store.DeleteExpiredSessions(ctx, before)
	}
	return b.drop(ctx, before)
}

// overrideKeys is a store of keys with some of its methods replaced.
type overrideKeys struct {
	store.APIKeys

	create  func(ctx context.Context, k store.APIKey) error
	key     func(ctx context.Context, digest store.Digest) (store.APIKey, error)
	byID    func(ctx context.Context, id string) (store.APIKey, error)
	list    func(ctx context.Context, owner store.Owner) ([]store.APIKey, error) // all, of which a page is cut
	page    func(ctx context.Context, owner store.Owner, after store.Cursor, limit int) ([]store.APIKey, error)
	replace func(ctx context.Context, id, from, successor string, until time.Time) error
	use     func(ctx context.Context, id string, at time.Time) error
	revoke  func(ctx context.Context, id string, at time.Time) error
	drop    func(ctx context.Context, before time.Time) (int, error)
}

func (b overrideKeys) CreateAPIKey(ctx context.Context, k store.APIKey) error {
	if b.create == nil {
		return b.APIKeys.CreateAPIKey(ctx, k)
	}
	return b.create(ctx, k)
}

func (b overrideKeys) APIKey(ctx context.Context, digest store.Digest) (store.APIKey, error) {
	if b.key == nil {
		return b.APIKeys.APIKey(ctx, digest)
	}
	return b.key(ctx, digest)
}

func (b overrideKeys) APIKeyByID(ctx context.Context, id string) (store.APIKey, error) {
	if b.byID == nil {
		return b.APIKeys.APIKeyByID(ctx, id)
	}
	return b.byID(ctx, id)
}

func (b overrideKeys) OwnerAPIKeys(ctx context.Context, owner store.Owner, after store.Cursor, limit int) ([]store.APIKey, error) {
	switch {
	case b.page != nil:
		return b.page(ctx, owner, after, limit)
	case b.list != nil:
		all, err := b.list(ctx, owner)
		return keyPage(all, after, limit), err
	}
	return b.APIKeys.OwnerAPIKeys(ctx, owner, after, limit)
}

func (b overrideKeys) ReplaceAPIKey(ctx context.Context, id, from, successor string, until time.Time) error {
	if b.replace == nil {
		return b.APIKeys.ReplaceAPIKey(ctx, id, from, successor, until)
	}
	return b.replace(ctx, id, from, successor, until)
}

func (b overrideKeys) UseAPIKey(ctx context.Context, id string, at time.Time) error {
	if b.use == nil {
		return b.APIKeys.UseAPIKey(ctx, id, at)
	}
	return b.use(ctx, id, at)
}

func (b overrideKeys) RevokeAPIKey(ctx context.Context, id string, at time.Time) error {
	if b.revoke == nil {
		return b.APIKeys.RevokeAPIKey(ctx, id, at)
	}
	return b.revoke(ctx, id, at)
}

func (b overrideKeys) DeleteExpiredAPIKeys(ctx context.Context, before time.Time) (int, error) {
	if b.drop == nil {
		return b.APIKeys.DeleteExpiredAPIKeys(ctx, before)
	}
	return b.drop(ctx, before)
}
