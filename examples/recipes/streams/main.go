// Command streams is an API that sends news over EventSource and WebSocket, which can set
// no Authorization header: a ticket of ten seconds opens a stream, once, and the stream
// ends with the session. tickets.go, watch.go and streams.go are for a host to copy.
//
//	go run ./examples/recipes/streams
//
//	curl -d username=ada --data-urlencode 'password=correct horse & battery' localhost:8080/login
//	curl -H 'Authorization: Bearer ACCESS_TOKEN' -d for=/events localhost:8080/tickets
//	curl -N 'localhost:8080/events?ticket=TICKET'
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
	check(users.AddUser(context.Background(), store.User{ID: "u-1", Login: "ada", Tier: "free"}, "correct horse & battery"))
	app := must(newApp(config{origin: "http://" + *addr, store: users, news: clock(time.Second), log: slog.Default(), now: time.Now}))
	_, _ = fmt.Printf("Listening on http://%s. The requests to send are at the head of main.go.\n", *addr)
	server := &http.Server{Addr: *addr, Handler: app, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second}
	log.Fatal(server.ListenAndServe())
}

// clock is news: what time it is.
func clock(every time.Duration) func(context.Context, string) <-chan string {
	return func(ctx context.Context, _ string) <-chan string {
		news := make(chan string)
		go func() {
			tick := time.NewTicker(every)
			defer tick.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case at := <-tick.C:
					select {
					case news <- at.Format(time.TimeOnly):
					case <-ctx.Done():
						return
					}
				}
			}
		}()
		return news
	}
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
