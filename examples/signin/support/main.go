// Command support is a shop's API whose support staff can act for a customer: for 15
// minutes, with a reason, and with less than the customer may do. The customer sees it
// among their sessions, and ends it like any other. support.go is for a host to copy.
//
//	go run ./examples/signin/support
//
// Open the page that it prints, and act for u-ada. Meanwhile, as the customer:
//
//	curl -d username=ada --data-urlencode 'password=correct horse & battery' localhost:8080/login
//	curl -H 'Authorization: Bearer ACCESS_TOKEN' localhost:8080/account/sessions
//	curl -X DELETE -H 'Authorization: Bearer ACCESS_TOKEN' localhost:8080/account/sessions/ID
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
	addr := flag.String("addr", "localhost:8080", "where to listen")
	flag.Parse()
	users := must(memstore.New(memstore.Config{}))
	for _, u := range people {
		check(users.AddUser(context.Background(), u, "correct horse & battery"))
	}
	app := must(newApp(config{
		origin: "http://" + *addr, users: users, log: slog.Default(), now: time.Now,
		tell: func(customer, text string) { _, _ = fmt.Printf("Mail to %s: %s\n", customer, text) },
	}))
	_, _ = fmt.Printf("Open http://%s/support as mia, with the password that curl has at the head of main.go.\n", *addr)
	server := &http.Server{Addr: *addr, Handler: app, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second}
	log.Fatal(server.ListenAndServe())
}

// people are a customer, two agents of the support, and an administrator.
var people = []store.User{
	{ID: "u-ada", Login: "ada", Tier: "free", Scopes: []string{"orders:read", "orders:write"}},
	{ID: "s-mia", Login: "mia", Tier: "staff", Scopes: []string{"support"}},
	{ID: "s-tom", Login: "tom", Tier: "staff", Scopes: []string{"support", "orders:read"}},
	{ID: "a-eva", Login: "eva", Tier: "staff", Scopes: []string{"admin", "orders:read"}},
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
