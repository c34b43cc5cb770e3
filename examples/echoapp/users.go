package main

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/passwords"
)

// 1. users is a store.Store: who may come in is the shop's to say, from its own
// table; which sessions are open is remembered by another store, whatever it is.
type users struct {
	store.Sessions

	shop   *shop
	hasher *passwords.Hasher
}

// Authenticate verifies the bcrypt hashes that the shop has always had. A login
// that is unknown, or closed, costs a hash too: else the time that it takes to
// refuse tells everybody who is a customer.
func (u users) Authenticate(ctx context.Context, login, password string) (store.User, error) {
	c, ok := u.shop.customer(func(c customer) bool { return c.email == login })
	renew := false
	var err error
	if ok {
		renew, err = u.hasher.Verify(ctx, c.hash, password)
	} else {
		err = u.hasher.VerifyUnknown(ctx, password)
	}
	switch {
	case errors.Is(err, passwords.ErrMismatch):
		return store.User{}, store.ErrBadCredentials
	case err != nil: // too many logins at once, or a row that cannot be read: 503
		return store.User{}, err
	}
	if renew { // and so the bcrypt hashes become argon2id, one login after the other
		u.renew(ctx, c, password)
	}
	return c.user(), nil
}

// User is asked at each refresh: what has changed in the table since, or was
// closed, changes the next token.
func (u users) User(ctx context.Context, id string) (store.User, error) {
	if err := ctx.Err(); err != nil {
		return store.User{}, err
	}
	// not by Atoi(id): "007" is no ID of customer 7
	c, ok := u.shop.customer(func(c customer) bool { return strconv.Itoa(c.number) == id })
	if !ok {
		return store.User{}, store.ErrNotFound
	}
	return c.user(), nil
}

// user is a customer in Sallyport's words. The company's customers share one
// quota; what they may do comes from what they are.
func (c customer) user() store.User {
	u := store.User{
		ID: strconv.Itoa(c.number), Login: c.email,
		Account: c.company, Tier: c.plan, Seats: c.licences,
		Scopes: []string{"orders:read"},
	}
	if c.clerk {
		u.Scopes = append(u.Scopes, "books:write")
	}
	return u
}

// customer returns the one that is, of those whose account is open.
func (s *shop) customer(is func(customer) bool) (customer, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	i := slices.IndexFunc(s.customers, func(c customer) bool { return !c.closed && is(c) })
	if i < 0 {
		return customer{}, false
	}
	return s.customers[i], true
}

// renew leaves a password alone that was changed meanwhile. If it fails, the
// next login tries again.
func (u users) renew(ctx context.Context, old customer, password string) {
	hash, err := u.hasher.Hash(ctx, password)
	if err != nil {
		return
	}
	u.shop.mu.Lock()
	defer u.shop.mu.Unlock()
	for i := range u.shop.customers {
		if c := &u.shop.customers[i]; c.number == old.number && c.hash == old.hash {
			c.hash = hash
		}
	}
}
