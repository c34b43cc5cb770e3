// Command clients is an API for a single-page app on another origin and for a mobile app.
// cors.go, echo.go, session.js and phone are for a host to copy.
//
//	go run ./examples/recipes/clients -page http://localhost:3000
//
//	curl -i -X OPTIONS -H 'Origin: http://localhost:3000' -H 'Access-Control-Request-Method: GET' -H 'Access-Control-Request-Headers: authorization' localhost:8080/me
//	curl -d client_id=phone -d username=ada --data-urlencode 'password=correct horse & battery' -A "Ada's phone" localhost:8080/login
//	curl -H 'Authorization: Bearer ACCESS_TOKEN' localhost:8080/sessions
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
	page := flag.String("page", "http://localhost:3000", "the origin of the front end")
	onEcho := flag.Bool("echo", false, "serve the routes of the front end with Echo")
	flag.Parse()
	users := must(memstore.New(memstore.Config{}))
	check(users.AddUser(context.Background(), store.User{ID: "u-1", Login: "ada", Tier: "free"}, "correct horse & battery"))
	for _, c := range registered() {
		check(users.SetClient(context.Background(), c))
	}
	app := newAPI
	if *onEcho {
		app = newEchoAPI
	}
	api := must(app(config{origin: "http://" + *addr, pages: []string{*page}, users: users, log: slog.Default(), now: time.Now}))
	_, _ = fmt.Printf("Listening on http://%s. The requests to send are at the head of main.go.\n", *addr)
	server := &http.Server{Addr: *addr, Handler: api, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second}
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
