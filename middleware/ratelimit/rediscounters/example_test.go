package rediscounters_test

import (
	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/middleware"
	"github.com/sallyport-go/sallyport/middleware/ratelimit/rediscounters"
	"github.com/sallyport-go/sallyport/store/redisstore"
)

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
