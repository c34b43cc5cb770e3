// Command plans tells the story of a customer who outgrows a plan. They spend an
// hour's requests, knock on, and upgrade: the next request comes in at once, and
// all the knocking has cost nothing. With -redis the counters are on a Redis that
// many nodes share, and the program says how often it was asked.
//
//	go run ./examples/plans
//	go run ./examples/plans -redis redis://127.0.0.1:6379/0
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"sync/atomic"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/ratelimit/rediscounters"
	"github.com/sallyport-go/sallyport/store/redisstore"
)

func main() {
	if err := run(context.Background(), os.Args[1:], os.Stdout); err != nil && !errors.Is(err, flag.ErrHelp) {
		log.Fatal(err)
	}
}

// knocks is how often the customer tries again when everything is spent.
const knocks = 1000

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("plans", flag.ContinueOnError)
	flags.SetOutput(out)
	url := flags.String("redis", "", "the Redis that counts; empty: this process's memory")
	if err := flags.Parse(args); err != nil {
		return err
	}
	counters, asked := ratelimit.Memory(), func() int64 { return 0 }
	if *url != "" {
		client, shared, err := onRedis(*url)
		if err != nil {
			return err
		}
		defer func() { _ = client.Close() }()
		hook := &hook{}
		client.AddHook(hook)
		counters, asked = shared, hook.asked.Load
	}
	defer func() { _ = counters.Close() }()
	api, err := newAPI(ctx, counters)
	if err != nil {
		return err
	}
	return story(ctx, api, asked, out)
}

// story is what the customer sees.
func story(ctx context.Context, api *api, asked func() int64, out io.Writer) error {
	let, last := 0, call(ctx, api)
	for ; last.Code == http.StatusOK; last = call(ctx, api) {
		let++
	}
	fmt.Fprintf(out, "on %s: %d requests let in, then %d\n", api.plan(), let, last.Code)

	before, refused := asked(), 0
	for range knocks {
		if call(ctx, api).Code == http.StatusTooManyRequests {
			refused++
		}
	}
	fmt.Fprintf(out, "%d more refused, for which the counters' server was asked %d times\n", refused, asked()-before)

	if w := post(ctx, api, "/upgrade"); w.Code != http.StatusNoContent {
		return fmt.Errorf("upgrade: %d %s", w.Code, w.Body)
	}
	w := call(ctx, api)
	fmt.Fprintf(out, "on %s, in the same hour: %d, %s of %s left\n", api.plan(), w.Code, w.Header().Get("X-RateLimit-Remaining"), w.Header().Get("X-RateLimit-Limit"))
	return nil
}

func call(ctx context.Context, api *api) *httptest.ResponseRecorder {
	return api.answer(httptest.NewRequestWithContext(ctx, http.MethodGet, "/forecast", http.NoBody))
}

func post(ctx context.Context, api *api, path string) *httptest.ResponseRecorder {
	return api.answer(httptest.NewRequestWithContext(ctx, http.MethodPost, path, http.NoBody))
}

func onRedis(url string) (*redis.Client, ratelimit.Counters, error) {
	options, err := redisstore.Options(url)
	if err != nil {
		return nil, nil, err
	}
	client := redis.NewClient(options)
	secret := make([]byte, 32) // a host keeps one, the same on all nodes
	_, _ = rand.Read(secret)   // it never fails
	counters, err := rediscounters.New(client, rediscounters.Config{Secret: secret, Prefix: "plans"})
	return client, counters, err
}

// hook counts the commands that are sent.
type hook struct{ asked atomic.Int64 }

func (h *hook) DialHook(next redis.DialHook) redis.DialHook { return next }

func (h *hook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		h.asked.Add(1)
		return next(ctx, cmd)
	}
}

func (h *hook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		h.asked.Add(int64(len(cmds)))
		return next(ctx, cmds)
	}
}
