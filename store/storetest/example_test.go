package storetest_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/memstore"
	"github.com/sallyport-go/sallyport/store/passwords"
	"github.com/sallyport-go/sallyport/store/storetest"
)

// A host says what its store can do, and the suite tries each rule. In a test it
// is storetest.Run(t, open), with a function that returns the Fixture.
func Example() {
	fmt.Println(storetest.Check(context.Background(), fixture(newStore())))
	// Output:
	// <nil>
}

// AdvanceSession must compare the generation in the write itself. This store does
// not, so that a refresh token can be used more than once.
func ExampleCheck_wrong() {
	s := newStore()
	f := fixture(s)
	f.Store = unguarded{s}
	err := storetest.Check(context.Background(), f)
	failure, _ := errors.AsType[*storetest.Failure](err)
	fmt.Println("rule:", failure.Rule)
	fmt.Println("says:", failure.Says)
	// Output:
	// rule: AdvanceSession has exactly one winner
	// says: Of any number of callers with the same from exactly one gets nil.
}

// unguarded is a store whose AdvanceSession ignores the generation.
type unguarded struct{ *memstore.Store }

func (u unguarded) AdvanceSession(ctx context.Context, id string, _ int64, at, idleUntil time.Time) error {
	s, err := u.Session(ctx, id)
	if err != nil {
		return err
	}
	return u.Store.AdvanceSession(ctx, id, s.Generation, at, idleUntil)
}

func newStore() *memstore.Store {
	weak, err := passwords.New(passwords.Config{Memory: 64, Time: 1, InsecureParameters: true}) // for a test
	if err != nil {
		panic(err)
	}
	s, err := memstore.New(memstore.Config{Passwords: weak})
	if err != nil {
		panic(err)
	}
	return s
}

func fixture(s *memstore.Store) storetest.Fixture {
	return storetest.Fixture{
		Store: s, APIKeys: s,
		AddUser: func(ctx context.Context, u store.User, password string) (store.User, error) {
			if err := s.AddUser(ctx, u, password); err != nil {
				return store.User{}, err
			}
			return s.User(ctx, u.ID)
		},
		SetPassword: s.SetPassword,
		LockOut:     s.RemoveUser,
		Many:        1000,

		ForgetsExpired: true, // memstore does so by itself
	}
}
