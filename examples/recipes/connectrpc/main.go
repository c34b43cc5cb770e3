// Command connectrpc is a service with procedures over Connect, gRPC and gRPC-Web, which
// verifies tokens, counts requests, and answers refusals with the codes of these
// protocols. guard.go is for a host to copy.
//
//	go run ./examples/recipes/connectrpc
//
//	curl -d username=ada --data-urlencode 'password=correct horse & battery' localhost:8080/login
//	curl -H 'Authorization: Bearer ACCESS_TOKEN' --json '"note 1"' localhost:8080/notes.v1.Notes/Read
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
	ada := store.User{ID: "u-1", Login: "ada", Tier: "free", Scopes: []string{"read", "write"}}
	check(users.AddUser(context.Background(), ada, "correct horse & battery"))
	service := must(newService(config{origin: "http://" + *addr, users: users, log: slog.Default(), now: time.Now}))
	_, _ = fmt.Printf("Listening on http://%s. The requests to send are at the head of main.go.\n", *addr)
	// gRPC needs HTTP/2, here without TLS.
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{
		Addr: *addr, Handler: service, Protocols: protocols,
		ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 2 * time.Minute, // ReadTimeout would end streams of the client
		MaxHeaderBytes: 16 << 10, // the metadata of gRPC
	}
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
