package rediscounters_test

import (
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/internal/configtest"
	"github.com/sallyport-go/sallyport/internal/redistest"
	"github.com/sallyport-go/sallyport/middleware/ratelimit/rediscounters"
)

func TestEachFieldOfAConfigIsChecked(t *testing.T) {
	t.Parallel()
	type config struct {
		rediscounters.Config

		client redis.UniversalClient
	}
	type of = configtest.Case[config]
	client := dial(t, redistest.URL(t))
	nearest := redis.NewClusterClient(&redis.ClusterOptions{ContextTimeoutEnabled: true, RouteByLatency: true})
	t.Cleanup(func() { _ = nearest.Close() })
	good := func() config { return config{rediscounters.Config{Secret: secret}, client} }
	configtest.Run(t, "rediscounters", good, func(c config) error {
		_, err := rediscounters.New(c.client, c.Config)
		return err
	}, []of{
		{Name: "no client", Path: "client", Got: "is required", Edit: func(c *config) { c.client = nil }},
		{Name: "a client that reads from replicas", Path: "client.RouteByLatency", Got: "must not be set", Edit: func(c *config) { c.client = nearest }, Alone: true},
		{Name: "too short", Path: "Config.Secret", Got: "got 31", Edit: func(c *config) { c.Secret = secret[:31] }},
		{Name: "a lease of one", Path: "Config.Lease", Got: "got 1", Edit: func(c *config) { c.Lease = 1 }},
		{Name: "less than nothing", Path: "Config.Timeout", Got: "got -1ns", Edit: func(c *config) { c.Timeout = -1 }},
		{Name: "less than nothing", Path: "Config.ProbeEvery", Got: "got -1ns", Edit: func(c *config) { c.ProbeEvery = -1 }},
		{Name: "too few", Path: "Config.SourceCounters", Got: "got 63", Edit: func(c *config) { c.SourceCounters = 63 }},
	})
}
