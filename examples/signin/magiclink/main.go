// Command magiclink is an app whose users log in with a link that they get by e-mail,
// and keep their session in cookies. links.go and handlers.go are for a host to copy.
//
//	go run ./examples/signin/magiclink
//
// Open the address that it prints, and ask for a link as ada@example.com. There is no
// mail server: the mail is printed.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/memstore"
)

func main() {
	addr := flag.String("addr", "localhost:8080", "where to listen, and the name that the browser is to use")
	flag.Parse()
	users := must(memstore.New(memstore.Config{}))
	// The login of this user is their e-mail address, and the password is not used.
	ada := store.User{ID: "u-1", Login: "ada@example.com", Tier: "free"}
	check(users.AddUser(context.Background(), ada, "correct horse & battery"))
	app := must(newApp(context.Background(), config{
		origin:    "http://" + *addr,
		users:     users,
		addresses: map[string]string{"ada@example.com": "u-1"},
		mail: func(to, link string) error {
			_, err := fmt.Fprintf(os.Stdout, "To: %s\nYour link, for 10 minutes, in the browser that asked for it:\n%s\n\n", to, link)
			return err
		},
		log: slog.Default(),
		now: time.Now,
	}))
	_, _ = fmt.Printf("Open http://%s and ask for a link as ada@example.com.\n", *addr)
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
