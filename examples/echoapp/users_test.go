package main

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport-go/sallyport/internal/skip"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/memstore"
	"github.com/sallyport-go/sallyport/store/passwords"
	"github.com/sallyport-go/sallyport/store/storetest"
)

// The other tests log in within the time that a login may take: not beside so many calls.
func TestStore(t *testing.T) { //nolint:paralleltest // see above
	skip.Long(t)
	storetest.Run(t, open)
}

// open gives the suite an empty shop. What the suite calls a user is made a
// customer as far as the shop has such customers: it gives them its own number,
// and scopes by what they are.
func open(t *testing.T) storetest.Fixture {
	t.Helper()
	u := newUsers(t, new(shop))
	return storetest.Fixture{
		Store: u,
		AddUser: func(ctx context.Context, n store.User, password string) (store.User, error) {
			hash, err := u.hasher.Hash(ctx, password)
			if err != nil {
				return store.User{}, err
			}
			u.shop.mu.Lock()
			defer u.shop.mu.Unlock()
			c := customer{
				number: 1001 + len(u.shop.customers), email: n.Login, hash: hash,
				company: n.Account, plan: n.Tier, licences: n.Seats,
			}
			u.shop.customers = append(u.shop.customers, c)
			return c.user(), nil
		},
		LockOut: func(_ context.Context, id string) error {
			u.shop.mu.Lock()
			defer u.shop.mu.Unlock()
			i := slices.IndexFunc(u.shop.customers, func(c customer) bool { return c.user().ID == id })
			u.shop.customers[i].closed = true
			return nil
		},
		ForgetsExpired: true, // memstore does
	}
}

func newUsers(t *testing.T, s *shop) users {
	t.Helper()
	// A third of the default's work. Any less, and the suite skips the rule that an
	// unknown login takes about the same work.
	hasher, err := passwords.New(passwords.Config{Memory: 12 << 10, Time: 1, Threads: 1, InsecureParameters: true})
	if err != nil {
		t.Fatal(err)
	}
	sessions, err := memstore.New(memstore.Config{Passwords: hasher})
	if err != nil {
		t.Fatal(err)
	}
	return users{sessions, s, hasher}
}

func TestALoginRenewsTheHashFromBefore(t *testing.T) {
	t.Parallel()
	u := newUsers(t, newShop())
	for range 2 {
		if _, err := u.Authenticate(t.Context(), "alice@example.com", alices); err != nil {
			t.Fatal(err)
		}
		if got := u.shop.customers[0].hash; !strings.HasPrefix(got, "$argon2id$") {
			t.Errorf("after a login the hash is %s", got)
		}
	}
	if got := u.shop.customers[1].hash; !strings.HasPrefix(got, "$2a$") {
		t.Errorf("the hash of somebody else has become %s", got)
	}
}
