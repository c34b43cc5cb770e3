package rediscounters_test

import (
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/configerror"
	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/ratelimit/rediscounters"
	"github.com/sallyport-go/sallyport/store/redisstore"
)

// Nodes with the same secret and the same server count together.
func Example() { //nolint:testableexamples // it needs a server
	options, err := redisstore.Options("redis://127.0.0.1:6379/0")
	if err != nil {
		panic(err)
	}
	client := redis.NewClient(options)
	defer func() { _ = client.Close() }()

	secret := []byte("32 random bytes, same on all nodes") // out of the host's secrets
	counters, err := rediscounters.New(client, rediscounters.Config{Secret: secret})
	if err != nil {
		panic(err)
	}
	// All nodes that have it admit the limit together.
	_ = middleware.Config{Counters: counters}
}

// A client with the defaults of go-redis waits longer than the decision may take, and
// the secret must be random.
func ExampleNew_wrong() {
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:6379"})
	defer func() { _ = client.Close() }()

	_, err := rediscounters.New(client, rediscounters.Config{Secret: []byte("secret"), Lease: 1})
	for e := range configerror.All(err) {
		fmt.Printf("%s: %s\n", e.Path, e.Problem)
	}
	// Output:
	// client.ContextTimeoutEnabled: must be true, got false: without it a request waits for a silent server beyond its deadline
	// Config.Secret: must be 32 random bytes or more, got 6
	// Config.Lease: must be 2 to 100000, got 1
}
