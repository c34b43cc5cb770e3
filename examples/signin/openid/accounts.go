package main

import (
	"context"
	"sync"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/memstore"
)

// identity is a user's name at a provider, for good. A host has a table for it: issuer
// and subject (together the primary key), user_id.
type identity struct{ issuer, subject string }

// accounts are the users with an identity.
type accounts struct {
	users *memstore.Store

	mu  sync.Mutex
	all map[identity]string // the ID of the user
}

// user returns the ID of the user with an identity. Who comes for the first time gets a
// new account, also if there is one with the same e-mail address: a provider may let
// its users choose any address, and addresses are given to other people. To connect
// an existing account, let its user log in to it first, and then through the provider.
func (a *accounts) user(ctx context.Context, p person) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	key := identity{p.issuer, p.subject}
	if id, ok := a.all[key]; ok {
		return id, nil
	}
	id := "u-" + newFlowSecret()[:16]
	// A host whose users need no password stores none.
	if err := a.users.AddUser(ctx, store.User{ID: id, Login: id, Tier: "free"}, newFlowSecret()); err != nil {
		return "", err
	}
	a.all[key] = id
	return id, nil
}
