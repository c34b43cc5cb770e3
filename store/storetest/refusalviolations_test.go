package storetest_test

import (
	"context"
	"sync"

	"github.com/sallyport-go/sallyport/store"
)

// refusals are the users whom a host refuses in words of its own.
type refusals struct{ ids sync.Map }

func (r *refusals) add(_ context.Context, id string) error {
	r.ids.Store(id, true)
	return nil
}

// wordy are users of whom the host refuses some.
type wordy struct {
	store.Users

	refused *refusals
}

func (w wordy) Authenticate(ctx context.Context, login, password string) (store.User, error) {
	u, err := w.Users.Authenticate(ctx, login, password)
	if _, refused := w.refused.ids.Load(u.ID); err == nil && refused {
		return store.User{}, &store.RefusalError{UserID: u.ID, Code: "user_not_verified", Description: "Confirm your address."}
	}
	return u, err
}

const onlyWithPassword = "Authenticate refuses in the host's words only who has the right password"

// refusesAs replaces how Authenticate refuses the users that the host refuses.
func refusesAs(authenticate func(r *rig, ctx context.Context, login, password string) (store.User, error)) func(r *rig) {
	return func(r *rig) {
		r.Refuse = func(context.Context, string) error { return nil }
		r.Store = override{Store: r.Store, authenticate: func(ctx context.Context, login, password string) (store.User, error) {
			return authenticate(r, ctx, login, password)
		}}
	}
}

var refusalViolations = []violation{
	{"Authenticate refuses before it looks at the password", onlyWithPassword, refusesAs(func(*rig, context.Context, string, string) (store.User, error) {
		return store.User{}, &store.RefusalError{Code: "account_locked", Description: "Locked."}
	})},
	{"Authenticate asks for a second factor before it looks at the password", onlyWithPassword, refusesAs(func(*rig, context.Context, string, string) (store.User, error) {
		return store.User{}, &store.SecondFactorError{Methods: []string{"otp"}}
	})},
	{"Authenticate has no words for the user whom the host refuses", onlyWithPassword, refusesAs(func(r *rig, ctx context.Context, login, password string) (store.User, error) {
		if _, err := r.users.Authenticate(ctx, login, password); err != nil {
			return store.User{}, err
		}
		return store.User{}, store.ErrBadCredentials
	})},
	{"Authenticate lets in whom the host refuses", onlyWithPassword, refusesAs(func(r *rig, ctx context.Context, login, password string) (store.User, error) {
		return r.users.Authenticate(ctx, login, password)
	})},
}
