package passwords_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/netip"

	"github.com/sallyport-go/sallyport/store/passwords"
)

// A store checks a login: an unknown login costs as much work as a wrong password,
// and a hash of an older scheme is renewed while the password is known.
func Example() {
	hasher, err := passwords.New(passwords.Config{})
	if err != nil {
		log.Fatal(err)
	}

	// The users' table. The hashes that an older system stored are still accepted.
	hashes := map[string]string{
		"ada": "$2y$04$i7GFTsBitkOfcIHjVMFmv.H1CDuqgTGBNXRdnesRCYeTYDvJSRC0e",
	}

	authenticate := func(ctx context.Context, login, password string) error {
		encoded, ok := hashes[login]
		if !ok {
			// Not simply ErrMismatch: that answer would be so fast that it reveals who
			// has an account.
			return hasher.VerifyUnknown(ctx, password)
		}
		renew, err := hasher.Verify(ctx, encoded, password)
		if err != nil {
			return err
		}
		if renew {
			if encoded, err := hasher.Hash(ctx, password); err == nil {
				hashes[login] = encoded
			} // otherwise the next login renews it
		}
		return nil
	}

	for _, try := range [][2]string{
		{"ada", "correct horse & battery+staple%20"},
		{"ada", "correct horse"},
		{"bob", "correct horse"},
	} {
		switch err := authenticate(context.Background(), try[0], try[1]); {
		case err == nil:
			fmt.Println(try[0], "is logged in; the hash begins with", hashes[try[0]][:31])
		case errors.Is(err, passwords.ErrMismatch):
			fmt.Println(try[0], "is rejected") // 401
		default:
			fmt.Println("try again later:", err) // 503: busy, or a row that cannot be read
		}
	}
	// Output:
	// ada is logged in; the hash begins with $argon2id$v=19$m=19456,t=2,p=1$
	// ada is rejected
	// bob is rejected
}

// With WithCaller the hasher shares its turns out by address and by login, so that the
// logins of one caller do not delay all others.
func ExampleWithCaller() {
	hasher, err := passwords.New(passwords.Config{})
	if err != nil {
		log.Fatal(err)
	}
	ctx := passwords.WithCaller(context.Background(), netip.MustParseAddr("192.0.2.7"), "ada")
	encoded, err := hasher.Hash(ctx, "correct horse")
	if errors.Is(err, passwords.ErrBusy) {
		log.Fatal("503, with the Retry-After of the error")
	}
	renew, err := hasher.Verify(ctx, encoded, "correct horse")
	fmt.Println(renew, err)
	// Output:
	// false <nil>
}
