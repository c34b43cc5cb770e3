// Package redisclient has what the packages for Redis share: the checks of a client
// and its server, and scripts that the client never sends twice.
package redisclient

import (
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// Check returns an error that lists everything that is wrong with a client. The
// client must be a *redis.Client or a *redis.ClusterClient, must respect the deadline
// of the context, and must read from the master, never from a replica or a cache.
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
			fresh("ReadOnly", o.ReadOnly && !o.RouteByLatency && !o.RouteRandomly), // go-redis sets ReadOnly for these two
			fresh("RouteByLatency", o.RouteByLatency),
			fresh("RouteRandomly", o.RouteRandomly),
		)
	default:
		return fmt.Errorf("the client must be a *redis.Client or a *redis.ClusterClient, got %T", client)
	}
}

func deadlines(respected bool) error {
	if respected {
		return nil
	}
	return errors.New("the client's option ContextTimeoutEnabled must be true, got false: without it a request waits for a silent server beyond its deadline")
}

func fresh(option string, stale bool) error {
	if !stale {
		return nil
	}
	return fmt.Errorf("the client's option %s must not be set: with it reads return outdated values", option)
}
