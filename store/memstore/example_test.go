package memstore_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/memstore"
)

func Example() {
	ctx := context.Background()
	users, err := memstore.New(memstore.Config{})
	if err != nil {
		panic(err)
	}
	err = users.AddUser(ctx, store.User{ID: "u1", Login: "ada", Tier: "free", Seats: 1}, "correct horse & battery")
	if err != nil {
		panic(err)
	}

	// Authenticate returns the user, or ErrBadCredentials without a reason.
	ada, err := users.Authenticate(ctx, "ada", "correct horse & battery")
	fmt.Println(ada.ID, ada.Tier, err)
	_, err = users.Authenticate(ctx, "ada", "correct horse")
	fmt.Println(errors.Is(err, store.ErrBadCredentials))
	_, err = users.Authenticate(ctx, "grace", "correct horse")
	fmt.Println(errors.Is(err, store.ErrBadCredentials))

	// What is known of a user may change; the next refresh will see it.
	ada.Tier, ada.Seats = "premium", 2
	if err := users.SetUser(ctx, ada); err != nil {
		panic(err)
	}
	ada, err = users.User(ctx, "u1")
	fmt.Println(ada.Tier, ada.Seats, err)

	// A user who is removed gets no new token.
	if err := users.RemoveUser(ctx, "u1"); err != nil {
		panic(err)
	}
	_, err = users.User(ctx, "u1")
	fmt.Println(errors.Is(err, store.ErrNotFound))
	// Output:
	// u1 free <nil>
	// true
	// true
	// premium 2 <nil>
	// true
}
