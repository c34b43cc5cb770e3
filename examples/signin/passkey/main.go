// Command passkey is an app whose users log in with a passkey, and keep their session in
// cookies. passkeys.go, ceremonies.go and handlers.go are for a host to copy.
//
//	go run ./examples/signin/passkey
//
// Open the address that it prints, log in as ada with the password that it prints too,
// add a passkey, log out, and log in with the passkey.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/memstore"
)

func main() {
	addr := flag.String("addr", "localhost:8080", "where to listen, and the name that the browser is to use; it must be localhost")
	flag.Parse()
	users := must(memstore.New(memstore.Config{}))
	ada := store.User{ID: "u-1", Login: "ada", Tier: "free"}
	check(users.AddUser(context.Background(), ada, "correct horse & battery"))
	app := must(newApp(config{domain: "localhost", origin: "http://" + *addr, users: users, log: slog.Default(), now: time.Now}))
	_, _ = fmt.Printf("Open http://%s. ada's password is: correct horse & battery\n", *addr)
	server := &http.Server{Addr: *addr, Handler: app, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second}
	log.Fatal(server.ListenAndServe())
}

func must[T any](v T, err error) T {
	check(err)
	return v
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
