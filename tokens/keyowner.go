package tokens

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/tokens/events"
)

// owner returns the owner of a key as they are now, and refused if they may no longer
// use it. The result is what the access tokens of the key are made of: if the owner is
// not a user, its ID is their subject.
func (a *Authority) owner(ctx context.Context, o store.Owner, refused error) (store.User, error) {
	if o.Kind == store.OwnerUser {
		return a.user(ctx, o.ID, refused)
	}
	if a.keyOwner == nil {
		return store.User{}, unavailable("key owner", errors.New("it is no user, and Config.KeyOwner is nil"))
	}
	u, err := a.keyOwner(ctx, o)
	if err == nil {
		err = checkUser(&u)
	}
	if err == nil && u.ID != o.ID {
		err = broken("User.ID", notAsked)
	}
	switch {
	case errors.Is(err, store.ErrNotFound):
		return store.User{}, fmt.Errorf("%w: %w", refused, err)
	case err != nil:
		return store.User{}, unavailable("key owner", err)
	}
	u.ID, u.Login, u.CredentialVersion = o.Subject(), "", ""
	if o.Kind == store.OwnerAccount {
		u.Account = o.ID
	}
	return u, nil
}

// checkOwner returns ErrMalformed for an owner that no store could hold, or that this
// Authority cannot look up.
func (a *Authority) checkOwner(o store.Owner) error {
	switch {
	case o.ID == "" || !isString(o.Subject()) || !isKind(o.Kind):
		return fmt.Errorf("%w: owner", ErrMalformed)
	case o.Kind != store.OwnerUser && a.keyOwner == nil:
		return fmt.Errorf("%w: the owner is no user, and Config.KeyOwner is nil", ErrMalformed)
	}
	return nil
}

func isKind(k store.OwnerKind) bool {
	_, ok := kindOf(k)
	return ok
}

// isOwnerSubject reports whether a user with this ID could be taken for another owner.
func isOwnerSubject(id string) bool {
	return strings.HasPrefix(id, string(store.OwnerAccount)+":") || strings.HasPrefix(id, string(store.OwnerService)+":")
}

// keyEvent returns an event that concerns a key.
func keyEvent(kind events.Kind, k store.APIKey) events.Event {
	e := events.Event{Kind: kind, UserID: k.Owner.Subject(), KeyID: k.ID}
	if k.Owner.Kind == store.OwnerAccount {
		e.Account = k.Owner.ID
	}
	return e
}
