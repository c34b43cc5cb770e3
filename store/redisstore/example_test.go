package redisstore_test

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/store"
	"github.com/sallyport-go/sallyport/store/memstore"
	"github.com/sallyport-go/sallyport/store/redisstore"
)

// Users stay where they are, here in memory; what many nodes share is on Redis.
func Example() { //nolint:testableexamples // it needs a server
	ctx := context.Background()
	users, err := memstore.New(memstore.Config{}) // the host's own table
	if err != nil {
		panic(err)
	}
	options, err := redisstore.Options("redis://127.0.0.1:6379/0")
	if err != nil {
		panic(err)
	}
	client := redis.NewClient(options)
	defer func() { _ = client.Close() }()

	s, err := redisstore.New(ctx, client, redisstore.Config{Users: users})
	if err != nil {
		panic(err) // it says what to do
	}
	// s goes into tokens.Config, as Store and as APIKeys.
	sessions, err := s.UserSessions(ctx, "u1", store.Newest(), store.MaxPage)
	fmt.Println(len(sessions), err)
}

// On a Cluster, with a replica that must have each write before it counts.
func Example_cluster() { //nolint:testableexamples // it needs a Cluster
	ctx := context.Background()
	users, err := memstore.New(memstore.Config{})
	if err != nil {
		panic(err)
	}
	options, err := redisstore.ClusterOptions("rediss://app:secret@one.internal:6379?addr=two.internal:6379")
	if err != nil {
		panic(err)
	}
	client := redis.NewClusterClient(options)
	defer func() { _ = client.Close() }()

	s, err := redisstore.New(ctx, client, redisstore.Config{Users: users, Replicas: 1})
	if err != nil {
		panic(err)
	}
	now := time.Now()
	fmt.Println(s.RevokeUserSessions(ctx, "u1", "", now, now.Add(-2*time.Hour)))
}

// Options sets what go-redis leaves to defaults that New refuses.
func ExampleOptions() {
	options, err := redisstore.Options("rediss://app:secret@redis.internal:6379/2")
	if err != nil {
		panic(err)
	}
	fmt.Println(options.Addr, "database", options.DB, "TLS", options.TLSConfig != nil)
	fmt.Println("a deadline of the context holds:", options.ContextTimeoutEnabled)
	fmt.Println("it waits for", options.ReadTimeout, "at most")
	// Output:
	// redis.internal:6379 database 2 TLS true
	// a deadline of the context holds: true
	// it waits for 2s at most
}

// A client with the defaults of go-redis waits 5 s for a silent server, whatever
// the deadline of the request.
func ExampleNew_wrong() {
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:6379"})
	defer func() { _ = client.Close() }()

	_, err := redisstore.New(context.Background(), client, redisstore.Config{Users: noUsers{}})
	fmt.Println(err)
	// Output:
	// redisstore: client.ContextTimeoutEnabled: must be true, got false: without it a request waits for a silent server beyond its deadline
}
