package redisstore_test

import (
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/sallyport-go/sallyport/internal/configtest"
	"github.com/sallyport-go/sallyport/internal/redistest"
	"github.com/sallyport-go/sallyport/store/redisstore"
)

func TestEachFieldOfAConfigIsChecked(t *testing.T) {
	t.Parallel()
	type config struct {
		redisstore.Config

		client redis.UniversalClient
	}
	type of = configtest.Case[config]
	client := dial(t, redistest.URL(t))
	forgetful := redis.NewClient(&redis.Options{})
	t.Cleanup(func() { _ = forgetful.Close() })
	configtest.Run(t, "redisstore", func() config { return config{good, client} }, func(c config) error {
		_, err := redisstore.New(t.Context(), c.client, c.Config)
		return err
	}, []of{
		{Name: "no client", Path: "client", Got: "is required", Edit: func(c *config) { c.client = nil }},
		{Name: "a client without deadlines", Path: "client.ContextTimeoutEnabled", Got: "got false", Edit: func(c *config) { c.client = forgetful }, Alone: true},
		{Name: "no users", Path: "Config.Users", Got: "is required", Edit: func(c *config) { c.Users = nil }},
		{Name: "a nil pointer", Path: "Config.Users", Got: "nil *redisstore_test.noUsers", Edit: func(c *config) { c.Users = (*noUsers)(nil) }, Alone: true},
		{Name: "less than nothing", Path: "Config.Timeout", Got: "got -1ns", Edit: func(c *config) { c.Timeout = -1 }},
		{Name: "less than nothing", Path: "Config.Replicas", Got: "got -2", Edit: func(c *config) { c.Replicas = -2 }},
	})
}
