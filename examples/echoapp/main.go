// Command echoapp adds Sallyport to an existing API on Echo, a bookshop's. Read it in
// this order:
//
//	shop.go    The existing app: customers, routes, errors, middleware.
//	           Lines that were added are marked "new".
//	users.go   1. The store returns the shop's customers as users.
//	auth.go    2. The Authority issues tokens. 3. The Auth is created. 4. The
//	           routes are mounted behind its middleware.
//	shop.go    5. The shop's own error handler answers rejected requests.
//
// To try it:
//
//	go run ./examples/echoapp
//
//	curl localhost:8080/books
//	curl -d username=alice@example.com --data-urlencode 'password=correct horse & battery' localhost:8080/login
//	curl -H 'Authorization: Bearer ACCESS_TOKEN' localhost:8080/account/orders
//	curl -d refresh_token=REFRESH_TOKEN localhost:8080/refresh
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		log.Fatal(err)
	}
}

// run serves until ctx is done. Then it finishes the requests in progress.
func run(ctx context.Context, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("echoapp", flag.ContinueOnError)
	addr := flags.String("addr", "127.0.0.1:8080", "where to listen")
	if err := flags.Parse(args); err != nil {
		return err
	}
	s, e := newShop(), newEcho()
	auth, err := newAuth(s, e.IPExtractor) // new
	if err != nil {
		return err
	}
	s.mount(e, auth)

	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", *addr)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(stdout, "listening on http://%s\n", listener.Addr())

	server := &http.Server{
		Handler:           e,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return server.Shutdown(grace)
}
