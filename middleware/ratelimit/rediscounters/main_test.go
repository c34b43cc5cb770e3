package rediscounters_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"

	"github.com/sallyport-go/sallyport/internal/redistest"
	"github.com/sallyport-go/sallyport/middleware/ratelimit"
	"github.com/sallyport-go/sallyport/middleware/ratelimit/rediscounters"
	"github.com/sallyport-go/sallyport/store/redisstore"
)

func TestMain(m *testing.M) {
	redis.SetLogger(&logging.VoidLogger{}) // it tells of every server that a test has killed
	os.Exit(redistest.Run(m))
}

// patience is more than a busy machine needs.
const patience = 30 * time.Second

var secret = []byte("test secret of thirty-two bytes!")

func dial(t testing.TB, url string) *redis.Client {
	t.Helper()
	options, err := redisstore.Options(url)
	if err != nil {
		t.Fatal(err)
	}
	options.DialTimeout, options.ReadTimeout, options.WriteTimeout, options.PoolTimeout = patience, patience, patience, patience
	options.MaxRetries = 3 // as go-redis has it
	client := redis.NewClient(options)
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	return client
}

func dialCluster(t testing.TB, addrs []string) *redis.ClusterClient {
	t.Helper()
	options, err := redisstore.ClusterOptions("redis://" + addrs[0])
	if err != nil {
		t.Fatal(err)
	}
	options.DialTimeout, options.ReadTimeout, options.WriteTimeout, options.PoolTimeout = patience, patience, patience, patience
	client := redis.NewClusterClient(options)
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	return client
}

// counters returns Counters with this prefix.
func counters(t testing.TB, client redis.UniversalClient, prefix string) ratelimit.Counters {
	t.Helper()
	c, err := rediscounters.New(client, rediscounters.Config{Secret: secret, Prefix: strings.TrimSuffix(prefix, ":"), Timeout: patience})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// engine returns Counters on ulule's driver.
func engine(t testing.TB, client redis.UniversalClient, prefix string) ratelimit.Counters {
	t.Helper()
	c, err := rediscounters.Engine(client, rediscounters.Config{Secret: secret, Prefix: strings.TrimSuffix(prefix, ":"), Timeout: patience})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// charge is so much of an hour's limit.
func charge(key string, limit, cost int64) ratelimit.Charge {
	return ratelimit.Charge{Key: key, Policy: ratelimit.Policy{Name: "free", Limit: limit, Window: time.Hour}, Cost: cost}
}

func takes(t testing.TB, c ratelimit.Counters, charges ...ratelimit.Charge) ratelimit.Decision {
	t.Helper()
	d, err := c.Take(t.Context(), charges, nil)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
