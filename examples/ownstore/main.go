// Command ownstore is a shop that keeps Sallyport's sessions in its own database, beside
// the users whom it had before. All that it had to write is in store.go and
// schema.sql; what it had already is in shop.go.
//
//	go run ./examples/ownstore
//
// plays one session through: a login, two refreshes, and a refresh token that
// somebody uses for the second time. With -db FILE the database stays, to be
// looked at with any tool for SQLite.
package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/passwords"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		log.Fatal(err)
	}
}

func run(ctx context.Context, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("ownstore", flag.ContinueOnError)
	file := flags.String("db", "", "the SQLite file (default: one that is removed in the end)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *file == "" {
		folder, err := os.MkdirTemp("", "ownstore-")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(folder) }()
		*file = filepath.Join(folder, "shop.db")
	}
	db, err := open(ctx, *file)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()

	hasher, err := passwords.New(passwords.Config{})
	if err != nil {
		return err
	}
	shop := &Store{db: db, hasher: hasher}
	alice := store.User{
		ID: "7", Login: "alice@example.com", Account: "wonderland ltd",
		Tier: "premium", Seats: 2, Scopes: []string{"orders:read", "orders:write"},
	}
	const password = "correct horse & battery"
	if _, err := shop.Register(ctx, alice, password); err != nil && !errors.Is(err, store.ErrConflict) {
		return err
	}

	authority, err := tokens.New(tokens.Config{
		Store:    shop,
		Issuer:   "https://shop.example",
		Audience: "https://shop.example/api",
		// Made at start, they are good for a look only: with the next start all
		// tokens are void. A host reads them from where it keeps its secrets.
		Keys:        []keys.Key{{Algorithm: "HS256", Secret: keys.NewSecret()}},
		RefreshKeys: []keys.Secret{keys.NewSecret()},
	})
	if err != nil {
		return err
	}
	// What has expired since the last time is forgotten. A host that goes on does
	// so every hour: go authority.SweepEvery(ctx, time.Hour).
	if _, err := authority.Sweep(ctx); err != nil {
		return err
	}
	return play(ctx, log.New(stdout, "", 0), authority, shop, tokens.LoginRequest{Login: alice.Login, Password: password})
}

// play is a session from its login to its end.
func play(ctx context.Context, story *log.Logger, authority *tokens.Authority, shop *Store, login tokens.LoginRequest) error {
	first, err := authority.Login(ctx, login)
	if err != nil {
		return err
	}
	p := first.Principal
	story.Printf("%s logs in: account %q, tier %q, %d seats, scope %q", login.Login, p.Account, p.Tier, p.Seats, p.Scope)

	second, err := authority.Refresh(ctx, tokens.RefreshRequest{Token: first.RefreshToken})
	if err != nil {
		return err
	}
	story.Println("the first refresh token is exchanged for a second")

	third, err := authority.Refresh(ctx, tokens.RefreshRequest{Token: second.RefreshToken})
	if err != nil {
		return err
	}
	story.Println("the second is exchanged for a third")

	_, err = authority.Refresh(ctx, tokens.RefreshRequest{Token: second.RefreshToken})
	story.Println("the second comes again:", err)
	_, err = authority.Refresh(ctx, tokens.RefreshRequest{Token: third.RefreshToken})
	story.Println("so the third is void, too:", err)

	left, err := shop.UserSessions(ctx, p.Subject, store.Newest(), store.MaxPage)
	story.Println("sessions left:", len(left))
	return err
}
