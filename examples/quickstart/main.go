// Command quickstart is a small API with everything that Sallyport has in front
// of it: the routes of a Symfony API, of a FastAPI application and of the
// standard, all on one store. It prints demo users and the curl lines to try it
// with.
//
//	go run ./examples/quickstart
//
// What it knows is gone when it stops, unless it is told to keep it:
//
//	go run ./examples/quickstart -key key.pem -store sqlite:auth.db
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
	"sync"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1) //nolint:gocritic // nothing is left to stop
	}
}

// options are what the flags say.
type options struct {
	addr          string
	store         string
	keyFile       string
	passwordGrant bool
	retryGrace    time.Duration
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("quickstart", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&o.addr, "addr", "127.0.0.1:8080", "where to listen")
	f.StringVar(&o.store, "store", "memory", "where to keep users, sessions and API keys: memory, sqlite:FILE,\n"+
		"postgres://user:password@host/database, mysql://user:password@host/database,\n"+
		"or redis://host:6379/0 (where the users, whom Redis does not keep, are in memory)")
	f.StringVar(&o.keyFile, "key", "", "keep the signing key in this file (PEM); made if it is not there")
	f.BoolVar(&o.passwordGrant, "password-grant", false, "serve grant_type=password at /oauth/token, too")
	f.DurationVar(&o.retryGrace, "retry-grace", 0, "answer a refresh token again for this long after its first use")
	if err := f.Parse(args); err != nil {
		return options{}, err
	}
	if f.NArg() > 0 {
		return options{}, fmt.Errorf("unknown argument %q", f.Arg(0))
	}
	return o, nil
}

// run serves until ctx is done.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	s, err := open(ctx, o.store)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(stderr, nil))
	return errors.Join(listen(ctx, o, s, stdout, log), s.close())
}

// listen serves at o.addr until ctx is done.
func listen(ctx context.Context, o options, s stores, stdout io.Writer, log *slog.Logger) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", o.addr)
	if err != nil {
		return err
	}
	base := "http://" + listener.Addr().String()
	host, err := newHost(ctx, o, s, base, log)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	host.introduce(stdout, base)
	ctx, stop := context.WithCancel(ctx)
	var sweeping sync.WaitGroup
	defer sweeping.Wait()
	defer stop()
	sweeping.Go(func() { host.authority.SweepEvery(ctx, time.Hour) })

	server := &http.Server{
		Handler:           host.routes(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
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
	if err := server.Shutdown(grace); err != nil {
		return err
	}
	if err := <-done; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
