// Command echov5app is an API on Echo v5, a library's, with Sallyport in it. Read it in
// this order:
//
//	auth.go     1. The users and sessions. 2. The Authority issues tokens. 3. The
//	            Auth is created from the app's IPExtractor. 4. The routes are mounted
//	            behind its middleware.
//	library.go  The app's own handlers, and 5. its error handler, which answers
//	            rejected requests in the app's format.
//
// For users in an existing table see examples/echoapp, which is on Echo v4.
//
// To try it:
//
//	go run ./examples/echov5app
//
//	curl localhost:8080/books
//	curl -d username=ada --data-urlencode 'password=correct horse' localhost:8080/login
//	curl -H 'Authorization: Bearer ACCESS_TOKEN' localhost:8080/account/loans
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
	flags := flag.NewFlagSet("echov5app", flag.ContinueOnError)
	addr := flags.String("addr", "127.0.0.1:8080", "where to listen")
	if err := flags.Parse(args); err != nil {
		return err
	}
	e := newEcho()
	auth, err := newAuth(ctx, e.IPExtractor)
	if err != nil {
		return err
	}
	mount(e, auth)

	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", *addr)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(stdout, "listening on http://%s\n", listener.Addr())

	server := &http.Server{Handler: e, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second}
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
