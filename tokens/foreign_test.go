package tokens_test

import (
	"context"

	"github.com/sallyport-go/sallyport/store"
)

// foreign is a store that alters what it gives out.
type foreign struct {
	*storeSpy
	user    func(*store.User)
	session func(*store.Session)
	key     func(*store.APIKey)
	client  func(*store.Client)
}

func (f *foreign) Authenticate(ctx context.Context, login, password string) (store.User, error) {
	u, err := f.storeSpy.Authenticate(ctx, login, password)
	if err == nil && f.user != nil {
		f.user(&u)
	}
	return u, err
}

func (f *foreign) User(ctx context.Context, id string) (store.User, error) {
	u, err := f.storeSpy.User(ctx, id)
	if err == nil && f.user != nil {
		f.user(&u)
	}
	return u, err
}

func (f *foreign) Session(ctx context.Context, id string) (store.Session, error) {
	s, err := f.storeSpy.Session(ctx, id)
	if err == nil && f.session != nil {
		f.session(&s)
	}
	return s, err
}

func (f *foreign) APIKey(ctx context.Context, digest store.Digest) (store.APIKey, error) {
	k, err := f.storeSpy.APIKey(ctx, digest)
	if err == nil && f.key != nil {
		f.key(&k)
	}
	return k, err
}

func (f *foreign) APIKeyByID(ctx context.Context, id string) (store.APIKey, error) {
	k, err := f.storeSpy.APIKeyByID(ctx, id)
	if err == nil && f.key != nil {
		f.key(&k)
	}
	return k, err
}

func (f *foreign) Client(ctx context.Context, id string) (store.Client, error) {
	c, err := f.storeSpy.Client(ctx, id)
	if err == nil && f.client != nil {
		f.client(&c)
	}
	return c, err
}
