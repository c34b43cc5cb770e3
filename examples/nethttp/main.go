// Command nethttp is a newspaper's API in plain net/http: the shortest host that
// is complete. Its readers log in; anybody may list the articles, so many times
// an hour; only who holds the scope articles:write may delete one.
//
//	go run ./examples/nethttp
//
//	curl localhost:8080/articles
//	curl -d username=alice --data-urlencode 'password=correct horse & battery' localhost:8080/login
//	curl -H 'Authorization: Bearer ACCESS_TOKEN' localhost:8080/me
//	curl -d refresh_token=REFRESH_TOKEN localhost:8080/refresh
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/clientip"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/memstore"
	"github.com/sallyport-go/sallyport/tokens"
	"github.com/sallyport-go/sallyport/tokens/events"
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

// newAPI mounts Sallyport: a store, an Authority that issues tokens, an Auth, and the
// routes behind its middleware.
func newAPI(ctx context.Context) (http.Handler, error) {
	// Users and sessions in memory, gone with the process; examples/ownstore
	// shows how a host keeps them in its own database.
	users, err := memstore.New(memstore.Config{})
	if err != nil {
		return nil, err
	}
	alice := store.User{ID: "7", Login: "alice", Tier: "reader", Scopes: []string{"articles:read", "articles:write"}}
	if err := users.AddUser(ctx, alice, "correct horse & battery"); err != nil {
		return nil, err
	}

	authority, err := tokens.New(tokens.Config{
		Store:    users,
		Issuer:   "https://news.example",
		Audience: "https://news.example/api",
		// Made at start, so a restart logs everybody out. In production they come
		// from where the host keeps its secrets, the same ones on every node.
		Keys:        []keys.Key{{Algorithm: "HS256", Secret: keys.NewSecret()}},
		RefreshKeys: []keys.Secret{keys.NewSecret()},
		Events:      events.Log(slog.Default()),
	})
	if err != nil {
		return nil, err
	}
	auth, err := middleware.New(middleware.Config{
		Tokens:   authority,
		ClientIP: clientip.RemoteAddr, // there is no proxy in front
		Tiers: ratelimit.Tiers{
			ratelimit.Anonymous: {Limit: 100, Period: time.Hour, Algorithm: ratelimit.GCRA},
			"reader":            {Limit: 500, Period: time.Hour, Algorithm: ratelimit.GCRA},
		},
	})
	if err != nil {
		return nil, err
	}

	mux := http.NewServeMux()
	mux.HandleFunc("/login", auth.Login)
	mux.HandleFunc("/refresh", auth.Refresh)
	mux.HandleFunc("/logout", auth.Logout)
	// anonymous callers are counted by address, readers by their account
	mux.Handle("GET /articles", auth.OptionalBearer(auth.Limit(http.HandlerFunc(list))))
	// for logged-in users
	mux.Handle("GET /me", auth.Protect(http.HandlerFunc(me)))
	// for editors
	mux.Handle("DELETE /articles/{id}", auth.Protect(auth.RequireScope("articles:write")(http.HandlerFunc(remove))))
	return mux, nil
}

func list(w http.ResponseWriter, r *http.Request) {
	if p, ok := tokens.PrincipalFrom(r.Context()); ok {
		_, _ = fmt.Fprintf(w, "articles that reader %s has not read yet\n", p.Subject)
		return
	}
	_, _ = fmt.Fprintln(w, "articles")
}

func me(w http.ResponseWriter, r *http.Request) {
	p, _ := tokens.PrincipalFrom(r.Context()) // behind Protect there is always one
	_, _ = fmt.Fprintf(w, "reader %s, who may %s\n", p.Subject, p.Scope)
}

func remove(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }

// run serves until ctx is done, and then finishes what it has begun.
func run(ctx context.Context, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("nethttp", flag.ContinueOnError)
	addr := flags.String("addr", "127.0.0.1:8080", "where to listen")
	if err := flags.Parse(args); err != nil {
		return err
	}
	api, err := newAPI(ctx)
	if err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", *addr)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(stdout, "listening on http://%s\n", listener.Addr())

	server := &http.Server{
		Handler:           api,
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
