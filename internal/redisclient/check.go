// Package redisclient is how the house talks to Redis: what it asks of a
// client, and scripts that no client runs twice.
package redisclient

import (
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// Check returns an error that names all that is wrong with a client at once. A
// good one is a *redis.Client or a *redis.ClusterClient that gives up when the
// context is done, and asks the server, never a replica or a cache, what was
// last written.
func Check(client redis.UniversalClient) error {
	switch c := client.(type) {
	case nil:
		return errors.New("the client is required")
	case *redis.Client:
		if c == nil {
			return errors.New("the client is required")
		}
		o := c.Options()
		return errors.Join(
			deadlines(o.ContextTimeoutEnabled),
			fresh("ClientSideCacheConfig", o.ClientSideCacheConfig != nil),
			fresh("ClientSideCache", o.ClientSideCache != nil),
		)
	case *redis.ClusterClient:
		if c == nil {
			return errors.New("the client is required")
		}
		o := c.Options()
		return errors.Join(
			deadlines(o.ContextTimeoutEnabled),
			fresh("ReadOnly", o.ReadOnly && !o.RouteByLatency && !o.RouteRandomly), // which switch it on
			fresh("RouteByLatency", o.RouteByLatency),
			fresh("RouteRandomly", o.RouteRandomly),
		)
	default:
		return fmt.Errorf("the client is to be a *redis.Client or a *redis.ClusterClient, not a %T", client)
	}
}

func deadlines(hold bool) error {
	if hold {
		return nil
	}
	return errors.New("the client's option ContextTimeoutEnabled is to be true: without it a request waits for a silent server whatever its deadline")
}

func fresh(option string, stale bool) error {
	if !stale {
		return nil
	}
	return fmt.Errorf("the client's option %s is not to be set: it answers with what was written some time ago", option)
}
