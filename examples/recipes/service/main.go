// Command service is a service as it runs in production: keys in a folder, which are
// replaced without a restart, a health check, and an end that loses no request. Dockerfile,
// compose.yaml, notes.service and notes.socket run it.
//
//	go run ./examples/recipes/service -keys DIR -new       make the first keys
//	go run ./examples/recipes/service -keys DIR            serve
//	go run ./examples/recipes/service -keys DIR -rotate    add a key, which signs in an hour
//	go run ./examples/recipes/service -keys DIR -back ID   let this key sign again, in an hour
//	kill -HUP PID                                          read the keys now, not within 30 s
package main

import (
	"cmp"
	"context"
	"flag"
	"log"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/memstore"
)

func main() {
	addr := flag.String("addr", ":8080", "where to listen, unless systemd passes a socket on")
	folder := flag.String("keys", cmp.Or(os.Getenv("CREDENTIALS_DIRECTORY"), "/run/secrets"), "the folder of the keys")
	drain := flag.Duration("drain", 5*time.Second, "how long requests are accepted after SIGTERM: longer than a load balancer takes to see that /ready says 503")
	first := flag.Bool("new", false, "make the first keys, and end")
	next := flag.Bool("rotate", false, "add a key that signs after -in, and end")
	again := flag.String("back", "", "let the key with this ID sign again after -in, and end")
	in := flag.Duration("in", time.Hour, "when a key signs: when every node and each cache of /jwks.json has it")
	check := flag.String("check", "", "ask this URL, and end with 0 if it answers 200")
	flag.Parse()
	now := time.Now()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	switch {
	case *first:
		fail(newFolder(*folder))
	case *next:
		fail(rotate(*folder, now, now.Add(*in)))
	case *again != "":
		fail(back(*folder, *again, now, now.Add(*in)))
	case *check != "":
		fail(probe(ctx, *check))
	default:
		context.AfterFunc(ctx, stop) // a second signal ends the process at once
		fail(run(ctx, *addr, *folder, *drain))
	}
}

func run(ctx context.Context, addr, folder string, drain time.Duration) error {
	users, err := memstore.New(memstore.Config{}) // a service of yours has a store that survives it
	if err != nil {
		return err
	}
	if err := users.AddUser(ctx, store.User{ID: "u-1", Login: "ada", Tier: "free"}, "correct horse & battery"); err != nil {
		return err
	}
	n, err := newNode(config{origin: "https://notes.example.com", folder: folder, users: users, log: slog.Default(), now: time.Now})
	if err != nil {
		return err
	}
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	go n.follow(ctx, hup, 30*time.Second)
	l, err := listen(ctx, addr)
	if err != nil {
		return err
	}
	return n.serve(ctx, l, drain)
}

func fail(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
