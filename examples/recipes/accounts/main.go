// Command accounts is an API in which people register, change their password, and reset
// it when they have forgotten it. accounts.go and links.go are for a host to copy.
//
//	go run ./examples/recipes/accounts
//
//	curl -d email=ada@example.com localhost:8080/register
//	curl -d token=TOKEN --data-urlencode 'password=correct horse & battery' localhost:8080/register/confirm
//	curl -d username=ada@example.com --data-urlencode 'password=correct horse & battery' localhost:8080/login
//	curl -H 'Authorization: Bearer ACCESS_TOKEN' --data-urlencode 'password=another horse & battery' localhost:8080/password
//	curl -d email=ada@example.com localhost:8080/password/reset
//	curl -d token=TOKEN --data-urlencode 'password=a third horse & battery' localhost:8080/password/reset/confirm
//
// There is no mail server: the mails are printed, with the TOKEN.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"time"

	"github.com/sallyport-go/sallyport/store/memstore"
)

func main() {
	addr := flag.String("addr", "localhost:8080", "where to listen")
	flag.Parse()
	app := must(newApp(context.Background(), config{
		origin: "http://" + *addr, users: must(memstore.New(memstore.Config{})), log: slog.Default(), now: time.Now,
		mail: func(to, text string) error {
			_, err := fmt.Printf("To: %s\n%s\n\n", to, text)
			return err
		},
	}))
	_, _ = fmt.Printf("Listening on http://%s. The requests to send are at the head of main.go.\n", *addr)
	server := &http.Server{Addr: *addr, Handler: app, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second}
	log.Fatal(server.ListenAndServe())
}

func must[T any](v T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return v
}
