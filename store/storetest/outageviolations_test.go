package storetest_test

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/sallyport-go/sallyport/store"
)

const lostConnection = "A lost connection is no answer"

// orElse takes whatever a driver says for this sentinel.
func orElse(err, sentinel error) error {
	if errors.Is(err, errDriver) {
		return sentinel
	}
	return err
}

var outageViolations = []violation{
	{"Session says ErrNotFound of a lost connection", lostConnection, func(r *rig) {
		r.Store = override{Store: r.Store, session: func(ctx context.Context, id string) (store.Session, error) {
			s, err := r.reference.Session(ctx, id)
			return s, orElse(err, store.ErrNotFound)
		}}
	}},
	{"AdvanceSession says ErrConflict of a lost connection", lostConnection, func(r *rig) {
		r.Store = override{Store: r.Store, advance: func(ctx context.Context, id string, from int64, at, idleUntil time.Time) error {
			return orElse(r.reference.AdvanceSession(ctx, id, from, at, idleUntil), store.ErrConflict)
		}}
	}},
	{"RevokeSession says nil of a lost connection", lostConnection, func(r *rig) {
		r.Store = override{Store: r.Store, revoke: func(ctx context.Context, id string, at time.Time) error {
			return orElse(r.reference.RevokeSession(ctx, id, at), nil)
		}}
	}},
	{"RevokeUserSessions returns none of a lost connection", lostConnection, func(r *rig) {
		r.Store = override{Store: r.Store, revokeAll: func(ctx context.Context, userID, except string, at, since time.Time) ([]string, error) {
			ids, err := r.reference.RevokeUserSessions(ctx, userID, except, at, since)
			return ids, orElse(err, nil)
		}}
	}},
	{"Authenticate says ErrBadCredentials of a lost connection", lostConnection, func(r *rig) {
		conforming := r.Store
		r.Store = override{Store: conforming, authenticate: func(ctx context.Context, login, password string) (store.User, error) {
			u, err := conforming.Authenticate(ctx, login, password)
			return u, orElse(err, store.ErrBadCredentials)
		}}
	}},
	{"User says ErrNotFound of a lost connection", lostConnection, func(r *rig) {
		conforming := r.Store
		r.Store = override{Store: conforming, user: func(ctx context.Context, id string) (store.User, error) {
			u, err := conforming.User(ctx, id)
			return u, orElse(err, store.ErrNotFound)
		}}
	}},
	{"APIKey says ErrNotFound of a lost connection", lostConnection, func(r *rig) {
		r.APIKeys = overrideKeys{APIKeys: r.reference, key: func(ctx context.Context, digest store.Digest) (store.APIKey, error) {
			k, err := r.reference.APIKey(ctx, digest)
			return k, orElse(err, store.ErrNotFound)
		}}
	}},
	{"SessionDenied says no of a lost connection", lostConnection, func(r *rig) {
		r.Revocations = overrideDenials{Revocations: r.lists, denied: func(ctx context.Context, sid string) (bool, error) {
			is, err := r.lists.SessionDenied(ctx, sid)
			return is, orElse(err, nil)
		}}
	}},
	{"what failed once is not there", "A connection that is back is used", func(r *rig) {
		var gone sync.Map
		r.Store = override{Store: r.Store, session: func(ctx context.Context, id string) (store.Session, error) {
			if _, ok := gone.Load(id); ok {
				return store.Session{}, store.ErrNotFound
			}
			s, err := r.reference.Session(ctx, id)
			if errors.Is(err, errDriver) {
				gone.Store(id, true)
			}
			return s, err
		}}
	}},
}
