// Command openid is an app whose users log in through another OpenID provider, and keep
// their session in cookies. provider.go, handlers.go and accounts.go are for a host to
// copy.
//
//	go run ./examples/signin/openid
//
// Open the address that it prints. Without -issuer the program is its own provider,
// where everybody may log in as anybody. With yours, whose redirect URL for this client
// is http://localhost:8080/login/callback:
//
//	CLIENT_SECRET=... go run ./examples/signin/openid -issuer https://accounts.example.com -client-id app
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/sallyport-go/sallyport/store/memstore"
)

func main() {
	addr := flag.String("addr", "localhost:8080", "where to listen, and the name that the browser is to use")
	demoAddr := flag.String("demo", "localhost:8081", "where the program's own provider listens, without -issuer")
	issuer := flag.String("issuer", "", "the URL of the OpenID provider")
	clientID := flag.String("client-id", "app", "the ID of this app at the provider")
	flag.Parse()
	c := config{
		origin: "http://" + *addr, issuer: *issuer, clientID: *clientID, clientSecret: cmp.Or(os.Getenv("CLIENT_SECRET"), "sesame"),
		users: must(memstore.New(memstore.Config{})), log: slog.Default(), now: time.Now,
	}
	if c.issuer == "" {
		c.issuer = "http://" + *demoAddr
		demo := must(newDemoProvider(c))
		go func() { log.Fatal(serve(*demoAddr, demo)) }()
	}
	app := must(newApp(context.Background(), c))
	_, _ = fmt.Printf("Open http://%s\n", *addr)
	log.Fatal(serve(*addr, app))
}

func serve(addr string, h http.Handler) error {
	server := &http.Server{Addr: addr, Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second}
	return server.ListenAndServe()
}

func must[T any](v T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return v
}
