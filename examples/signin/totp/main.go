// Command totp is an API whose users log in with a password and, once they have set up
// an authenticator app, with one of its codes too (RFC 6238). factors.go and handlers.go
// are for a host to copy.
//
//	go run ./examples/signin/totp
//
//	curl -d username=ada --data-urlencode 'password=correct horse & battery' localhost:8080/login
//	curl -X POST -H 'Authorization: Bearer ACCESS_TOKEN' localhost:8080/account/totp
//	curl -H 'Authorization: Bearer ACCESS_TOKEN' -d code=123456 localhost:8080/account/totp/confirm
//	curl -d username=ada --data-urlencode 'password=correct horse & battery' localhost:8080/login
//	curl -d step_token=STEP_TOKEN -d code=123456 localhost:8080/login/complete
//
// The second request answers with a URL for the authenticator app. The fourth one gets a
// step token instead of tokens.
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
	ada := store.User{ID: "u-1", Login: "ada", Tier: "free"}
	check(users.AddUser(context.Background(), ada, "correct horse & battery"))
	app := must(newApp(config{origin: "http://" + *addr, users: users, log: slog.Default(), now: time.Now}))
	_, _ = fmt.Printf("Listening on http://%s. The requests to send are at the head of main.go.\n", *addr)
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
