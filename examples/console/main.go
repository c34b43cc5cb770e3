// Command console is a page on which users look after their account: what is left of
// their quota, the devices where they are signed in, and their API keys. The page is in
// the folder web, without a build step; host.go serves it. Both are for a host to copy.
//
//	go run ./examples/console
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/memstore"
	"github.com/sallyport-go/sallyport/tokens/keys"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "console:", err)
		os.Exit(1) //nolint:gocritic // nothing is left to stop
	}
}

const demoPassword = "correct horse & battery"

var demoUsers = []store.User{
	{ID: "u-ada", Login: "ada", Account: "a-ada", Tier: "free", Seats: 1, Scopes: []string{"read", "write"}},
	{ID: "u-bob", Login: "bob", Account: "a-bob", Tier: "premium", Seats: 3, Scopes: []string{"read", "write"}},
}

// run serves until ctx is done.
func run(ctx context.Context, args []string, stdout io.Writer) error {
	f := flag.NewFlagSet("console", flag.ContinueOnError)
	addr := f.String("addr", "127.0.0.1:8080", "where to listen")
	if err := f.Parse(args); err != nil {
		return ignored(err, flag.ErrHelp)
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", *addr)
	if err != nil {
		return err
	}
	users, err := memstore.New(memstore.Config{})
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	for _, u := range demoUsers {
		if err := users.AddUser(ctx, u, demoPassword); err != nil {
			return errors.Join(err, listener.Close())
		}
	}
	origin := "http://" + listener.Addr().String()
	host, err := newHost(config{
		origin: origin, store: users, signing: keys.NewSecret(), refresh: keys.NewSecret(),
		log: slog.New(slog.NewTextHandler(os.Stderr, nil)), now: time.Now,
	})
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	_, _ = fmt.Fprintf(stdout, "Open %s and sign in as %s or %s with the password: %s\n",
		origin, demoUsers[0].Login, demoUsers[1].Login, demoPassword)
	server := &http.Server{
		Handler: host, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute,
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return errors.Join(server.Shutdown(grace), ignored(<-done, http.ErrServerClosed))
}

// ignored returns err, or nil if it is this one.
func ignored(err, this error) error {
	if errors.Is(err, this) {
		return nil
	}
	return err
}
